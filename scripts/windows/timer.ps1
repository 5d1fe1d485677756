# A task that Task Scheduler runs at set times. Its last run, and whether it is running, do not matter here.

$folder = '\Prefect\'
$record = "$run/$task.fingerprint"

function create {
    $found = Get-ScheduledTask -TaskPath $folder -TaskName $task -ErrorAction SilentlyContinue
    if ($found -and "$($found.State)" -ne 'Disabled' -and (Read-File $record) -eq $fingerprint) {
        unchanged "$task is scheduled for $schedule"
        return
    }
    Remove-File $record
    try { $null = Register-ScheduledTask -TaskPath $folder -TaskName $task -Xml (Read-File "$configuration/tasks/$task.xml") -Force } catch {
        fail "Task Scheduler does not take ${task}: $_ Does the service Schedule run? What it was given is in $configuration/tasks/$task.xml."
    }
    Write-File $record $fingerprint
    changed "$task is scheduled for $schedule"
}

function drift {
    $found = Get-ScheduledTask -TaskPath $folder -TaskName $task -ErrorAction SilentlyContinue
    if (-not $found) { "${task}: missing" } elseif ("$($found.State)" -eq 'Disabled') { "${task}: disabled instead of enabled" }
}

function delete {
    Remove-File $record
    if (-not (Get-ScheduledTask -TaskPath $folder -TaskName $task -ErrorAction SilentlyContinue)) {
        unchanged "$task is not scheduled"
        return
    }
    Stop-ScheduledTask -TaskPath $folder -TaskName $task
    Unregister-ScheduledTask -TaskPath $folder -TaskName $task -Confirm:$false
    changed "$task is not scheduled any more"
}
