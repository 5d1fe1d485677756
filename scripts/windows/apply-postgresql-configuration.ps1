# Puts the declared configuration into force: checked before, reloaded where that is enough, else by a restart. If PostgreSQL
# does not take it, the configuration before is in force again. There is no delete: the files go with the cluster.

$in_force = "$configuration/postgresql"
$declared = "$in_force/declared"
$previous = "$in_force/previous"
$files = 'postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'
$pending = "SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE pending_restart;"

function create {
    Test-Declared
    if ((Get-ServiceState $service) -ne 'Running') {
        if (Test-Same $declared $in_force) {
            unchanged 'the configuration is in force'
        } else {
            Copy-Configuration $declared $in_force
            changed 'the configuration is in force when PostgreSQL starts'
        }
        return
    }
    if (-not (Wait-Until 60 { Test-Answer })) { fail "PostgreSQL runs, but did not answer within a minute. The end of its log:`n$(Get-EndOfLog $service)" }
    if (Test-InEffect) {
        if (Test-Same $declared $in_force) {
            unchanged 'the configuration is in force'
            return
        }
        Copy-Configuration $in_force $previous
    }
    Copy-Configuration $declared $in_force
    $found = Get-FileError
    if ($found -ne '') { Restore-Configuration "PostgreSQL refuses it: $found" }
    if (-not (Update-Settings)) { Restore-Configuration 'PostgreSQL did not reload it within 10 s.' }
    $found = Get-Answer $pending
    if ($found -eq '') {
        changed 'reloaded'
        return
    }
    if (-not (Restart-PostgreSql)) {
        Restore-Configuration "PostgreSQL did not start with it, though it should for: $found. The end of its log:`n$(Get-EndOfLog $service)"
    }
    changed "restarted for $found"
}

function drift {
    foreach ($file in $files) { if ((Read-File "$declared/$file") -cne (Read-File "$in_force/$file")) { "$in_force/${file}: content" } }
    # a cluster that does not answer is the matter of its service
    if (-not (Test-Answer)) { return }
    $found = Get-Answer $pending
    if ($found -ne '') { "PostgreSQL: a restart is pending for $found" }
}

# A setting that PostgreSQL does not know or take. What stands in the other files it reads only while it runs.
function Test-Declared {
    $outcome = Get-Outcome "$runtime/postgresql/bin/postgres.exe" @('-C', 'data_directory', '-c', "config_file=$declared/postgresql.conf")
    if ($outcome.code -ne 0) {
        fail "PostgreSQL refuses the declared configuration, so the one in force stays. Mend postgres.settings. It says: $(Get-End $outcome.lines)"
    }
}

function Test-Same($one, $other) {
    foreach ($file in $files) { if ((Read-File "$one/$file") -cne (Read-File "$other/$file")) { return $false } }
    $true
}

# Copy-Configuration FROM TO: each file appears whole
function Copy-Configuration($from, $to) {
    New-Directory $to
    foreach ($file in $files) {
        # not as a copy, which would be as old as what it was made from
        Write-File "$to/$file.new" (Read-File "$from/$file")
        Move-File "$to/$file.new" "$to/$file"
    }
}

# Get-Answer STATEMENTS: the rows, as one text
function Get-Answer($statements) {
    $outcome = Get-SqlOutcome $statements
    if ($outcome.code -ne 0) { fail "PostgreSQL did not answer: $(Get-End $outcome.lines)" }
    "$($outcome.printed -join '; ')"
}

function Test-Answer { (Get-SqlOutcome 'SELECT 1;').code -eq 0 }

# A run that was cut off may have written files that were not loaded.
function Test-InEffect {
    (Get-Answer 'SELECT NOT bool_or(pending_restart) FROM pg_settings;') -eq 't' -and
    (Get-Answer "SELECT bool_and((pg_stat_file(current_setting(name))).modification <= pg_conf_load_time())
        FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file');") -eq 't'
}

# What needs a restart is told as an error too, but is none.
function Get-FileError {
    Get-Answer "SELECT format('%s, line %s: %s (%s)', sourcefile, sourceline, error, name) FROM pg_file_settings
        WHERE error IS NOT NULL AND name IN (SELECT name FROM pg_settings WHERE context <> 'postmaster')
        UNION ALL SELECT format('pg_hba.conf, line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL;"
}

function Update-Settings {
    $before = Get-Answer 'SELECT pg_conf_load_time();'
    $null = Get-Answer 'SELECT pg_reload_conf();'
    Wait-Until 10 { (Get-Answer "SELECT pg_conf_load_time() > '$before';") -eq 't' }
}

function Restart-PostgreSql {
    Stop-OurService $service
    Start-OurService $service
    Wait-Until 60 { Test-Answer }
}

# Restore-Configuration REASON: puts the one before into force, and fails
function Restore-Configuration($reason) {
    if (-not [IO.Directory]::Exists($previous)) {
        fail "the configuration of PostgreSQL could not be put into force, and there is none before it. Mend postgres.settings. $reason"
    }
    Copy-Configuration $previous $in_force
    $outcome = 'The one before is in force again.'
    $is_back = (Test-Answer) -and (Update-Settings) -and (Test-InEffect)
    if (-not $is_back -and -not (Restart-PostgreSql)) { $outcome = 'The one before is there again, but with it PostgreSQL did not start either.' }
    fail "the configuration of PostgreSQL could not be put into force. $outcome Mend postgres.settings. $reason"
}
