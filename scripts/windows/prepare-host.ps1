# Directories, and the copy of Shawl that services run. Removing the host sets its data aside; only `purge=true` deletes it.
# What administrators write into belongs to them, so that no service can put a junction there.

$for_readers = "$full_access(A;OICI;FRFX;;;BU)"
$for_services = "$full_access(A;;FRFX;;;BU)"

function create {
    $before = Get-State
    foreach ($area in $configuration, $data, $runtime, $run, $log) { New-Directory $area }
    # settings are for everybody to read, their secrets have an access of their own; data and logs are for their services
    Set-Access $root $for_readers
    foreach ($area in $data, $run, $log) { Set-Access $area $for_services }
    if (-not [IO.File]::Exists($wrapper)) { Copy-Given $wrapper_source $wrapper_sha256 'Shawl' $wrapper }
    Write-File "$configuration/ports" "$ports`n"
    if ($before -eq (Get-State)) { unchanged 'directories and Shawl are there' } else { changed 'made directories and installed Shawl' }
}

function drift {
    Get-DirectoryDrift $root $for_readers
    foreach ($area in $data, $run, $log) { Get-DirectoryDrift $area $for_services }
    foreach ($area in $configuration, $runtime) { if (-not [IO.Directory]::Exists($area)) { "${area}: missing" } }
    if (-not [IO.File]::Exists($wrapper)) { "${wrapper}: missing" }
    if ((Read-File "$configuration/ports") -ne "$ports`n") { "$configuration/ports: content" }
}

function Get-State {
    $states = foreach ($place in $root, $configuration, $data, $runtime, $run, $log, $wrapper) { Get-Access $place }
    "$states $(Read-File "$configuration/ports")"
}

function delete {
    $outcome = 'there was no data'
    foreach ($area in $configuration, $runtime, $run) { Remove-Directory $area }
    if ($purge -eq 'true') {
        Remove-Directory $data
        Remove-Directory $log
        $outcome = 'the data too'
    } elseif (Test-Data) {
        # `s` is the same everywhere; any other format follows the calendar of the user, such as the Thai one
        $kept = "$root/kept/$([DateTime]::UtcNow.ToString('s') -replace ':', '-')Z"
        New-Directory "$root/kept"
        Set-Access "$root/kept" $full_access
        Move-Directory $data $kept
        $outcome = "the data is kept in $kept"
    } else {
        Remove-Directory $data
    }
    changed "removed the directories; $outcome"
}

function Test-Data {
    [bool] (Get-ChildItem -LiteralPath $data -Recurse -File -Force -ErrorAction SilentlyContinue | Select-Object -First 1)
}
