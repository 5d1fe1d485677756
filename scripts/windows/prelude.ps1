# The words every script uses. A script ends with one line, `changed: REASON` or `unchanged: REASON`.
# They run in Windows PowerShell 5.1, as an administrator. Paths have forward slashes, as settings of programs need them.

$configuration = "$root/configuration"
$data = "$root/data"
$runtime = "$root/runtime"
$run = "$root/run"
$log = "$root/log"

# Accounts by their SIDs, because Windows translates their names:
# https://learn.microsoft.com/en-us/windows-server/identity/ad-ds/manage/understand-security-identifiers
$full_access = '*S-1-5-18:(OI)(CI)F', '*S-1-5-32-544:(OI)(CI)F'
$everybody = 'S-1-5-32-545'

# what Python prints is read as UTF-8
$env:PYTHONUTF8 = '1'

function Write-Line($text) { [Console]::Out.WriteLine($text) }

function changed($reason) { Write-Line "changed: $reason" }

function unchanged($reason) { Write-Line "unchanged: $reason" }

# fail WHAT_WHY_AND_WHAT_TO_DO
function fail($reason) { throw "error: $reason" }

# Wait-Until SECONDS CONDITION: whether it came to be in time
function Wait-Until($limit, [scriptblock] $condition) {
    $deadline = [DateTime]::UtcNow.AddSeconds($limit)
    while (-not (& $condition)) {
        if ([DateTime]::UtcNow -ge $deadline) { return $false }
        Start-Sleep -Milliseconds 500
    }
    $true
}

# Get-Outcome PROGRAM ARGUMENTS [INPUT]: its exit `code`, and the `lines` that it printed, errors among them
function Get-Outcome($program, [string[]] $arguments, $text = '') {
    # else the first line on its standard error ends the script
    $ErrorActionPreference = 'Continue'
    $OutputEncoding = New-Object Text.UTF8Encoding($false)
    $global:LASTEXITCODE = -1
    try {
        $lines = @($text | & $program @arguments 2>&1 | ForEach-Object { "$_" })
    } catch {
        fail "$program could not be started: $_"
    }
    [pscustomobject] @{ code = $LASTEXITCODE; lines = $lines }
}

# Invoke-Program PROGRAM ARGUMENTS: the lines that it printed; fails with their end if it does
function Invoke-Program($program, [string[]] $arguments) {
    $outcome = Get-Outcome $program $arguments
    if ($outcome.code -ne 0) { fail "$program failed with exit code $($outcome.code). The end of what it said:`n$(Get-End $outcome.lines)" }
    $outcome.lines
}

# Split-Words TEXT: what stands between its blanks
function Split-Words($text) { $text -split ' ' | Where-Object { $_ -ne '' } }

function Get-End($lines) { ($lines | Select-Object -Last 15) -join "`n" }

