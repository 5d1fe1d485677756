# The certificate that Caddy shows. Prints when it expires and, where it is from a private CA, that CA's certificate.

function create {
    $limit = 60
    if (-not (Wait-Until $limit { (Get-ShownCertificate $server_name $port).is_right })) {
        $found = (Get-ShownCertificate $server_name $port).problem
        fail "$service shows no certificate for $server_name at port $port within $limit s: $found The end of its log, in ${log}/${service}:`n$(Get-EndOfLog $service)"
    }
    $found = Get-ShownCertificate $server_name $port
    Write-Line "expires: $($found.certificate.NotAfter.ToUniversalTime().ToString('s'))Z"
    if ($authority -ne '') { Write-Line (Get-Pem $authority) }
    unchanged "$service shows a certificate for $server_name at port $port"
}

# Get-Pem PATH: the certificate there and nothing else, as its service may write into that file
function Get-Pem($path) {
    try { $certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2($path) } catch {
        fail "the certificate of Caddy's private CA at $path cannot be read: $_ See the log of $service in $log/$service."
    }
    $lines = [Convert]::ToBase64String($certificate.RawData) -replace '(.{64})', "`$1`n"
    "-----BEGIN CERTIFICATE-----`n$($lines.TrimEnd())`n-----END CERTIFICATE-----"
}

function drift { if (-not (Get-ShownCertificate $server_name $port).is_right) { "$service shows no certificate for $server_name at port $port" } }
