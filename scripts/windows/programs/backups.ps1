# What the programs that care for backups of the Prefect database share.
#
# A backup is a directory TIME-LABEL with two files: prefect.dump in pg_dump's custom format, and SHA256SUMS. It appears by a
# rename, so it is whole or not there. Whatever touches it or the database is done as the role postgres, by an administrator.
. "$PSScriptRoot/programs.ps1"

$settings = Read-Variables "$configuration/backups.env"
$state = "$data/backups"
$directory = $settings['BACKUP_DIRECTORY']
$database = $settings['PGDATABASE']
$administrator = $settings['DATABASE_ADMINISTRATOR']
$programs = "$runtime/postgresql/bin"
$restic = "$runtime/restic.exe"
# how many seconds reading and writing a dump may take
$dump_seconds = 14400
$invariant = [Globalization.CultureInfo]::InvariantCulture

$env:PGPASSFILE = "$configuration/postgresql/pgpass.conf"
$env:PGHOST = $settings['PGHOST']
$env:PGPORT = $settings['PGPORT']
$env:PGUSER = $administrator
$env:PGCONNECT_TIMEOUT = '10'
$env:PGCLIENTENCODING = 'UTF8'

# Lock-Backups WORK: one at a time
function Lock-Backups($work) {
    if (-not (Enter-Lock "$state/$work.lock" 600)) { fail "another $work has been running for ten minutes. Try again when it is done: Get-ScheduledTask -TaskPath '\Prefect\' shows it." }
}

# Get-Rows DATABASE STATEMENTS: as one text
function Get-Rows($name, $statements) {
    $outcome = Get-Outcome "$programs/psql.exe" @('-XAtqw', '-v', 'ON_ERROR_STOP=1', '-d', $name) $statements
    if ($outcome.code -ne 0) { fail "database $name could not be asked: $(Get-End $outcome.lines) Does PostgreSQL run? The backups that are there were left alone." }
    "$($outcome.printed -join "`n")".Trim()
}

# Get-Backup: their names, newest first
function Get-Backup {
    Get-ChildItem -LiteralPath $directory -Directory | ForEach-Object { $_.Name } | Where-Object { Test-Name $_ } | Sort-Object -Descending
}

# Test-Name NAME: whether it is that of a backup
function Test-Name($name) { $name -match '^[0-9]{4}-[0-9-]+T[0-9-]+Z-' }

# Get-Age BACKUP: in hours, by its name
function Get-Age($name) {
    $made = [DateTime]::ParseExact($name.Substring(0, 19), "yyyy-MM-dd'T'HH-mm-ss", $invariant)
    ([DateTime]::UtcNow - $made).TotalHours
}

# Test-Backup NAME: it is what was written
function Test-Backup($name) {
    $wished = (Read-File "$directory/$name/SHA256SUMS") -split ' '
    $dump = "$directory/$name/prefect.dump"
    [IO.File]::Exists($dump) -and (Get-FileHash -LiteralPath $dump -Algorithm SHA256).Hash -eq $wished[0]
}

# Get-DumpedRevision DUMP: of the schema, as the dump itself has it
function Get-DumpedRevision($dump) {
    $lines = Invoke-Program "$programs/pg_restore.exe" @('--data-only', '--table', 'alembic_version', '--file', '-', $dump) $dump_seconds
    "$($lines | Where-Object { $_ -match '^[0-9a-f]{12}$' } | Select-Object -First 1)"
}

# Test-Room PLACE FACTOR WHAT REMEDY: that what is made of the database, `FACTOR` times as large, does not fill a disk
function Test-Room($place, $factor, $what, $remedy) {
    $needed = [long] (Get-Rows $database "SELECT pg_database_size(current_database()) * $factor;")
    $free = (New-Object IO.DriveInfo($place.Substring(0, 1))).AvailableFreeSpace
    if ($free -lt $needed) {
        fail "only $([Math]::Floor($free / 1048576)) MiB are free for $what, which may need $([Math]::Ceiling($needed / 1048576)). $remedy"
    }
}

function Test-RoomForDatabase { Test-Room $root '3 / 2' 'a second database' "Make room on $($root.Substring(0, 2)); nothing was changed." }

# Restore-Into NAME BACKUP: makes the database with what the backup holds, and proves it by the revision of its schema
function Restore-Into($name, $backup) {
    $dump = "$directory/$backup/prefect.dump"
    if (-not (Test-Backup $backup)) { fail "$directory/$backup does not match its checksum: it is damaged. Make a new one, remove this one, and have the disk checked." }
    $null = Get-Rows 'postgres' "CREATE DATABASE ""$name"" OWNER ""$($settings['DATABASE_OWNER'])"" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';"
    # by the administrator, as not every extension can be made by the owner of a database
    $null = Get-Rows $name 'CREATE EXTENSION IF NOT EXISTS pg_trgm;'
    $null = Invoke-Program "$programs/pg_restore.exe" @('--exit-on-error', '--no-owner', '--no-comments', '--role', $settings['DATABASE_OWNER'], '--dbname', $name, $dump) $dump_seconds
    $found = Get-Rows $name 'SELECT version_num FROM alembic_version;'
    if ($found -ne (Get-DumpedRevision $dump)) { fail "$dump was restored, but its schema is at revision $found, and the dump says $(Get-DumpedRevision $dump)." }
}

# Remove-Database NAME, whoever uses it
function Remove-Database($name) { $null = Get-Rows 'postgres' "DROP DATABASE IF EXISTS ""$name"" WITH (FORCE);" }

# Get-ResticOutcome ARGUMENTS: as Get-Outcome; restic alone gets the credentials, and no command line has them
function Get-ResticOutcome([string[]] $arguments) {
    $credentials = Read-Variables "$configuration/backups-copy.secrets.env"
    $credentials['RESTIC_REPOSITORY'] = $settings['RESTIC_REPOSITORY']
    try {
        foreach ($name in $credentials.Keys) { [Environment]::SetEnvironmentVariable($name, $credentials[$name]) }
        Get-Outcome $restic (@('--quiet', '--cache-dir', "$state/cache") + $arguments) '' $dump_seconds
    } finally {
        foreach ($name in $credentials.Keys) { [Environment]::SetEnvironmentVariable($name, $null) }
    }
}

# Invoke-Restic ARGUMENTS PROBLEM: what it printed; fails with the problem and what restic says
function Invoke-Restic([string[]] $arguments, $problem) {
    $outcome = Get-ResticOutcome $arguments
    if ($outcome.code -ne 0) { fail "$problem restic says: $(Get-End $outcome.lines)" }
    $outcome.printed
}
