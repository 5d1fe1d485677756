# PostgreSQL's programs and restic, played for programs that care for backups: a database of Prefect at revision 0123456789ab,
# and a repository of copies in data/away, with what restic was told in data/restic.
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
    if ($program -like '*restic.exe') { $errors += @(Invoke-PlayedRestic $arguments) }
    [pscustomobject] @{ code = $errors.Count; printed = $lines; lines = $lines + $errors }
}

# its errors
function Invoke-PlayedRestic([string[]] $arguments) {
    $away = "$data/away"
    [IO.File]::AppendAllText("$data/restic", "$($arguments -join ' ' -replace [regex]::Escape($root))`n")
    $what = @($arguments | Where-Object { $_ -notlike '--*' -and $_ -notlike '*/cache' })[0]
    if ($env:PLAYED -eq 'offline' -or -not $env:RESTIC_PASSWORD) { return "Fatal: unable to open the repository at $env:RESTIC_REPOSITORY" }
    switch ($what) {
        'cat' { if (-not [IO.Directory]::Exists($away)) { 'Fatal: there is no repository' } }
        'init' { New-Directory $away }
        'backup' { foreach ($name in @(Get-Backup)) { Copy-Item -LiteralPath "$directory/$name" -Destination $away -Recurse -Force } }
        'restore' {
            $target = $arguments[[Array]::IndexOf($arguments, '--target') + 1]
            New-Directory "$target/D/backups"
            $only = if ('--include' -in $arguments) { $arguments[[Array]::IndexOf($arguments, '--include') + 1] } else { '*' }
            foreach ($found in Get-ChildItem -LiteralPath $away -Directory | Where-Object { $_.Name -like $only }) { Copy-Item -LiteralPath $found.FullName -Destination "$target/D/backups" -Recurse }
        }
    }
}
