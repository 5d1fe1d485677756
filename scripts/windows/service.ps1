# One service under Shawl: as its definition says, restarted if what it was started from changed, healthy in the end. If
# that fails in another Python environment or as another account than before, the one before serves again.

$record = "$run/$service.fingerprint"
# arrives where its account has one
$password = "$(Get-Variable -Name password -ValueOnly -ErrorAction SilentlyContinue)"

# https://learn.microsoft.com/windows/win32/cimwin32prov/change-method-in-class-win32-service
$refusals = @{
    2 = 'The SSH user may not change it: see who may, by sc.exe sdshow.'
    15 = 'Its account may not log on as a service: a policy may have taken the right back.'
    16 = 'It is marked for deletion: close services.msc and the task manager, then run pulumi up again.'
    21 = 'Windows does not take something of its definition.'
    22 = 'Windows does not take its account or the password of that: see that both are right, and that this host reaches its domain.'
}

# What is behind signs in the log of a service, or behind what Windows says of it by a number:
# https://learn.microsoft.com/windows/win32/debug/system-error-codes
$hints = [ordered] @{
    'error 5\b' = 'Its account may not read the program or write its directories: see their access by icacls, and whether a policy takes access away.'
    'error 1053\b' = 'It did not answer Windows within 30 s: see whether an antivirus program holds Shawl or Python up, and exempt the directory of Prefect.'
    'error (1057|1332)\b' = 'Windows does not know its account: see that it is there; of its own one, remove the service (sc.exe delete) and run pulumi up again.'
    'error 1069\b' = 'Its account could not log on: its password is another one by now, or a policy took the right to log on as a service from it, or from NT SERVICE\ALL SERVICES. Have it given back.'
    'error 1072\b' = 'It is marked for deletion: close services.msc and the task manager, then run pulumi up again.'
    'error 1260\b' = 'A policy keeps its account from running programs here: have AppLocker or App Control let all users run what is below the directory of this host.'
    '-1073741515|3221225781|0xc0000135' = 'A library is missing: install the Visual C++ runtime, vc_redist.x64.exe.'
    'UnicodeEncodeError' = 'A flow printed what the code page of this host has not: see that nothing unsets PYTHONUTF8.'
    'listen(ing on)? .*:[0-9]+: bind:' = 'Its port is taken, or Windows keeps it for others: see Get-NetTCPConnection -State Listen, and netsh interface ipv4 show excludedportrange tcp.'
    'No module named|os error [23]\b|python.exe.*(cannot find|not found)' = 'The environment is not whole: remove its directory below runtime and run pulumi up again.'
    '(10048|EADDRINUSE|only one usage of each socket address)' = 'Its port is taken: Get-NetTCPConnection -State Listen tells by whom.'
    '(path|file ?name).*too long|\[WinError 206\]' = 'A path is too long: enable long paths, or choose a shorter directory for this host.'
    '(10013|WSAEACCES)' = 'Windows keeps its port for others: see netsh interface ipv4 show excludedportrange tcp, and choose another one.'
    '(10061|ConnectionRefused|could not connect)' = 'What it needs does not answer: see whether PostgreSQL, or the Prefect server, runs.'
}

function create {
    $definition = Get-Definition $service
    $account_before = Get-Account
    $is_new = Set-Definition $definition
    if (-not $is_new -and (Read-File $record) -eq $fingerprint -and (Test-Up)) {
        unchanged "$service runs and is healthy"
        return
    }
    $before = Get-Runtime $service
    Remove-File $record
    Stop-OurService $service
    Switch-Runtime $service $environment
    if (-not (Restart-UntilHealthy)) {
        $end = Get-EndOfLog $service
        $where = if ($health_url -eq '') { '' } else { " at $health_url" }
        $hint = Get-Hint "$(Get-ExitCode) $end"
        fail "$service was not healthy$where within $start_seconds s.$hint$(Restore-Former $before $account_before $definition) The end of its log, in ${log}/${service}:`n$end"
    }
    if ($account_before -notin '', $definition.account) { Remove-Account $account_before $definition }
    Write-File $record $fingerprint
    changed "$service started and is healthy"
}

