# The password of the role postgres. What it was before stands in a file that only administrators may read, as there is no
# socket here over which the system user would be proof enough.

$passwords = "$configuration/postgresql/pgpass.conf"

function create {
    $wished = "*:*:*:postgres:$($password -replace '([\\:])', '\$1')`n"
    # beside the one before, which is lost only when it is not the password any more
    Write-Secret "$passwords.wished" $wished
    $is_set = Test-Discretion "$passwords.wished"
    if (-not $is_set) { Set-Password }
    $is_known = (Read-File $passwords) -ceq $wished
    Move-File "$passwords.wished" $passwords
    if ($is_set -and $is_known) { unchanged 'the password of the role postgres is the wished one' } else { changed 'set the password of the role postgres' }
}

# Pulumi sets the passwords of other roles as this one. No log may hold what it says, however slow or wrong it is.
function Set-Password {
    $outcome = Get-SqlOutcome @"
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
SET log_statement = none;
ALTER ROLE postgres SET log_min_error_statement = panic;
ALTER ROLE postgres SET log_min_duration_statement = -1;
ALTER ROLE postgres SET log_statement = none;
ALTER ROLE postgres PASSWORD '$($password -replace "'", "''")';
"@
    if ($outcome.code -ne 0) {
        fail "the password of the role postgres could not be set, as the one before, in $passwords, was not accepted: $(Get-End $outcome.lines)"
    }
}

# Test-Discretion PASSWORD_FILE: whether the role can be logged in as with that, and keeps what it says out of logs
function Test-Discretion($file) {
    $outcome = Get-SqlOutcome "SELECT rolconfig @> '{log_min_error_statement=panic,log_min_duration_statement=-1,log_statement=none}'
        FROM pg_roles WHERE rolname = 'postgres';" $file
    $outcome.code -eq 0 -and "$($outcome.printed)" -eq 't'
}
