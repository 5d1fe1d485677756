# Makes a backup of the Prefect database: backup-prefect [LABEL]. Without a label it is the scheduled one, which is copied off this
# host too if the settings say where to. A backup that fails leaves all others as they are.
param([string] $label = 'scheduled')
. "$PSScriptRoot/backups.ps1"

$unfinished = "$directory/.unfinished"

function New-Backup($name) {
    Remove-Directory $unfinished
    New-Directory $unfinished
    $dump = "$unfinished/prefect.dump"
    $null = Invoke-Program "$programs/pg_dump.exe" @('--format', 'custom', '--lock-wait-timeout', '5min', '--file', $dump, $database) $dump_seconds
    $null = Invoke-Program "$programs/pg_restore.exe" @('--list', $dump) $dump_seconds
    $revision = Get-DumpedRevision $dump
    if ($revision -eq '') { fail 'table alembic_version is empty, so the database is no whole one of Prefect.' }
    Write-File "$unfinished/SHA256SUMS" "$((Get-FileHash -LiteralPath $dump -Algorithm SHA256).Hash.ToLowerInvariant())  prefect.dump`n"
    Move-Directory $unfinished "$directory/$name"
    $revision
}

# Upgrades tried again and again must not push out the scheduled backups, so each kind is counted by itself.
function Remove-Superseded($made) {
    $count = @{ scheduled = 0; other = 0 }
    foreach ($name in @(Get-Backup)) {
        $kind = if ($name.EndsWith('-scheduled')) { 'scheduled' } else { 'other' }
        $count[$kind] += 1
        $is_old = $count[$kind] -gt [int] $settings['BACKUP_KEEP'] -or (Get-Age $name) -gt 24 * [int] $settings['BACKUP_KEEP_DAYS']
        if ($is_old -and $name -ne $made) {
            Remove-Directory "$directory/$name"
            Write-Line "removed $name"
        }
    }
}

Complete-Program {
    if ($label -notmatch '^[a-z0-9][a-z0-9._-]{0,59}$') { fail "'$label' is no label. Use lower-case letters, digits, dots, hyphens and underscores, at most 60." }
    Lock-Backups 'backup'
    if ((Get-Rows $database "SELECT to_regclass('alembic_version');") -eq '') {
        Write-Line "nothing to back up: database $database has no tables of Prefect yet"
        return
    }
    # a dump is compressed, so it is smaller than the database
    Test-Room $directory 1 "a backup in $directory" 'Make room there, or set backups.directory, backups.keep or backups.keepDays in the stack file.'
    $began = [DateTime]::UtcNow
    $name = "$($began.ToString("yyyy-MM-dd'T'HH-mm-ss'Z'", $invariant))-$label"
    $revision = New-Backup $name
    Remove-Superseded $name
    $size = (Get-Item -LiteralPath "$directory/$name/prefect.dump").Length
    $seconds = [int] ([DateTime]::UtcNow - $began).TotalSeconds
    Write-Line "backup $directory/$name/prefect.dump ($size bytes) made in $seconds s, schema revision $revision"
    if ($label -eq 'scheduled' -and $settings['RESTIC_REPOSITORY']) {
        & "$PSScriptRoot/copy-prefect-backups.ps1"
        if ($LASTEXITCODE -ne 0) { fail 'the backup is made, but it was not copied off this host; see above.' }
    }
}
