# Keeps a certificate for this host, from a certificate authority that is this host's alone: issue-certificate DIRECTORY
# SERVICE NAME... It is for these names and addresses; it is renewed when it has less than 60 days left or is for others,
# and then SERVICE, which is PostgreSQL, is told to read it if it runs.
# In DIRECTORY stand ca.crt for those who connect, and server.pem, which holds certificate and key and which SERVICE may read.
param([string] $directory, [string] $service)
$names = [string[]] $args
. "$PSScriptRoot/programs.ps1"

# https://learn.microsoft.com/dotnet/api/system.security.cryptography.x509certificates.certificaterequest, since .NET 4.7.2
$x509 = 'Security.Cryptography.X509Certificates'
$alternative_names, $own_identifier, $identifier_of_authority = '2.5.29.17', '2.5.29.14', '2.5.29.35'

# A key of P-256 in PKCS#8, https://www.rfc-editor.org/rfc/rfc5915, for which .NET Framework has no words: 36 bytes that are
# always the same, the private number, 6 bytes more, and the two numbers of the public point; each number has 32 bytes
$before_private = [byte[]] (0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    3, 1, 7, 4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20)
$before_public = [byte[]] (0xa1, 0x44, 3, 0x42, 0, 4)
$curves = [type] 'Security.Cryptography.ECCurve+NamedCurves'
$curve = $curves::nistP256

function New-Key { [Security.Cryptography.ECDsa]::Create($curve) }

function ConvertTo-KeyText($key) {
    $numbers = $key.ExportParameters($true)
    Get-Pem 'PRIVATE KEY' ($before_private + $numbers.D + $before_public + $numbers.Q.X + $numbers.Q.Y)
}

function Read-Key($path) {
    $bytes = [Convert]::FromBase64String(((Read-File $path) -replace '-----[^-]+-----'))
    $point = New-Object Security.Cryptography.ECPoint
    $point.X = [byte[]] $bytes[74..105]
    $point.Y = [byte[]] $bytes[106..137]
    $numbers = New-Object Security.Cryptography.ECParameters
    $numbers.Curve = $curve
    $numbers.D = [byte[]] $bytes[36..67]
    $numbers.Q = $point
    [Security.Cryptography.ECDsa]::Create($numbers)
}

function Get-Pem($kind, [byte[]] $bytes) {
    $lines = [Convert]::ToBase64String($bytes) -replace '.{1,64}', "`$0`n"
    "-----BEGIN $kind-----`n$lines-----END $kind-----`n"
}

# Read-Certificate PATH: the first one in it; nothing where there is none
function Read-Certificate($path) {
    if ((Read-File $path) -notmatch '(?s)-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----') { return }
    try { New-Object "$x509.X509Certificate2" @(, [Convert]::FromBase64String($Matches[1])) } catch { Write-Debug "$_" }
}

# New-Certificate SUBJECT KEY DAYS EXTENSIONS ISSUER ISSUERS_KEY: as text
function New-Certificate($subject, $key, $days, $extensions, $issuer, $issuers_key) {
    $request = New-Object "$x509.CertificateRequest" $subject, $key, ([Security.Cryptography.HashAlgorithmName]::SHA256)
    $identifier = New-Object "$x509.X509SubjectKeyIdentifierExtension" $request.PublicKey, $false
    foreach ($extension in @($extensions) + $identifier) { $request.CertificateExtensions.Add($extension) }
    $generator = [Security.Cryptography.X509Certificates.X509SignatureGenerator]::CreateForECDsa($issuers_key)
    $now = [DateTimeOffset]::UtcNow
    $made = $request.Create($issuer, $generator, $now, $now.AddDays($days), [Guid]::NewGuid().ToByteArray())
    Get-Pem 'CERTIFICATE' $made.RawData
}

# as strict as Python 3.13 checks: https://docs.python.org/3/library/ssl.html#ssl.VERIFY_X509_STRICT
function New-Authority {
    $name = ([Net.Dns]::GetHostName() -replace '[^A-Za-z0-9.-]', '-') -replace '^(.{40}).*', '$1'
    $subject = New-Object "$x509.X500DistinguishedName" "CN=$service on $name"
    $key = New-Key
    $extensions = @(
        (New-Object "$x509.X509BasicConstraintsExtension" $true, $true, 0, $true),
        (New-Object "$x509.X509KeyUsageExtension" 'KeyCertSign, CrlSign', $true)
    )
    New-Directory "$directory/authority"
    Set-Access "$directory/authority" $full_access
    Write-Secret "$directory/authority/ca.key" (ConvertTo-KeyText $key)
    Write-File "$directory/ca.crt.new" (New-Certificate $subject $key 7300 $extensions $subject $key)
    Move-File "$directory/ca.crt.new" "$directory/ca.crt"
}

