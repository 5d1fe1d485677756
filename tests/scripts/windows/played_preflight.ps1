# What the preflight asks Windows, played: a server with everything.
$system = [pscustomobject] @{ BuildNumber = '20348'; Caption = 'Windows Server 2022'; ProductType = 3; OSArchitecture = '64-bit'; TotalVisibleMemorySize = [uint64] 8388608 }
$asked = @{ rights = 'SeServiceLogonRight = *S-1-5-80-0,*S-1-5-20'; shawl = 'shawl 1.9.0'; in_domain = $false; python = 0; policy = 'Undefined'; listens = 0 }
$states = @{ W32Time = 'Running' }
$sshd = [pscustomobject] @{ PathName = '"C:\OpenSSH\sshd.exe" -x'; StartMode = 'Auto' }
$sshd_version = '9.5.4.1'
$libraries = "$root/Windows/System32"
New-Directory $libraries
foreach ($library in 'vcruntime140.dll', 'vcruntime140_1.dll', 'msvcp140.dll') { Write-File "$libraries/$library" '' }

# sockets of Windows need the real SystemRoot
${function:Test-LibrariesOfWindows} = ${function:Test-Libraries}
function Test-Libraries {
    $real = $env:SystemRoot
    $env:SystemRoot = "$root/Windows"
    try { Test-LibrariesOfWindows } finally { $env:SystemRoot = $real }
}
# who is logged in, and disks, are what they are
function Test-Rights { }
function Test-Disk { }
function Get-CimInstance($ClassName, $Filter) {
    if ($ClassName -eq 'Win32_OperatingSystem') { $system } elseif ($ClassName -eq 'Win32_Service') { $sshd } else { [pscustomobject] @{ PartOfDomain = $asked.in_domain } }
}
function Get-Item { [pscustomobject] @{ VersionInfo = [pscustomobject] @{ FileVersion = $sshd_version } } }
function Get-Outcome($program, [string[]] $arguments, $text, $limit) {
    if ($program -eq 'secedit.exe') { [IO.File]::WriteAllText($arguments[4], "[Privilege Rights]`r`n$($asked.rights)`r`n", [Text.Encoding]::Unicode) }
    $lines = @(if ($program -like '*shawl*') { $asked.shawl } elseif ($program -like '*restic*') { $asked.restic })
    [pscustomobject] @{ code = $asked.python; printed = $lines; lines = $lines }
}
function Get-ExecutionPolicy { $asked.policy }
function Get-ServiceState($name) { "$($states[$name])" }
function Get-NetTCPConnection($State, $LocalPort, $ErrorAction) { if ($LocalPort -eq $asked.listens) { foreach ($address in 4, 6) { [pscustomobject] @{ OwningProcess = $PID } } } }
function Get-ItemProperty { [pscustomobject] @{ LongPathsEnabled = 1 } }
function Get-AppLockerPolicy { '<AppLockerPolicy Version="1"><RuleCollection Type="Exe" EnforcementMode="Enabled" /></AppLockerPolicy>' }
