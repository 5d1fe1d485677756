# Commands that only Windows has, played: they change the table `world` and tell each call.
$world = @{ change_answers = 0; shows_access = $false; services = @{}; rules = @{}; tasks = @{}; fails_with = 0; exits = $false; keeps = $false; refuses_tasks = $false; firewall = 'True'; local_rules = 'NotConfigured' }

function Show-Call($text) { [Console]::Out.WriteLine("call: $text") }

function Set-Access { }
function Add-Access($path, $sid) { Show-Access "$path+$sid" }
function Add-Reader($path, $sid) { Show-Access "$path+$sid" }
function Remove-Access($path, $sid) { Show-Access "$path-$sid" }
# only where a test asks for it
function Show-Access($text) { if ($world.shows_access) { Show-Call ($text -replace [regex]::Escape("$root/")) } }
function Get-Sid($account) { if ($account -match '^S-1-') { $account } else { "SID($account)" } }
function Get-Acl { [pscustomobject] @{ Sddl = 'the same' } }
function Unblock-File { }

function sc.exe {
    Show-Call "sc.exe $args"
    if ($args[0] -eq 'delete' -and -not $world.keeps) { $world.services.Remove($args[1]) }
    if ($args[0] -eq 'config') { $world.services[$args[1]].StartName = $args[3] }
    if ($args[0] -eq 'showsid') { 'SERVICE SID: S-1-5-80-1-2-3-4-5' }
}

# of what scripts start, only Windows' own programs are there
function Get-Outcome($program, [string[]] $arguments, $text, $limit) {
    $printed_lines = @(& $program @arguments)
    [pscustomobject] @{ code = 0; printed = $printed_lines; lines = $printed_lines }
}

function New-Service($Name, $BinaryPathName, $DisplayName, $StartupType) {
    Show-Call 'New-Service'
    $world.services[$Name] = @{ Name = $Name; Status = 'Stopped'; PathName = $BinaryPathName; StartName = 'LocalSystem'; StartMode = $StartupType; ExitCode = 1077; ProcessId = 0 }
}

function Get-Service($Name, $ErrorAction) {
    if ($world.services.ContainsKey($Name)) { [pscustomobject] @{ Status = $world.services[$Name].Status } }
}

function Start-Service($Name) {
    Show-Call 'Start-Service'
    $service_played = $world.services[$Name]
    if ($world.fails_with -ne 0) {
        $service_played.ExitCode = $world.fails_with
        throw "Failed to start service '$Name'."
    }
    $service_played.Status = 'Running'
    $service_played.ProcessId = 100
}

function Stop-Service($Name, [switch] $Force, [switch] $NoWait) {
    Show-Call 'Stop-Service'
    $world.services[$Name].Status = 'Stopped'
    $world.services[$Name].ProcessId = 0
}

function Get-CimInstance($ClassName, $Filter) {
    if ($ClassName -eq 'Win32_Process') {
        if (-not $world.exits) { [pscustomobject] @{ Name = 'python.exe'; ProcessId = 200 } }
        return
    }
    $name_played = $Filter -replace "^Name='(.*)'$", '$1'
    if ($world.services.ContainsKey($name_played)) { [pscustomobject] $world.services[$name_played] }
}

# of what it is told, a password is not shown
function Invoke-CimMethod($InputObject, $MethodName, $Arguments) {
    if ($world.change_answers -eq 0) {
        foreach ($key in $Arguments.Keys | Sort-Object) {
            Show-Call "$MethodName $key"
            $world.services[$InputObject.Name][$key] = $Arguments[$key] -replace '^Automatic$', 'Auto'
        }
    }
    [pscustomobject] @{ ReturnValue = $world.change_answers }
}

function Get-NetFirewallRule($Name, $Group, $ErrorAction) {
    $world.rules.Values | Where-Object { ($Name -and $_.Name -eq $Name) -or ($Group -and $_.Group -eq $Group) }
}

function New-NetFirewallRule($Name, $Group, $DisplayName, $Direction, $Action, $Protocol, $LocalPort, $RemoteAddress) {
    Show-Call "New-NetFirewallRule $Protocol $LocalPort $($RemoteAddress -join ',')"
    $world.rules[$Name] = [pscustomobject] @{ Name = $Name; Group = $Group; Enabled = 'True' }
}

function Remove-NetFirewallRule($Name) {
    Show-Call "Remove-NetFirewallRule $Name"
    $world.rules.Remove($Name)
}

function Get-NetFirewallProfile($PolicyStore) {
    [pscustomobject] @{ Name = 'Public'; Enabled = $world.firewall; AllowLocalFirewallRules = $world.local_rules }
}

function Get-ScheduledTask($TaskPath, $TaskName, $ErrorAction) {
    if ($world.tasks.ContainsKey($TaskName)) { [pscustomobject] @{ State = 'Ready' } }
}

function Register-ScheduledTask($TaskPath, $TaskName, $Xml, [switch] $Force) {
    if ($world.refuses_tasks) { throw 'The task XML contains a value which is incorrectly formatted.' }
    Show-Call "Register-ScheduledTask $TaskPath$TaskName"
    $world.tasks[$TaskName] = $Xml
}

function Stop-ScheduledTask { }

function Unregister-ScheduledTask($TaskPath, $TaskName, [bool] $Confirm) {
    Show-Call "Unregister-ScheduledTask $TaskPath$TaskName"
    $world.tasks.Remove($TaskName)
}