# Get-NativePath PATH: as programs need it that take a slash for an option
function Get-NativePath($path) { $path -replace '/', '\' }

function New-Directory($path) { $null = New-Item -ItemType Directory -Force -Path $path }

# Remove-Directory PATH: junctions in it are removed, but not what they lead to, which Remove-Item of PowerShell 5.1 would do
function Remove-Directory($path) {
    if ([IO.Directory]::Exists($path)) { [IO.Directory]::Delete($path, $true) }
}

function Remove-File($path) {
    if ([IO.File]::Exists($path)) { [IO.File]::Delete($path) }
}

# Write-File PATH TEXT: UTF-8 without the mark at its beginning that Out-File of PowerShell 5.1 would write
function Write-File($path, $text) { [IO.File]::WriteAllText($path, $text, (New-Object Text.UTF8Encoding($false))) }

# Read-File PATH: nothing where it is not there
function Read-File($path) {
    if ([IO.File]::Exists($path)) { [IO.File]::ReadAllText($path) } else { '' }
}

# Set-Access PATH GRANTS: from now on these, such as '*SID:(OI)(CI)F', and nobody that its directory lets in
function Set-Access($path, [string[]] $grants) {
    $null = Invoke-Program 'icacls.exe' (@((Get-NativePath $path), '/inheritance:r', '/grant:r') + $grants)
}

# Add-Access PATH GRANT: this too
function Add-Access($path, $grant) { $null = Invoke-Program 'icacls.exe' @((Get-NativePath $path), '/grant:r', $grant) }

# Get-Access PATH: who may what, as one comparable text
function Get-Access($path) {
    if (Test-Path -LiteralPath $path) { (Get-Acl -LiteralPath $path).Sddl } else { '' }
}

# Get-GivenProblem PATH SHA256 WHAT: why a file that the owner of the host was to put there cannot be used; nothing if it can
function Get-GivenProblem($path, $sha256, $what) {
    if (-not [IO.File]::Exists($path)) { return "$what is not at $path. Put it there, or say where it is in the stack file." }
    $found = (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash
    if ($found -ne $sha256) { return "$what at $path has the SHA-256 $found, not $sha256 as in the stack file. Get it anew from its publisher." }
    ''
}

# Expand-Given ARCHIVE DIRECTORY: made anew, with what the zip has
function Expand-Given($archive, $directory) {
    Remove-Directory $directory
    Add-Type -AssemblyName 'System.IO.Compression.FileSystem'
    [IO.Compression.ZipFile]::ExtractToDirectory($archive, $directory)
}

# Set-Junction LINK TARGET: a directory by another name; unlike a symbolic link it needs no privilege
function Set-Junction($link, $target) {
    Remove-Junction $link
    $null = New-Item -ItemType Junction -Path $link -Value $target
}

function Remove-Junction($link) {
    if ([IO.Directory]::Exists($link)) { [IO.Directory]::Delete($link, $false) }
}

# Get-JunctionTarget LINK: with forward slashes; nothing where it is not there
function Get-JunctionTarget($link) {
    if (-not [IO.Directory]::Exists($link)) { return '' }
    "$(@((Get-Item -LiteralPath $link).Target)[0])" -replace '\\', '/'
}

# Test-Url URL: whether it answers with status 200; no proxy is asked
function Test-Url($url) {
    $request = [Net.WebRequest]::Create($url)
    $request.Proxy = $null
    $request.Timeout = 5000
    try {
        $response = $request.GetResponse()
        $status = [int] $response.StatusCode
        $response.Close()
        $status -eq 200
    } catch {
        $false
    }
}

# Test-Port ADDRESS PORT: whether somebody accepts connections there
function Test-Port($address, $port) {
    $client = New-Object Net.Sockets.TcpClient
    try { $client.ConnectAsync($address, [int] $port).Wait(5000) } catch { $false } finally { $client.Close() }
}

# Test-Health URL; a service without one need only run
function Test-Health($url) {
    if ($url -eq '') { return $true }
    if ($url.StartsWith('http://')) { return Test-Url $url }
    if ($url -match '^postgresql://(.+):(\d+)$') { return Test-Port $Matches[1] $Matches[2] }
    fail "no way to check the health of $url"
}

# Get-ServiceState NAME: such as Running; nothing where there is no such service
function Get-ServiceState($name) {
    $found = Get-Service -Name $name -ErrorAction SilentlyContinue
    if ($found) { "$($found.Status)" } else { '' }
}

# Get-Definition NAME: what a service is to be, as its file tells
function Get-Definition($name) { ConvertFrom-Json (Read-File "$configuration/services/$name.json") }

# Stop-OurService NAME: waits until it has stopped; Shawl ends a program that does not stop by itself
function Stop-OurService($name) {
    if ((Get-ServiceState $name) -in '', 'Stopped') { return }
    $definition = Get-Definition $name
    if ($definition.stop_file -ne '') { Stop-ByItself $name $definition }
    Stop-Service -Name $name -Force -NoWait
    $limit = $definition.stop_seconds + 30
    if (-not (Wait-Until $limit { (Get-ServiceState $name) -eq 'Stopped' })) {
        fail "$name did not stop within $limit s. See what keeps it in $log/$name, end it in the task manager, then run pulumi up again."
    }
}

# Stop-ByItself NAME DEFINITION: its program ends what it does before Windows tells it to stop. Shawl starts it again a while
# later, when it finds the file and ends at once.
function Stop-ByItself($name, $definition) {
    Write-Secret $definition.stop_file '' @("*$($definition.sid):R")
    if (-not (Wait-Until $definition.stop_seconds { (Get-Program $name) -eq '' })) {
        Write-Line "note: what $name has started did not end within $($definition.stop_seconds) s, and is ended now."
    }
}

# Get-Program NAME: the process ids of what Shawl runs; none while it waits to start it again
function Get-Program($name) {
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name='$name'"
    if (-not $found -or $found.ProcessId -eq 0) { return '' }
    "$(Get-CimInstance -ClassName Win32_Process -Filter "ParentProcessId=$($found.ProcessId)" | Where-Object { $_.Name -ne 'conhost.exe' } | ForEach-Object { $_.ProcessId })"
}

function Start-OurService($name) {
    $stop_file = (Get-Definition $name).stop_file
    if ($stop_file -ne '') { Remove-File $stop_file }
    if ((Get-ServiceState $name) -ne 'Running') { Start-Service -Name $name }
}

# Get-SqlOutcome STATEMENTS [PASSWORD_FILE]: as Get-Outcome, of psql as the role postgres, by the port that the cluster has
# now. The statements go by standard input, as they may have a secret.
function Get-SqlOutcome($statements, $passwords = "$configuration/postgresql/pgpass.conf") {
    $port = @((Read-File "$data/postgresql/postmaster.pid") -split "`n")[3]
    if (-not $port) { return [pscustomobject] @{ code = 2; lines = @('PostgreSQL does not run') } }
    $env:PGPASSFILE = $passwords
    $env:PGCONNECT_TIMEOUT = '5'
    $env:PGCLIENTENCODING = 'UTF8'
    $options = @('-XAtqw', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', $port.Trim(), '-U', 'postgres', '-d', 'postgres')
    Get-Outcome "$runtime/postgresql/bin/psql.exe" $options $statements
}

# Write-Secret PATH TEXT [GRANTS]: at no time is it in a file that others may read
function Write-Secret($path, $text, [string[]] $grants = @()) {
    Remove-File $path
    Write-File $path ''
    Set-Access $path (@('*S-1-5-18:F', '*S-1-5-32-544:F') + $grants)
    Write-File $path $text
}

# Get-EndOfLog SERVICE
function Get-EndOfLog($service) {
    $newest = Get-ChildItem -Path "$log/$service" -File -ErrorAction SilentlyContinue | Sort-Object LastWriteTime | Select-Object -Last 1
    if ($newest) { (Get-Content -LiteralPath $newest.FullName -Tail 20) -join "`n" } else { "there is none in $log/$service" }
}

# Get-Runtime SERVICE: the Python environment that it runs from, if there is one
function Get-Runtime($service) { Get-JunctionTarget "$runtime/current/$service" }

# Switch-Runtime SERVICE ENVIRONMENT: lets a service run from another Python environment from its next start
function Switch-Runtime($service, $environment) {
    if ($environment -eq '') { return }
    New-Directory "$runtime/current"
    Set-Junction "$runtime/current/$service" $environment
}
