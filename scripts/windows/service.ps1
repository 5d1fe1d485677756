# One service under Shawl: as its definition says, restarted if what it was started from changed, healthy in the end. If
# that fails in another Python environment than before, the one before serves again.

$record = "$run/$service.fingerprint"

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
        fail "$service was not healthy$where within $start_seconds s.$(Restore-Runtime $before) The end of its log, in ${log}/${service}:`n$end"
    }
    Write-File $record $fingerprint
    changed "$service started and is healthy"
}

# Set-Definition DEFINITION: whether anything had to be changed. Neither account nor program has a password.
function Set-Definition($definition) {
    foreach ($directory in $definition.writes) {
        New-Directory $directory
        Add-Access $directory "*$($definition.sid):(OI)(CI)M"
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
