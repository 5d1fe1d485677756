# Copies of the backups off this host, made by restic: encrypted here, only what is new. https://restic.readthedocs.io
#   copy-prefect-backups                     copies the backups
#   copy-prefect-backups -Back [SNAPSHOT]    brings back those that are missing here; of the newest snapshot, or of another one
#   copy-prefect-backups -List               lists the snapshots
param([switch] $back, [switch] $list, [string] $snapshot = 'latest')
. "$PSScriptRoot/backups.ps1"

$brought = "$directory/.unfinished"

function New-Copy {
    Lock-Backups 'copy'
    $began = [DateTime]::UtcNow
    New-Repository
    $null = Invoke-Restic @('unlock') 'what an earlier copy has locked could not be unlocked.'
    $null = Invoke-Restic @('backup', '--tag', 'prefect', '--exclude', '.unfinished', $directory) "$directory could not be copied; it is not touched by that."
    $keep = @('--keep-within', "$($settings['BACKUP_KEEP_DAYS'])d")
    $null = Invoke-Restic (@('forget', '--tag', 'prefect', '--group-by', 'tags', '--prune') + $keep) "old copies could not be removed; today's copy is made."
    Write-Line "copied $(@(Get-Backup).Count) backups off this host in $([int] ([DateTime]::UtcNow - $began).TotalSeconds) s"
}

function New-Repository {
    $opened = Get-ResticOutcome @('cat', 'config')
    if ($opened.code -eq 0) { return }
    $made = Get-ResticOutcome @('init')
    if ($made.code -ne 0) {
        fail "restic can neither open nor make its repository: $(Get-End ($opened.lines + $made.lines)) Check backups.copyTo and the secret backupCopyEnvironment."
    }
}

function Restore-Copy {
    Lock-Backups 'backup'
    Remove-Directory $brought
    New-Directory $brought
    try {
        $null = Invoke-Restic @('restore', $snapshot, '--tag', 'prefect', '--target', $brought) "$snapshot could not be brought back; copy-prefect-backups -List tells which snapshots there are."
        foreach ($found in @(Get-ChildItem -LiteralPath $brought -Directory -Recurse | Where-Object { Test-Name $_.Name })) {
            if (-not [IO.Directory]::Exists("$directory/$($found.Name)")) { Move-Directory $found.FullName "$directory/$($found.Name)" }
        }
    } finally {
        Remove-Directory $brought
    }
    Write-Line "there are $(@(Get-Backup).Count) backups now, the newest of them $(Get-Backup | Select-Object -First 1); restore-prefect puts one in the place of the database"
}

Complete-Program {
    if (-not $settings['RESTIC_REPOSITORY']) { fail 'there are no copies: backups.copyTo is not set in the stack file.' }
    if ($list) {
        foreach ($line in Invoke-Restic @('snapshots', '--tag', 'prefect') 'the snapshots could not be listed.') { Write-Line $line }
    } elseif ($back) { Restore-Copy } else { New-Copy }
}