function New-ServerFile($authority) {
    $subject = New-Object "$x509.X500DistinguishedName" "CN=$service"
    $key = New-Key
    $purposes = New-Object Security.Cryptography.OidCollection
    # of a server, in TLS
    $null = $purposes.Add((New-Object Security.Cryptography.Oid '1.3.6.1.5.5.7.3.1'))
    $extensions = @(
        (New-Object "$x509.X509BasicConstraintsExtension" $false, $false, 0, $true),
        (New-Object "$x509.X509KeyUsageExtension" 'DigitalSignature', $true),
        (New-Object "$x509.X509EnhancedKeyUsageExtension" $purposes, $false),
        (Get-AlternativeNames),
        (Get-IdentifierOfAuthority $authority)
    )
    $certificate = New-Certificate $subject $key 398 $extensions $authority.SubjectName (Read-Key "$directory/authority/ca.key")
    # one file for both, as it is replaced in one step
    Write-Secret "$directory/server.pem.new" "$certificate$(ConvertTo-KeyText $key)" (Get-ServiceSid $service)
    Move-File "$directory/server.pem.new" "$directory/server.pem"
}

function Get-AlternativeNames {
    $names_of_host = New-Object "$x509.SubjectAlternativeNameBuilder"
    foreach ($name in $names) {
        if ($name -match '^[0-9.]+\z|:') { $names_of_host.AddIpAddress([Net.IPAddress]::Parse($name)) } else { $names_of_host.AddDnsName($name) }
    }
    $names_of_host.Build()
}

# A sequence, and in it, as [0], what the authority calls its key: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.1
function Get-IdentifierOfAuthority($authority) {
    # the first two bytes of its own extension say that 20 follow
    $name = [byte[]] $authority.Extensions[$own_identifier].RawData[2..21]
    New-Object "$x509.X509Extension" $identifier_of_authority, ([byte[]] (0x30, 22, 0x80, 20) + $name), $false
}

function Test-Lasts($certificate) { $certificate.NotAfter.ToUniversalTime() -gt [DateTime]::UtcNow.AddDays(60) }

# Test-Same CERTIFICATE EXTENSION: whether it has that one
function Test-Same($certificate, $extension) {
    $found = $certificate.Extensions[$extension.Oid.Value]
    $found -and "$($found.RawData)" -eq "$($extension.RawData)"
}

function Test-Fresh($certificate, $authority) {
    (Test-Lasts $certificate) -and (Test-Same $certificate (Get-AlternativeNames)) -and (Test-Same $certificate (Get-IdentifierOfAuthority $authority))
}

function Get-Expiry($certificate) { "$($certificate.NotAfter.ToUniversalTime().ToString('s'))Z" }

Complete-Program {
    if ($names.Count -eq 0) { fail 'no name is given. Use: issue-certificate DIRECTORY SERVICE NAME...' }
    if (-not (Enter-Lock "$directory/issue-certificate.lock" 120)) { fail "another issue-certificate has been at work in $directory for two minutes. Try again when it is done." }
    if (-not [IO.File]::Exists("$directory/ca.crt")) { New-Authority }
    $authority = Read-Certificate "$directory/ca.crt"
    if (-not $authority) { fail "$directory/ca.crt holds no certificate. Remove $directory, then run pulumi up --replace with the URN of what made it." }
    if (-not (Test-Lasts $authority)) {
        fail "the certificate authority in $directory expires at $(Get-Expiry $authority). Remove $directory, then run pulumi up --replace with the URN of what made it, so that all who connect get the new authority."
    }
    $found = Read-Certificate "$directory/server.pem"
    if ($found -and (Test-Fresh $found $authority)) {
        unchanged "the certificate for $names is good until $(Get-Expiry $found)"
        return
    }
    New-ServerFile $authority
    # for each new connection it is read anew in any case: https://www.postgresql.org/docs/current/ssl-tcp.html
    if ((Get-ServiceState $service) -eq 'Running') { $null = Get-SqlOutcome 'SELECT pg_reload_conf();' }
    changed "the certificate for $names is good until $(Get-Expiry (Read-Certificate "$directory/server.pem"))"
}
