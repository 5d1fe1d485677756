# The directory of backups, for administrators alone: a backup holds every secret that Prefect stores, encrypted, and all that
# flows were given; and the program that copies them off this host. Removing this keeps the backups; only `purge=true` deletes them.

$state = "$data/backups"
$mark = "$directory/.prefect"
$restic = "$runtime/restic.exe"

function create {
    $before = Get-State
    if ((Get-ChildItem -LiteralPath $directory -Force -ErrorAction SilentlyContinue | Select-Object -First 1) -and -not [IO.File]::Exists($mark)) {
        fail "$directory holds what is not of Prefect. Choose a directory of its own: pulumi config set --path backups.directory $directory/prefect"
    }
    foreach ($place in $directory, $state) {
        New-Directory $place
        Set-Access $place $full_access
    }
    Write-File $mark ''
    if ($copies -eq 'true' -and -not (Test-Restic)) { Install-Restic }
    if ($before -eq (Get-State)) { unchanged "backups have their place in $directory" } else { changed "made place for backups in $directory" }
}

function drift {
    foreach ($place in $directory, $state) { Get-DirectoryDrift $place $full_access }
    if ($copies -eq 'true' -and -not (Test-Restic)) { "${restic}: not the one that was given" }
}

function Get-State { "$(Get-Access $directory) $(Get-Access $state) $(Test-Restic)" }

function Test-Restic { [IO.File]::Exists($restic) -and (Get-FileHash -LiteralPath $restic -Algorithm SHA256).Hash -eq $restic_sha256 }

function Install-Restic {
    $problem = Get-GivenProblem $restic_source $restic_sha256 'restic'
    if ($problem -ne '') { fail $problem }
    Copy-Item -LiteralPath $restic_source -Destination "$restic.new" -Force
    # Windows asks before it runs what came from the Internet, and a task has nobody to answer
    Unblock-File -LiteralPath "$restic.new"
    # one that runs cannot be replaced, but it can be renamed
    if ([IO.File]::Exists($restic)) { Move-File $restic "$restic.before" }
    Move-File "$restic.new" $restic
}

function delete {
    $kept = "the backups are kept in $directory"
    Remove-Directory $state
    foreach ($file in $restic, "$restic.before") { Remove-File $file }
    if ($purge -eq 'true') {
        Remove-Directory $directory
        $kept = 'the backups too'
    }
    changed "removed what made backups; $kept"
}
