# Fails if the newest good backup is too old.
. "$PSScriptRoot/backups.ps1"

$limit = [int] $settings['BACKUP_ALERT_AFTER_HOURS']

function Test-Hours($hours, $what) {
    if ($hours -ge $limit) { fail "$what; at most $limit hours are allowed. What went wrong: $log/tasks/prefect-backup.log. To make one now: Start-ScheduledTask -TaskPath '\Prefect\' -TaskName prefect-backup" }
}

Complete-Program {
    foreach ($name in @(Get-Backup)) {
        if (-not (Test-Backup $name)) {
            Write-Line "$directory/$name is damaged"
            continue
        }
        $hours = [Math]::Floor((Get-Age $name))
        Test-Hours $hours "the newest good backup, $name, is $hours hours old"
        Write-Line "the newest good backup, $name, is $hours hours old"
        return
    }
    $hours = [Math]::Floor(([DateTime]::UtcNow - (Get-Item -LiteralPath "$configuration/backups.env").LastWriteTimeUtc).TotalHours)
    Test-Hours $hours "there is no good backup, though backups were set up $hours hours ago"
    Write-Line "there is no good backup yet; the first must be made within $limit hours"
}
