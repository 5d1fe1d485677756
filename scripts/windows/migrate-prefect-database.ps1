# Brings the schema of the Prefect database to what a Prefect version needs; one runner at a time. Back to an older version
# it goes by the runtime of the newer one, which alone knows the way.

$unknown_revision = 3
# administrators run it, so nothing of it may stand where a service writes: Prefect runs what it finds in its home
$place = "$data/migration"

function create {
    $outcome = Invoke-Migration $python
    if ($outcome.code -eq $unknown_revision) {
        Restore-Revision "$($outcome.printed | Select-Object -Last 1)"
        return
    }
    if ($outcome.code -ne 0) { fail "the database migration failed; the server's version before it still serves. Its end:`n$(Get-End $outcome.lines)" }
    Write-Revision "$($outcome.printed | Select-Object -Last 1)"
}

# Restore-Revision REVISION
function Restore-Revision($revision) {
    Stop-OurService $service
    foreach ($environment in Get-ChildItem -Path "$runtime/prefect-*" -Directory) {
        $candidate = "$runtime/$($environment.Name)/Scripts/python.exe"
        if ($candidate -eq $python) { continue }
        $outcome = Invoke-Migration $candidate $revision
        if ($outcome.code -eq 0) {
            Write-Revision "$($outcome.printed | Select-Object -Last 1)"
            return
        }
        if ($outcome.code -ne $unknown_revision) {
            Start-OurService $service
            fail "the way back to revision $revision failed; the newer version serves again. Restore a backup instead. Its end:`n$(Get-End $outcome.lines)"
        }
    }
    Start-OurService $service
    fail "the database is of a newer Prefect than any runtime in $runtime knows. Set server.version to the version that made it, or restore a backup."
}

# Invoke-Migration PYTHON [REVISION]
function Invoke-Migration($python_of_version, $revision = '') {
    New-Directory $place
    Set-Access $place $full_access
    Write-File "$place/home.env" "PREFECT_HOME=$place`n"
    [IO.Directory]::SetCurrentDirectory($place)
    $arguments = @('-X', 'utf8', "$runtime/launch.py") + @(Split-Words $environment_files) + @("$place/home.env", '--', $program)
    if ($revision -ne '') { $arguments += $revision }
    # indexes of large tables take their time
    Get-Outcome $python_of_version $arguments '' 86400
}

# Write-Revision "BEFORE AFTER"
function Write-Revision($line) {
    $before, $after = $line -split ' ', 2
    if ($before -eq $after) { unchanged "the schema is at revision $after" } else { changed "the schema is at revision $after, before: $before" }
}