function drift {
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    if (-not $found) { return "${service}: missing" }
    if ($found.StartMode -ne 'Auto') { "${service}: disabled instead of enabled" }
    if ($found.State -ne 'Running') { "${service}: inactive instead of active" }
    $definition = Get-Definition $service
    # its file tells of itself
    if ($definition -and ($found.PathName -ne $definition.image_path -or $found.StartName -ne $definition.account)) { "${service}: another program or account" }
    $runs_from = Get-Runtime $service
    if ($environment -notin '', $runs_from) { "${service}: runs from $runs_from instead of $environment" }
}

# Set-Definition DEFINITION: whether anything had to be changed. Windows does not tell whether a password is another one.
function Set-Definition($definition) {
    foreach ($directory in $definition.writes) {
        New-Directory $directory
        Add-Access $directory (Get-AccountSid $definition)
    }
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    $is_same = $found -and $found.PathName -eq $definition.image_path -and $found.StartName -eq $definition.account -and $found.StartMode -eq 'Auto'
    if ($is_same -and ($password -eq '' -or (Read-File $record) -eq $fingerprint)) { return $false }
    # until it has its account it would run as the system, so that Windows must not start it by itself yet
    if (-not $found) { $null = New-Service -Name $service -BinaryPathName $definition.image_path -DisplayName $service -StartupType Manual }
    Set-Account $definition.account $password
    Update-Service @{ PathName = $definition.image_path; StartMode = 'Automatic' }
    $null = Invoke-Program 'sc.exe' @('description', $service, $definition.description)
    # Shawl starts its program again by itself; this is for Shawl
    $null = Invoke-Program 'sc.exe' @('failure', $service, 'reset=', '86400', 'actions=', 'restart/5000/restart/5000/restart/60000')
    $null = Invoke-Program 'sc.exe' @('failureflag', $service, '1')
    $true
}

# Update-Service VALUES: of Win32_Service, from its next start
function Update-Service($wished) {
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    $number = [int] (Invoke-CimMethod -InputObject $found -MethodName Change -Arguments $wished).ReturnValue
    if ($number -ne 0) { fail "the service $service could not be changed: Win32_Service.Change returned $number. $($refusals[$number]) Nothing was stopped for it." }
}

# Get-Account: as which the service logs on; nothing where it is not there
function Get-Account {
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    if ($found) { $found.StartName } else { '' }
}

# Set-Account ACCOUNT PASSWORD: as which the service logs on from its next start. A password goes by no command line, which
# others see. An account whose password the domain or nobody has is given none, not an empty one. Of one that the domain
# manages Windows must be told that it is, or the service fails to log on:
# https://learn.microsoft.com/troubleshoot/entra/entra-id/ad-dmn-services/azure-ad-hybrid-sync-gmsa-set-logon-service
function Set-Account($account, $its_password) {
    if ((Get-Account).EndsWith('$')) { $null = Invoke-Program 'sc.exe' @('managedaccount', $service, 'false') }
    if ($its_password -eq '') {
        $null = Invoke-Program 'sc.exe' @('config', $service, 'obj=', $account)
    } else {
        Update-Service @{ StartName = $account; StartPassword = $its_password }
    }
    if ($account.EndsWith('$')) { $null = Invoke-Program 'sc.exe' @('managedaccount', $service, 'true') }
}

# Remove-Account ACCOUNT DEFINITION: it has no access any more that it had for the service
function Remove-Account($account, $definition) {
    # one that is gone has none either
    try { $sid = Get-Sid $account } catch { return }
    if ($sid -eq (Get-AccountSid $definition)) { return }
    foreach ($path in @($definition.writes) + @($definition.environment_files)) { Remove-Access $path $sid }
}

