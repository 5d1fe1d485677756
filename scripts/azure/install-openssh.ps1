# Run once by Azure, as the system, on a new Windows machine: OpenSSH with one host key, which the stack knows beforehand, for
# administrators who come by a key. $AuthorizedKey, a public key, and $HostKey, a private one, are in base64.
param([string] $AuthorizedKey, [string] $HostKey)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0

$system, $administrators, $users = '*S-1-5-18', '*S-1-5-32-544', '*S-1-5-11'

# Set-Access PATH GRANT...: for these alone; sshd refuses keys that others can change
function Set-Access([string] $path, [string[]] $grants) {
    $null = & "$env:SystemRoot\System32\icacls.exe" $path /inheritance:r /grant $grants
    if ($LASTEXITCODE -ne 0) { throw "error: who may read $path could not be set (icacls ended with $LASTEXITCODE)." }
}

function Write-Guarded([string] $path, [string] $text) {
    [IO.File]::WriteAllText($path, $text, (New-Object Text.ASCIIEncoding))
    Set-Access $path @("${system}:F", "${administrators}:F")
}

function Get-Decoded([string] $text) { [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($text)) }

# Windows Server has it from 2025 on
if (-not (Get-Service -Name sshd -ErrorAction SilentlyContinue)) {
    $null = Add-WindowsCapability -Online -Name 'OpenSSH.Server~~~~0.0.1.0'
}
Stop-Service -Name sshd

$directory = Join-Path $env:ProgramData 'ssh'
$null = New-Item -ItemType Directory -Force -Path $directory
Set-Access $directory @("${system}:(OI)(CI)F", "${administrators}:(OI)(CI)F", "${users}:(OI)(CI)RX")
Remove-Item -Path (Join-Path $directory 'ssh_host_*')
Write-Guarded (Join-Path $directory 'ssh_host_ed25519_key') (Get-Decoded $HostKey)
Write-Guarded (Join-Path $directory 'administrators_authorized_keys') "$(Get-Decoded $AuthorizedKey)`n"
$configuration = @(
    'HostKey __PROGRAMDATA__/ssh/ssh_host_ed25519_key'
    'PasswordAuthentication no'
    'Subsystem sftp sftp-server.exe'
    'Match Group administrators'
    '    AuthorizedKeysFile __PROGRAMDATA__/ssh/administrators_authorized_keys'
) -join "`n"
[IO.File]::WriteAllText((Join-Path $directory 'sshd_config'), "$configuration`n", (New-Object Text.ASCIIEncoding))

# the rule that comes with Windows Server 2025 leaves out networks of the kind Public, as Azure's may be
$rule = @{ Name = 'OpenSSH-Server-In-TCP'; Profile = 'Any'; Enabled = 'True'; Action = 'Allow' }
if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) { Set-NetFirewallRule @rule }
else { $null = New-NetFirewallRule @rule -DisplayName 'OpenSSH Server (sshd)' -Direction Inbound -Protocol TCP -LocalPort 22 }
Set-Service -Name sshd -StartupType Automatic
Start-Service -Name sshd
'changed: OpenSSH answers with the key of the stack'
