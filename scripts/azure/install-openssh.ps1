# Run once by Azure, as the system, on a new Windows machine: OpenSSH, with one host key that the stack knows beforehand, for
# one administrator who comes by a key. $HostKey is the private key in base64.
param([string] $AuthorizedKey, [string] $HostKey)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0

# only the system and administrators: sshd refuses a key that others can read
function Write-Guarded([string] $path, [string] $text) {
    [IO.File]::WriteAllText($path, $text, (New-Object Text.ASCIIEncoding))
    $null = & "$env:SystemRoot\System32\icacls.exe" $path /inheritance:r /grant '*S-1-5-18:F' '*S-1-5-32-544:F'
    if ($LASTEXITCODE -ne 0) { throw "error: nobody could be kept from reading $path (icacls ended with $LASTEXITCODE)." }
}

$capability = Get-WindowsCapability -Online -Name 'OpenSSH.Server*'
if ($capability.State -ne 'Installed') { $null = Add-WindowsCapability -Online -Name $capability.Name }
Stop-Service -Name sshd

$directory = Join-Path $env:ProgramData 'ssh'
$null = New-Item -ItemType Directory -Force -Path $directory
Remove-Item -Path (Join-Path $directory 'ssh_host_*')
$key = [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($HostKey))
Write-Guarded (Join-Path $directory 'ssh_host_ed25519_key') $key
Write-Guarded (Join-Path $directory 'administrators_authorized_keys') "$AuthorizedKey`n"
$configuration = @(
    'HostKey __PROGRAMDATA__/ssh/ssh_host_ed25519_key'
    'PasswordAuthentication no'
    'Subsystem sftp sftp-server.exe'
    'Match Group administrators'
    '    AuthorizedKeysFile __PROGRAMDATA__/ssh/administrators_authorized_keys'
) -join "`n"
[IO.File]::WriteAllText((Join-Path $directory 'sshd_config'), "$configuration`n", (New-Object Text.ASCIIEncoding))

if (-not (Get-NetFirewallRule -Name 'OpenSSH-Server-In-TCP' -ErrorAction SilentlyContinue)) {
    $null = New-NetFirewallRule -Name 'OpenSSH-Server-In-TCP' -DisplayName 'OpenSSH Server (sshd)' -Direction Inbound -Protocol TCP -LocalPort 22 -Action Allow
}
Set-Service -Name sshd -StartupType Automatic
Start-Service -Name sshd
'changed: OpenSSH answers with the key of the stack'