# Add-Reader FILE SID: that one too may read it
function Add-Reader($path, $sid) {
    $who = New-Object Security.Principal.SecurityIdentifier($sid)
    $list = Get-Acl -LiteralPath $path
    $list.SetAccessRule((New-Object Security.AccessControl.FileSystemAccessRule($who, 'Read', 'Allow')))
    [IO.File]::SetAccessControl($path, $list)
}

# Remove-Access PATH SID: what it was given there by itself
function Remove-Access($path, $sid) {
    $list = Get-Acl -LiteralPath $path
    $list.PurgeAccessRules((New-Object Security.Principal.SecurityIdentifier($sid)))
    if ([IO.Directory]::Exists($path)) { [IO.Directory]::SetAccessControl($path, $list) } else { [IO.File]::SetAccessControl($path, $list) }
}

# Get-ExitCode: what Windows says of a service that does not run; 0 and 1077, never started, tell nothing
function Get-ExitCode {
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    if ($found -and $found.ExitCode -notin 0, 1077) { "error $($found.ExitCode)" } else { '' }
}

# Get-Hint TEXT: what to do about the first sign in it, as a sentence
function Get-Hint($text) {
    foreach ($sign in $hints.Keys) { if ($text -match $sign) { return " $($hints[$sign])" } }
    ''
}

function Restart-UntilHealthy {
    Stop-OurService $service
    try { Start-OurService $service } catch {
        Write-Line "$service did not start: $_"
        return $false
    }
    (Wait-Until ([int] $start_seconds) { Test-Up }) -and (Test-StaysUp)
}

# Restore-Former RUNTIME ACCOUNT DEFINITION: what became of that, as a sentence
function Restore-Former($runtime_before, $account_before, $definition) {
    $is_moved = $runtime_before -notin '', $environment -and [IO.Directory]::Exists($runtime_before)
    $is_other = $account_before -notin '', $definition.account
    if (-not $is_moved -and -not $is_other) { return '' }
    # of any other account the password before is not known here
    if ($is_other -and $account_before -notmatch '\$$|^NT SERVICE\\') { return " As $account_before it can serve again only with the password of that: put both back into the stack." }
    Stop-OurService $service
    $former = @()
    if ($is_moved) {
        Switch-Runtime $service $runtime_before
        $former += "from $runtime_before"
    }
    if ($is_other) {
        # into its directories it may still write
        foreach ($file in $definition.environment_files) { Add-Reader $file (Get-Sid $account_before) }
        Set-Account $account_before ''
        # what the other one was given for nothing
        $sid = Get-AccountSid $definition
        if ($sid -ne (Get-Sid $account_before)) { foreach ($directory in $definition.writes) { Remove-Access $directory $sid } }
        $former += "as $account_before"
    }
    if (Restart-UntilHealthy) { " It serves again $former." } else { " Run $former it was not healthy either." }
}

function Test-Up { (Get-ServiceState $service) -eq 'Running' -and (Get-Program $service) -ne '' -and (Test-Health $health_url) }

function Test-StaysUp {
    $seconds = [int] $settle_seconds
    # without an address to ask, a program that exits at once looks like one that runs
    if ($health_url -eq '' -and $seconds -lt 1) { $seconds = 1 }
    $process = Get-Program $service
    Start-Sleep -Seconds $seconds
    (Test-Up) -and $process -eq (Get-Program $service)
}

function delete {
    Remove-File $record
    if ((Get-ServiceState $service) -eq '') {
        Remove-Junction "$runtime/current/$service"
        unchanged "$service is not there"
        return
    }
    Stop-OurService $service
    $null = Invoke-Program 'sc.exe' @('delete', $service)
    if (-not (Wait-Until 30 { (Get-ServiceState $service) -eq '' })) {
        fail "the service $service is marked for deletion, but something still holds it. Close services.msc and the task manager, then run pulumi up again."
    }
    Remove-Junction "$runtime/current/$service"
    changed "stopped $service"
}
