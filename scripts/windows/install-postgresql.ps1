# PostgreSQL's programs from the archive that the host's owner put there, reachable by one path whatever the version.

$link = "$runtime/postgresql"

function create {
    $programs = "$runtime/postgresql-$($postgresql_archive_sha256.Substring(0, 8).ToLowerInvariant())"
    $before = Get-JunctionTarget $link
    if (-not [IO.File]::Exists("$programs/bin/postgres.exe")) { Expand-Programs $programs }
    $said = Invoke-Program "$programs/bin/postgres.exe" @('--version')
    Test-Version "$said"
    if ($before -eq $programs) { unchanged "$said" } else {
        Set-Junction $link $programs
        changed "$said"
    }
}

# The archive has everything in one directory, pgsql.
function Expand-Programs($programs) {
    $problem = Get-GivenProblem $postgresql_archive $postgresql_archive_sha256 "the archive of PostgreSQL's programs"
    if ($problem -ne '') { fail $problem }
    Expand-Given $postgresql_archive "$programs.new"
    if (-not [IO.File]::Exists("$programs.new/pgsql/bin/postgres.exe")) {
        fail "$postgresql_archive has no pgsql/bin/postgres.exe. Take the zip of the binaries for Windows x86-64, not the installer."
    }
    Remove-Directory $programs
    Move-Item -LiteralPath "$programs.new/pgsql" -Destination $programs
    Remove-Directory "$programs.new"
}

# https://docs.prefect.io: 14.9 is the oldest that Prefect is run on
function Test-Version($said) {
    if ($said -notmatch '\(PostgreSQL\) ([0-9]+\.[0-9]+)') { fail "postgres --version said: $said" }
    if ([version] $Matches[1] -lt [version] '14.9') { fail "PostgreSQL $($Matches[1]) is older than 14.9, which Prefect needs. Get the archive of a newer one." }
}

function delete {
    Remove-Junction $link
    foreach ($programs in Get-ChildItem -Path "$runtime/postgresql-*" -Directory -ErrorAction SilentlyContinue) { Remove-Directory $programs.FullName }
    changed "removed PostgreSQL's programs"
}
