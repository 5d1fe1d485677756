# A Prefect version in a directory of its own, from its hash-locked requirements. What services still run from stays
# and is the way back; older ones go.

function create {
    Install-Python
    Install-Environment
    Remove-Superseded
}

function drift { if (-not (Test-Installed)) { "${directory}: not installed from $lock" } }

# Where the host has none of its own: python.exe is at the top of the archive, or in `tools`, as nuget.org's package has it.
function Install-Python {
    if ($python_archive -eq '' -or [IO.File]::Exists($base_python)) { return }
    $problem = Get-GivenProblem $python_archive $python_archive_sha256 'the archive of Python'
    if ($problem -ne '') { fail $problem }
    $place = [IO.Path]::GetDirectoryName($base_python)
    Expand-Given $python_archive "$place.new"
    $found = @("$place.new", "$place.new/tools" | Where-Object { [IO.File]::Exists("$_/python.exe") })
    if ($found.Count -eq 0) { fail "$python_archive has no python.exe at its top or in tools. Take the package python of nuget.org, not the embeddable one." }
    Remove-Directory $place
    Move-Directory $found[0] $place
    Remove-Directory "$place.new"
}

function Install-Environment {
    if (Test-Installed) {
        unchanged "$directory is installed"
        return
    }
    Write-Line "installing $lock; this may take some minutes"
    Remove-Environment $directory
    $null = Invoke-Program $base_python @('-m', 'venv', $directory)
    # first a pip that reads locks with extras, which the one in older Pythons does not
    Install-Locked 'pip'
    Install-Locked $lock
    Write-File "$directory/.complete" (Read-File "$runtime/requirements/$lock.txt")
    changed "installed $lock"
}

function Test-Installed {
    $wanted = Read-File "$runtime/requirements/$lock.txt"
    $wanted -ne '' -and $wanted -eq (Read-File "$directory/.complete") -and [IO.File]::Exists("$directory/Scripts/python.exe")
}

function Install-Locked($name) {
    $options = @('--quiet', '--no-input', '--disable-pip-version-check', '--require-hashes', '--requirement', "$runtime/requirements/$name.txt")
    if ($wheel_directory -ne '') { $options = @('--no-index', '--find-links', $wheel_directory) + $options }
    $outcome = Get-Outcome "$directory/Scripts/python.exe" (@('-m', 'pip', 'install') + $options) '' 1800
    if ($outcome.code -ne 0) {
        fail "$name could not be installed: $(Get-End $outcome.lines)`nCheck the disk, and the directory of wheels (wheelDirectory of this host in the stack file) or the package index (pip config list)."
    }
}

function Remove-Superseded {
    $used = @(Get-ChildItem -Path "$runtime/current" -ErrorAction SilentlyContinue | ForEach-Object { Get-Runtime $_.Name })
    foreach ($candidate in Get-Environment) {
        if ($candidate -ne $directory -and $candidate -notin $used) { Remove-Environment $candidate }
    }
}

# Remove-Environment DIRECTORY: one that is removed in part must not look like a whole one
function Remove-Environment($environment) {
    Remove-File "$environment/.complete"
    Remove-Directory $environment
}

# Get-Environment: the full path of each, with forward slashes
function Get-Environment {
    Get-ChildItem -Path "$runtime/prefect-*" -Directory -ErrorAction SilentlyContinue | ForEach-Object { "$runtime/$($_.Name)" }
}

function delete {
    foreach ($environment in Get-Environment) { Remove-Environment $environment }
    changed 'removed Prefect'
}
