# What Caddy reads: its configuration and, where the stack carries it, a certificate. They are tested before they are put in force,
# then Caddy is restarted; if it does not show the site then, those before are in force again.

$place = "$configuration/caddy"
$names = 'Caddyfile', 'certificate.pem', 'private-key.pem'
$test = "$run/caddy-test"
# that Caddy was restarted since the files in force were written, or is to start from them
$record = "$run/$service.site"

function create {
    $wished = Get-Wished
    $runs = (Get-ServiceState $service) -eq 'Running'
    if (@(Get-Different $wished).Count -eq 0 -and [IO.File]::Exists($record) -and (-not $runs -or (Test-Shown))) {
        unchanged "Caddy reads the site $server_name"
        return
    }
    Test-Candidate $wished
    $former = Get-InForce
    Remove-File $record
    Set-InForce $wished
    if ($runs -and -not (Restart-Caddy)) {
        $end = Get-EndOfLog $service
        fail "Caddy does not show $server_name at port $port.$(Restore-Former $former) Mend this, then run pulumi up again. The end of its log, in ${log}/${service}:`n$end"
    }
    Write-File $record ''
    changed "Caddy reads the site $server_name"
}

function drift {
    $wished = Get-Wished
    foreach ($name in Get-Different $wished) { "$place/${name}: content" }
}

function Get-Wished { [ordered] @{ 'Caddyfile' = Read-File $candidate; 'certificate.pem' = Read-Given $chain; 'private-key.pem' = Read-Given $key } }

# Read-Given PATH: nothing where there is to be none
function Read-Given($path) { if ($path -eq '') { '' } else { Read-File $path } }

function Get-InForce {
    $found = [ordered] @{}
    foreach ($name in $names) { $found[$name] = Read-File "$place/$name" }
    $found
}

# Get-Different FILES: the names of those that are not in force, be it by the case of a letter
function Get-Different($files) {
    $found = Get-InForce
    $files.Keys | Where-Object { $files[$_] -cne $found[$_] }
}

# Set-InForce FILES: the key is for administrators and Caddy's service alone
function Set-InForce($files) {
    New-Directory $place
    foreach ($name in $files.Keys) {
        if ($files[$name] -eq '') { Remove-File "$place/$name" } else {
            Write-Secret "$place/$name.new" $files[$name] (Get-ServiceSid $service)
            Move-File "$place/$name.new" "$place/$name"
        }
    }
}

# Test-Candidate FILES: in a place of its own, which only administrators reach; the test makes a private CA if one is asked for
function Test-Candidate($files) {
    Remove-Directory $test
    New-Directory $test
    Set-Access $test $full_access
    try {
        foreach ($name in $files.Keys) {
            $text = $files[$name].Replace("`"$place/", "`"$test/").Replace("`"$data/$service`"", "`"$test/data`"")
            Write-File "$test/$name" $text
        }
        $outcome = Get-Outcome $caddy @('validate', '--adapter', 'caddyfile', '--config', "$test/Caddyfile") '' 60
        if ($outcome.code -ne 0) {
            fail "Caddy refuses what it is to read, so all was left as it was. A certificate of the stack must be in PEM, with its own key. Mend this, then run pulumi up again.`n$(Get-End $outcome.lines)"
        }
    } finally {
        Remove-Directory $test
    }
}

function Restart-Caddy {
    Stop-OurService $service
    try { Start-OurService $service } catch {
        Write-Line "$service did not start: $_"
        return $false
    }
    Wait-Until 30 { Test-Shown }
}

function Test-Shown { (Get-ServiceState $service) -eq 'Running' -and (Get-ShownCertificate $server_name $port).is_right }

# Restore-Former FILES: what became of that, as a sentence
function Restore-Former($files) {
    if ($files['Caddyfile'] -eq '') { return '' }
    Set-InForce $files
    if (Restart-Caddy) { Write-File $record '' }
    ' What it read before is in force again.'
}

function delete {
    Remove-File $record
    foreach ($name in $names) { Remove-File "$place/$name" }
    changed 'removed what Caddy read'
}
