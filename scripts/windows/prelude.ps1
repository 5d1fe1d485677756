# The words every script uses. A script ends with one line, `changed: REASON` or `unchanged: REASON`.
# They run in Windows PowerShell 5.1, as an administrator. Paths have forward slashes, as settings of programs need them.

$configuration = "$root/configuration"
$data = "$root/data"
$runtime = "$root/runtime"
$run = "$root/run"
$log = "$root/log"

# Access lists as https://learn.microsoft.com/windows/win32/secauthz/ace-strings has them, because Windows translates the names
# of accounts: the system (SY) and administrators (BA) may do everything (FA), there and (OICI) below
$full_access = '(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'

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

# Get-Outcome PROGRAM ARGUMENTS [INPUT [SECONDS]]: its exit `code`, the lines that it `printed`, and `lines`, its errors after
# those. When its time is up it is ended, and all that it has started. One of Windows' own needs no path.
function Get-Outcome($program, [string[]] $arguments, $text = '', [int] $limit = 600) {
    # else the directory that this runs in would be searched first
    if ($program -notmatch ':') { $program = "$env:SystemRoot/System32/$program" }
    $utf8 = New-Object Text.UTF8Encoding($false)
    $start = New-Object Diagnostics.ProcessStartInfo((Get-NativePath $program), (Get-CommandLine $arguments))
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = $utf8
    $start.StandardErrorEncoding = $utf8
    try { $process = [Diagnostics.Process]::Start($start) } catch { fail "$program could not be started: $_" }
    $printed = $process.StandardOutput.ReadToEndAsync()
    $errors = $process.StandardError.ReadToEndAsync()
    $bytes = $utf8.GetBytes($text)
    try {
        $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $process.StandardInput.Close()
    } catch {
        # one that ends without reading tells why itself
        Write-Debug "$_"
    }
    if (-not $process.WaitForExit($limit * 1000)) {
        $null = Get-Outcome 'taskkill.exe' @('/T', '/F', '/PID', "$($process.Id)") '' 30
        fail "$program was ended, as it took more than $limit s. See what holds it up (an antivirus program, the disk), then run pulumi up again."
    }
    $lines = @(Get-Lines $printed)
    [pscustomobject] @{ code = $process.ExitCode; printed = $lines; lines = $lines + @(Get-Lines $errors) }
}

# Get-Lines TASK: what it has read; what a program leaves behind may hold its output open, and is not waited for
function Get-Lines($task) {
    if (-not $task.Wait(10000)) { return }
    $text = $task.Result.TrimEnd()
    if ($text -ne '') { $text -split '\r?\n' }
}

# Get-CommandLine ARGUMENTS: one line that a program splits into the same ones; PowerShell 5.1 itself loses quotes and empty ones
# https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
function Get-CommandLine([string[]] $arguments) {
    $quoted = foreach ($argument in $arguments) {
        if ($argument -match '^[^\s"]+\z') { $argument } else { '"' + ($argument -replace '(\\*)"', '$1$1\"' -replace '(\\+)\z', '$1$1') + '"' }
    }
    "$quoted"
}

# Invoke-Program PROGRAM ARGUMENTS [SECONDS]: the lines that it printed; fails with the end of what it said if it does
function Invoke-Program($program, [string[]] $arguments, [int] $limit = 600) {
    $outcome = Get-Outcome $program $arguments '' $limit
    if ($outcome.code -ne 0) { fail "$program failed with exit code $($outcome.code). The end of what it said:`n$(Get-End $outcome.lines)" }
    $outcome.printed
}

# Split-Words TEXT: what stands between its blanks
function Split-Words($text) { $text -split ' ' | Where-Object { $_ -ne '' } }

function Get-End($lines) { ($lines | Select-Object -Last 15) -join "`n" }

