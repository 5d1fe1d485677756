# PostgreSQL's programs, from the archive that the host's owner put there or as they are installed, reachable by one path whatever
# the version. An installation stays as it is: nothing of it is changed or removed.

$link = "$runtime/postgresql"
$service = 'prefect-postgresql'
$programs = $postgresql_programs

function create {
    $before = Get-JunctionTarget $link
    if (-not [IO.File]::Exists("$programs/bin/postgres.exe")) { Expand-Programs }
    $said = Invoke-Program "$programs/bin/postgres.exe" @('--version')
    Test-Version "$said"
    Test-Cluster "$said"
    if ($before -eq $programs) { unchanged "$said" } else {
        Switch-Programs
        changed "$said"
    }
}

# Each connection is a new process of the programs that the junction leads to, which must be those of the server.
function Switch-Programs {
    $was_running = (Get-ServiceState $service) -eq 'Running'
    Stop-OurService $service
    Set-Junction $link $programs
    if ($was_running) { Start-OurService $service }
}

# The archive has everything in one directory, pgsql; most of it is pgAdmin and documentation.
function Expand-Programs {
    if ($postgresql_archive -eq '') {
        fail "there is no $programs/bin/postgres.exe. Install PostgreSQL there, or say where it is: postgresql.directory of this host in the stack file."
    }
    $problem = Get-GivenProblem $postgresql_archive $postgresql_archive_sha256 "the archive of PostgreSQL's programs"
    if ($problem -ne '') { fail $problem }
    Expand-Given $postgresql_archive "$programs.new" '^pgsql/(bin|lib|share)/'
    if (-not [IO.File]::Exists("$programs.new/pgsql/bin/postgres.exe")) {
        fail "$postgresql_archive has no pgsql/bin/postgres.exe. Take the zip of the binaries for Windows x86-64, not the installer."
    }
    Remove-Directory $programs
    Move-Directory "$programs.new/pgsql" $programs
    Remove-Directory "$programs.new"
}

# Prefect is run on 14.9, too, in which whoever may connect may create tables: https://www.postgresql.org/docs/15/release-15.html
function Test-Version($said) {
    if ($said -notmatch '\(PostgreSQL\) ([0-9]+\.[0-9]+)') { fail "postgres --version said: $said" }
    if ([version] $Matches[1] -lt [version] '15.0') { fail "PostgreSQL $($Matches[1]) is older than 15, the oldest that is taken on Windows. Get a newer one." }
}

# before the server has to run from programs that cannot read its data
function Test-Cluster($said) {
    $found = (Read-File "$data/postgresql/PG_VERSION").Trim()
    if ($found -ne '' -and $said -notmatch "\(PostgreSQL\) $found\.") {
        fail "the cluster in $data/postgresql is of PostgreSQL $found, the programs are $said. Dump it with $found and restore it into a new one."
    }
}

function drift {
    $found = Get-JunctionTarget $link
    if (-not [IO.File]::Exists("$programs/bin/postgres.exe")) { "PostgreSQL: missing instead of $programs" } elseif ($found -ne $programs) { "PostgreSQL: $found instead of $programs" }
}

function delete {
    Remove-Junction $link
    foreach ($one in Get-ChildItem -Path "$runtime/postgresql-*" -Directory -ErrorAction SilentlyContinue) { Remove-Directory $one.FullName }
    if ($postgresql_archive -eq '') { changed "PostgreSQL in $programs stays as it is" } else { changed "removed PostgreSQL's programs" }
}
