# The certificate that PostgreSQL shows, and the authority that signs it. Prints the authority's certificate, which those
# who connect must trust.

$directory = "$configuration/postgresql/tls"

function create {
    New-Directory $directory
    $options = @('-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', "$runtime/bin/issue-certificate.ps1")
    $arguments = $options + @($directory, $service) + @(Split-Words $names)
    $outcome = Get-Outcome 'WindowsPowerShell/v1.0/powershell.exe' $arguments '' 300
    if ($outcome.code -ne 0) { fail "there is no certificate for ${names}: $(Get-End $outcome.lines)" }
    Write-Line (Read-File "$directory/ca.crt").Trim()
    $said = "$($outcome.printed | Select-Object -Last 1)"
    if ($said -match '^unchanged: (.+)') { unchanged $Matches[1] } else { changed ($said -replace '^changed: ') }
}

function drift {
    foreach ($file in 'server.pem', 'ca.crt') { if ((Read-File "$directory/$file") -eq '') { "$directory/${file}: missing" } }
    $secret = "$directory/server.pem"
    if ([IO.File]::Exists($secret) -and -not (Test-Access $secret (Get-FileEntries (Get-ServiceSid $service)))) { "${secret}: access" }
}

function delete {
    Remove-Directory $directory
    changed 'removed the certificate and its authority'
}