# Get-NativePath PATH: with backslashes
function Get-NativePath($path) { $path -replace '/', '\' }

function New-Directory($path) { $null = New-Item -ItemType Directory -Force -Path $path }

# Use-Files ACTION: again for a while, as antivirus programs and processes that are about to end hold files and directories
function Use-Files([scriptblock] $action) {
    $deadline = [DateTime]::UtcNow.AddSeconds(30)
    while ($true) {
        try {
            & $action
            return
        } catch {
            if ([DateTime]::UtcNow -ge $deadline) { fail "$_ Some program holds it: see which (resmon.exe), exempt $root from antivirus programs, then run pulumi up again." }
        }
        Start-Sleep -Milliseconds 500
    }
}

# Remove-Directory PATH: junctions in it are removed, but not what they lead to, which Remove-Item of PowerShell 5.1 would do.
# Each junction makes it fail once, though it is gone then: https://github.com/dotnet/runtime/issues/86249
function Remove-Directory($path) {
    Use-Files { if ([IO.Directory]::Exists($path)) { [IO.Directory]::Delete($path, $true) } }
}

# Move-Directory FROM TO: which must not be there; Move-Item would move it into that
function Move-Directory($from, $to) { Use-Files { [IO.Directory]::Move($from, $to) } }

# Move-File FROM TO: in place of what is there
function Move-File($from, $to) { Use-Files { Move-Item -LiteralPath $from -Destination $to -Force } }

function Remove-File($path) {
    Use-Files { if ([IO.File]::Exists($path)) { [IO.File]::Delete($path) } }
}

# Write-File PATH TEXT: UTF-8 without the mark at its beginning that Out-File of PowerShell 5.1 would write
function Write-File($path, $text) { [IO.File]::WriteAllText($path, $text, (New-Object Text.UTF8Encoding($false))) }

# Read-File PATH: nothing where it is not there
function Read-File($path) {
    if ([IO.File]::Exists($path)) { [IO.File]::ReadAllText($path) } else { '' }
}

# Set-Access PATH ENTRIES: from now on these alone, and it belongs to administrators. Not by icacls.exe, which refuses the SID of
# a service that is not there yet.
function Set-Access($path, $entries) {
    $list = New-AccessList $path $entries
    if ([IO.Directory]::Exists($path)) { [IO.Directory]::SetAccessControl($path, $list) } else { [IO.File]::SetAccessControl($path, $list) }
}

function New-AccessList($path, $entries) {
    $kind = if ([IO.Directory]::Exists($path)) { 'Directory' } else { 'File' }
    $list = New-Object "Security.AccessControl.${kind}Security"
    $list.SetSecurityDescriptorSddlForm("O:BAD:PAI$entries", 'Owner, Access')
    $list
}

# Test-Access PATH ENTRIES: whether it is as Set-Access left it
function Test-Access($path, $entries) {
    $found = Get-Acl -LiteralPath $path
    $found.AreAccessRulesProtected -and (Get-Entries $found) -eq (Get-Entries (New-AccessList $path $entries))
}

# Get-Entries LIST: whatever their order
function Get-Entries($list) {
    $entries = $list.GetSecurityDescriptorSddlForm('Access') -replace '^[^(]*' -split '(?=\()' | Sort-Object
    "$entries"
}

# Get-Sid ACCOUNT: as this host, which `.` stands for, or its domain knows it; a SID is one already
function Get-Sid($account) {
    if ($account -match '^S-1-') { return $account }
    $name = New-Object Security.Principal.NTAccount($account -replace '^\.(?=\\)', [Environment]::MachineName)
    try { $name.Translate([Security.Principal.SecurityIdentifier]).Value } catch {
        fail "Windows does not find the account ${account}: $_ See that it is there and written as it should be, and that this host reaches a controller of its domain."
    }
}

# Get-FileEntries READERS: the access list of a file for administrators and, by its SID or name, one account or group
function Get-FileEntries($readers) {
    $others = if ($readers -eq '') { '' } else { "(A;;FR;;;$(Get-Sid $readers))" }
    "(A;;FA;;;SY)(A;;FA;;;BA)$others"
}

# Get-DirectoryDrift PATH ENTRIES: how it differs from what Set-Access left, in words
function Get-DirectoryDrift($path, $entries) {
    if (-not [IO.Directory]::Exists($path)) { "${path}: missing" } elseif (-not (Test-Access $path $entries)) { "${path}: access" }
}

# Add-Access DIRECTORY SID: that one too may read, write and remove what is in it
function Add-Access($path, $sid) {
    $who = New-Object Security.Principal.SecurityIdentifier($sid)
    $rule = New-Object Security.AccessControl.FileSystemAccessRule($who, 'Modify', 'ContainerInherit, ObjectInherit', 'None', 'Allow')
    $list = Get-Acl -LiteralPath $path
    $list.SetAccessRule($rule)
    [IO.Directory]::SetAccessControl($path, $list)
}

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

# Copy-Given PATH SHA256 WHAT TO: a program that the owner of the host put there, where services run it from
function Copy-Given($path, $sha256, $what, $to) {
    $problem = Get-GivenProblem $path $sha256 $what
    if ($problem -ne '') { fail $problem }
    Copy-Item -LiteralPath $path -Destination "$to.new" -Force
    # Windows asks before it runs what came from the Internet, and a service has nobody to answer
    Unblock-File -LiteralPath "$to.new"
    Move-File "$to.new" $to
}

# Expand-Given ARCHIVE DIRECTORY [NAMES [SECONDS]]: made anew, with those files of the zip whose names match
function Expand-Given($archive, $directory, $names = '', $limit = 1800) {
    Remove-Directory $directory
    $deadline = [DateTime]::UtcNow.AddSeconds($limit)
    Add-Type -AssemblyName 'System.IO.Compression.FileSystem'
    $zip = [IO.Compression.ZipFile]::OpenRead($archive)
    try {
        foreach ($entry in $zip.Entries) {
            # a directory of its own has no name
            if ($entry.Name -eq '' -or $entry.FullName -notmatch $names) { continue }
            if ([DateTime]::UtcNow -ge $deadline) { fail "$archive was not unpacked within $limit s. See what holds it up (an antivirus program, the disk), then run pulumi up again." }
            $path = "$directory/$($entry.FullName)"
            $null = [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($path))
            [IO.Compression.ZipFileExtensions]::ExtractToFile($entry, $path)
        }
    } finally {
        $zip.Dispose()
    }
}

# Set-Junction LINK TARGET: a directory by another name; unlike a symbolic link it needs no privilege
function Set-Junction($link, $target) {
    Remove-Junction $link
    # a slash in it would lead nowhere
    $null = New-Item -ItemType Junction -Path $link -Value (Get-NativePath $target)
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

# Get-ShownCertificate NAME PORT: what is shown on this host to those who ask for `NAME`: the `certificate`, and whether it
# `is_right`, else the `problem`. Whom it is from is for clients to judge, who know the authority.
function Get-ShownCertificate($name, $port) {
    $found = [pscustomobject] @{ certificate = $null; is_right = $false; problem = '' }
    $client = New-Object Net.Sockets.TcpClient
    $check = [Net.Security.RemoteCertificateValidationCallback] {
        param($from, $certificate, $chain, $errors)
        $found.certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2($certificate)
        if ("$errors" -match 'NameMismatch') { $found.problem = "it is for $($found.certificate.Subject) and others." }
        $true
    }
    try {
        $null = $client.ConnectAsync('127.0.0.1', [int] $port).Wait(5000)
        $client.ReceiveTimeout = 5000
        $stream = New-Object Net.Security.SslStream($client.GetStream(), $false, $check)
        $stream.AuthenticateAsClient($name, $null, [Security.Authentication.SslProtocols]::Tls12, $false)
        if ($found.certificate.NotAfter -lt [DateTime]::Now) { $found.problem = 'it has expired.' }
        $found.is_right = $found.problem -eq ''
    } catch {
        $found.problem = "$_"
    } finally {
        $client.Close()
    }
    $found
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

# Get-ServiceSid NAME: of the account that a service has or will have, which is known before it is there
function Get-ServiceSid($name) {
    if ("$(Invoke-Program 'sc.exe' @('showsid', $name))" -notmatch 'S-1-5-80(-\d+){5}') { fail "sc.exe showsid $name told no SID." }
    $Matches[0]
}

# Get-Definition NAME: what a service is to be, as its file tells
function Get-Definition($name) { ConvertFrom-Json (Read-File "$configuration/services/$name.json") }

# Get-AccountSid DEFINITION: of the account that a service logs on as; that of its own is known before the service is there
function Get-AccountSid($definition) { if ($definition.sid -eq '') { Get-Sid $definition.account } else { $definition.sid } }

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
    Write-Secret $definition.stop_file '' (Get-AccountSid $definition)
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

# Write-Secret PATH TEXT [READERS]: for administrators and, by its SID, one reader; at no time may others read it
function Write-Secret($path, $text, $readers = '') {
    Remove-File $path
    Write-File $path ''
    Set-Access $path (Get-FileEntries $readers)
    Write-File $path $text
}

# Get-EndOfLog SERVICE
function Get-EndOfLog($service) {
    $newest = Get-ChildItem -Path "$log/$service" -File -ErrorAction SilentlyContinue | Sort-Object LastWriteTime | Select-Object -Last 1
    if ($newest) { (Get-Content -LiteralPath $newest.FullName -Tail 20 -Encoding UTF8) -join "`n" } else { "there is none in $log/$service" }
}

# Get-Runtime SERVICE: the Python environment that it runs from, if there is one
function Get-Runtime($service) { Get-JunctionTarget "$runtime/current/$service" }

# Switch-Runtime SERVICE ENVIRONMENT: lets a service run from another Python environment from its next start
function Switch-Runtime($service, $environment) {
    if ($environment -eq '') { return }
    New-Directory "$runtime/current"
    Set-Junction "$runtime/current/$service" $environment
}
