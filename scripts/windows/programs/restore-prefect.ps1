# Puts a backup in the place of the Prefect database: restore-prefect [BACKUP], the newest if none is named. The database that was
# there stays under another name. Prefect's server stands still meanwhile; workers wait for it.
param([string] $backup = '')
. "$PSScriptRoot/backups.ps1"

$service = 'prefect-server'
$restored = 'prefect_restored'

Complete-Program {
    Lock-Backups 'restore'
    $name = if ($backup -ne '') { $backup } else { "$(Get-Backup | Select-Object -First 1)" }
    if ($name -notin @(Get-Backup)) { fail "there is no backup '$name' in $directory. Those there are: $((Get-Backup) -join ', ')" }
    Remove-Database $restored
    Test-RoomForDatabase
    Restore-Into $restored $name
    $before = "prefect_before_$([DateTime]::UtcNow.ToString('yyyyMMdd_HHmmss', $invariant))"
    Stop-OurService $service
    try {
        $null = Get-Rows 'postgres' @"
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('$database', '$restored') AND pid <> pg_backend_pid();
BEGIN;
ALTER DATABASE "$database" RENAME TO "$before";
ALTER DATABASE "$restored" RENAME TO "$database";
COMMIT;
"@
    } finally {
        Start-OurService $service
    }
    Write-Line "$directory/$name is in the place of $database; what was there is the database $before"
}
