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

# A second database beside the first must not fill the disk that both are on.
function Test-Room {
    $needed = [long] (Get-Rows $database 'SELECT pg_database_size(current_database()) * 3 / 2;')
    $free = (New-Object IO.DriveInfo($root.Substring(0, 1))).AvailableFreeSpace
    if ($free -lt $needed) {
        $found = "only $([Math]::Floor($free / 1048576)) MiB are free for a second database, which may need $([Math]::Ceiling($needed / 1048576))"
        fail "$found. Make room on $($root.Substring(0, 2)); nothing was changed."
    }
}

Complete-Program {
    Enter-Lock 'drill'
    $name = "$(Get-Backup | Select-Object -First 1)"
    if ($name -eq '') {
        Write-Line 'there is no backup to restore yet; check-prefect-backups tells when that is too long'
        return
    }
    $began = [DateTime]::UtcNow
    try {
        Remove-Database $scratch
        Test-Room
        Restore-Into $scratch $name
        Remove-Database $scratch
    } catch {
        Write-Result $name 'failed' "$_" $began
        throw
    }
    Write-Result $name 'passed' '' $began
}
