# Restores the newest backup into a scratch database and proves that it holds what the dump says. With copies off this host, the
# newest of them must be the same. The result stands in the log of the task and in drill.json.
. "$PSScriptRoot/backups.ps1"

$scratch = 'prefect_drill'

function Write-Result($name, $result, $reason, $began) {
    $seconds = [int] ([DateTime]::UtcNow - $began).TotalSeconds
    $told = @{ time = "$([DateTime]::UtcNow.ToString('s', $invariant))Z"; backup = "$directory/$name/prefect.dump"; result = $result; reason = $reason; seconds = $seconds }
    Write-File "$state/drill.json" "$(ConvertTo-Json $told -Compress)`n"
    Write-Line "restore drill ${result}: $directory/$name/prefect.dump in $seconds s"
}

# Only scheduled backups are copied as soon as they are made.
function Test-Copy {
    $copied = "$(Get-Backup | Where-Object { $_.EndsWith('-scheduled') } | Select-Object -First 1)"
    if ($copied -eq '') { return }
    Lock-Backups 'copy'
    $null = Invoke-Restic @('check') 'restic finds its repository damaged.'
    $place = "$state/copy"
    Remove-Directory $place
    New-Directory $place
    try {
        # a cache on this host would hide damage there
        $null = Invoke-Restic @('--no-cache', 'restore', 'latest', '--tag', 'prefect', '--include', $copied, '--target', $place) "$copied could not be read back from the copy off this host."
        $there = @(Get-ChildItem -LiteralPath $place -Recurse -File | Where-Object { $_.Name -eq 'prefect.dump' })
        $here = Get-FileHash -LiteralPath "$directory/$copied/prefect.dump" -Algorithm SHA256
        if ($there.Count -ne 1 -or (Get-FileHash -LiteralPath $there[0].FullName -Algorithm SHA256).Hash -ne $here.Hash) {
            fail "$directory/$copied is not the same off this host as here. Make a copy now: copy-prefect-backups"
        }
    } finally {
        Remove-Directory $place
    }
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
        if ($settings['RESTIC_REPOSITORY']) { Test-Copy }
    } catch {
        Write-Result $name 'failed' "$_" $began
        throw
    }
    Write-Result $name 'passed' '' $began
}
