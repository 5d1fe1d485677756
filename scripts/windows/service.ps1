# One service under Shawl: as its definition says, restarted if what it was started from changed, healthy in the end. If
# that fails in another Python environment than before, the one before serves again.

$record = "$run/$service.fingerprint"

# What is behind signs in the log of a service, or behind what Windows says of it by a number:
# https://learn.microsoft.com/windows/win32/debug/system-error-codes
$hints = [ordered] @{
    'error 5\b' = 'Its account may not read the program or write its directories: see their access by icacls, and whether a policy takes access away.'
    'error 1053\b' = 'It did not answer Windows within 30 s: see whether an antivirus program holds Shawl or Python up, and exempt the directory of Prefect.'
    'error (1057|1332)\b' = 'Windows does not know its account: remove the service (sc.exe delete) and run pulumi up again.'
    'error 1069\b' = 'Its account could not log on: a domain policy took the right to log on as a service from NT SERVICE\ALL SERVICES. Have it given back.'
    'error 1072\b' = 'It is marked for deletion: close services.msc and the task manager, then run pulumi up again.'
    'error 1260\b' = 'A policy keeps its account from running programs here: have AppLocker or App Control let all users run what is below the directory of this host.'
    '-1073741515|3221225781|0xc0000135' = 'A library is missing: install the Visual C++ runtime, vc_redist.x64.exe.'
    'UnicodeEncodeError' = 'A flow printed what the code page of this host has not: see that nothing unsets PYTHONUTF8.'
    'No module named|os error [23]\b|python.exe.*(cannot find|not found)' = 'The environment is not whole: remove its directory below runtime and run pulumi up again.'
    '(10048|EADDRINUSE|only one usage of each socket address)' = 'Its port is taken: Get-NetTCPConnection -State Listen tells by whom.'
    '(path|file ?name).*too long|\[WinError 206\]' = 'A path is too long: enable long paths, or choose a shorter directory for this host.'
    '(10013|WSAEACCES)' = 'Windows keeps its port for others: see netsh interface ipv4 show excludedportrange tcp, and choose another one.'
    '(10061|ConnectionRefused|could not connect)' = 'What it needs does not answer: see whether PostgreSQL, or the Prefect server, runs.'
}

function create {
    $definition = Get-Definition $service
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
        fail "$service was not healthy$where within $start_seconds s.$hint$(Restore-Runtime $before) The end of its log, in ${log}/${service}:`n$end"
    }
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

# Set-Definition DEFINITION: whether anything had to be changed. Neither account nor program has a password.
function Set-Definition($definition) {
    foreach ($directory in $definition.writes) {
        New-Directory $directory
        Add-Access $directory $definition.sid
    }
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
    if ($found -and $found.PathName -eq $definition.image_path -and $found.StartName -eq $definition.account -and $found.StartMode -eq 'Auto') {
        return $false
    }
    if ($found) {
        $wished = @{ PathName = $definition.image_path; StartMode = 'Automatic' }
        $answer = Invoke-CimMethod -InputObject $found -MethodName Change -Arguments $wished
        if ($answer.ReturnValue -ne 0) { fail "the service $service could not be changed: Win32_Service.Change returned $($answer.ReturnValue). Is it marked for deletion? Close services.msc, then run pulumi up again." }
    } else {
        $null = New-Service -Name $service -BinaryPathName $definition.image_path -DisplayName $service -StartupType Automatic
    }
    $null = Invoke-Program 'sc.exe' @('config', $service, 'obj=', $definition.account)
    $null = Invoke-Program 'sc.exe' @('description', $service, $definition.description)
    # Shawl starts its program again by itself; this is for Shawl
    $null = Invoke-Program 'sc.exe' @('failure', $service, 'reset=', '86400', 'actions=', 'restart/5000/restart/5000/restart/60000')
    $null = Invoke-Program 'sc.exe' @('failureflag', $service, '1')
    $true
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

# Restore-Runtime ENVIRONMENT: what became of that, as a sentence
function Restore-Runtime($before) {
    if ($before -eq '' -or $before -eq $environment -or -not [IO.Directory]::Exists($before)) { return '' }
    Stop-OurService $service
    Switch-Runtime $service $before
    if (Restart-UntilHealthy) { " It serves again from $before." } else { " From $before it was not healthy either." }
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
