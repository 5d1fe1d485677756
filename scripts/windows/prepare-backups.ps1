# The directory of backups, for administrators alone: a backup holds every secret that Prefect stores, encrypted, and all that
# flows were given. Removing this keeps the backups; only `purge=true` deletes them.

$state = "$data/backups"
$mark = "$directory/.prefect"

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
    if ($before -eq (Get-State)) { unchanged "backups have their place in $directory" } else { changed "made place for backups in $directory" }
}

function drift { foreach ($place in $directory, $state) { Get-DirectoryDrift $place $full_access } }

function Get-State { "$(Get-Access $directory) $(Get-Access $state)" }

function delete {
    $kept = "the backups are kept in $directory"
    Remove-Directory $state
    if ($purge -eq 'true') {
        Remove-Directory $directory
        $kept = 'the backups too'
    }
    changed "removed what made backups; $kept"
}
