# Says what is no longer as Pulumi left it on this host, and changes nothing. `things`, JSON by name, has what to look at: a file
# as `path`, `readers` and the `sha256` of its content; or the `settings` and the place in `scripts` of a script, whose function
# `drift` gives a line for each difference. Prints JSON: `differences` by name and, for what could not be looked at, `failures`.

function drift {
    $texts = @(ConvertFrom-Json $scripts | ForEach-Object { $_ })
    $differences = @{}
    $failures = @{}
    foreach ($entry in (ConvertFrom-Json $things).PSObject.Properties) {
        try {
            $thing = $entry.Value
            $is_file = [bool] $thing.PSObject.Properties['path']
            $found = @(if ($is_file) { Get-FileDrift $thing } else { Get-ScriptDrift $texts[$thing.script] $thing.settings })
            if ($found.Count -gt 0) { $differences[$entry.Name] = $found -join ', ' }
        } catch {
            $failures[$entry.Name] = "$_"
        }
    }
    Write-Line (ConvertTo-Json @{ differences = $differences; failures = $failures } -Compress)
}

function Get-FileDrift($file) {
    if (-not [IO.File]::Exists($file.path)) { return "$($file.path): missing" }
    $found = @(
        if ((Get-FileHash -LiteralPath $file.path -Algorithm SHA256).Hash -ne $file.sha256) { 'content' }
        if (-not (Test-Access $file.path (Get-FileEntries $file.readers))) { 'access' }
    )
    if ($found.Count -gt 0) { "$($file.path): $($found -join ', ')" }
}

# Get-ScriptDrift TEXT SETTINGS: as its own function of that name tells
function Get-ScriptDrift($text, $settings) {
    foreach ($setting in $settings.PSObject.Properties) { Set-Variable -Name $setting.Name -Value ([string] $setting.Value) }
    . ([ScriptBlock]::Create($text))
    drift
}
