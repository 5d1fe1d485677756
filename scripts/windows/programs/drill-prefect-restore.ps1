# Restores the newest backup into a scratch database and proves that it holds what the dump says. The result stands in the log of
# the task and in drill.json.
. "$PSScriptRoot/backups.ps1"

$scratch = 'prefect_drill'

function Write-Result($name, $result, $reason, $began) {
    $seconds = [int] ([DateTime]::UtcNow - $began).TotalSeconds
    $told = @{ time = "$([DateTime]::UtcNow.ToString('s', $invariant))Z"; backup = "$directory/$name/prefect.dump"; result = $result; reason = $reason; seconds = $seconds }
    Write-File "$state/drill.json" "$(ConvertTo-Json $told -Compress)`n"
    Write-Line "restore drill ${result}: $directory/$name/prefect.dump in $seconds s"
}

Complete-Program {
    Lock-Backups 'drill'
    $name = "$(Get-Backup | Select-Object -First 1)"
    if ($name -eq '') {
        Write-Line 'there is no backup to restore yet; check-prefect-backups tells when that is too long'
        return
    }
    $began = [DateTime]::UtcNow
    try {
        Remove-Database $scratch
        Test-RoomForDatabase
        Restore-Into $scratch $name
        Remove-Database $scratch
    } catch {
        Write-Result $name 'failed' "$_" $began
        throw
    }
    Write-Result $name 'passed' '' $began
}
