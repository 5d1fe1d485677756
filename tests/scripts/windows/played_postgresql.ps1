# PostgreSQL's programs, played for programs that care for backups: a database of Prefect at revision 0123456789ab.
# $env:PLAYED names what is otherwise.
function Set-Access { }
function Get-Outcome($program, [string[]] $arguments, $text = '', [int] $limit = 600) {
    $lines = @(switch ([IO.Path]::GetFileNameWithoutExtension($program)) {
        'psql' {
            if ($text -match 'to_regclass') { if ($env:PLAYED -ne 'empty') { 'alembic_version' } }
            if ($text -match 'pg_database_size') { if ($env:PLAYED -eq 'huge') { '9007199254740993000' } else { '8192' } }
            if ($text -match 'version_num') { if ($env:PLAYED -eq 'other') { 'ba9876543210' } else { '0123456789ab' } }
        }
        'pg_dump' { Write-File $arguments[[Array]::IndexOf($arguments, '--file') + 1] 'a dump' }
        'pg_restore' { if ('--data-only' -in $arguments) { 'COPY public.alembic_version (version_num) FROM stdin;', '0123456789ab', '\.' } }
    })
    $errors = @(if ($env:PLAYED -eq 'down') { 'could not connect' })
    [pscustomobject] @{ code = $errors.Count; printed = $lines; lines = $lines + $errors }
}
