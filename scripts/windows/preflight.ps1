# Looks at this host before anything is changed, and tells all that is in the way at once.

$problems = New-Object Collections.ArrayList

function finding($text) { $null = $problems.Add("error: $text") }

function note($text) { Write-Line "note: $text" }

function create {
    foreach ($check in 'System', 'Rights', 'OpenSsh', 'Policies', 'AppLocker', 'Programs', 'Wrapper', 'Restic', 'Caddy', 'Libraries', 'Wheels', 'Disk', 'Memory', 'Names', 'Ports', 'Paths', 'Clock') {
        try { & "Test-$check" } catch { finding "the check of $check broke: $_ See what is special about this host, or report it." }
    }
    if ($problems.Count -gt 0) { throw ($problems -join "`n") }
    unchanged 'system, programs, names, disk, memory and ports are as needed'
}

function Test-Role($role) { " $roles ".Contains(" $role ") }

# 17763 is Windows Server 2019, which has the .NET 4.7.2 that certificates need; its OpenSSH is too old, which is told apart
function Test-System {
    $system = Get-CimInstance -ClassName Win32_OperatingSystem
    if ([int] $system.BuildNumber -lt 17763) { finding "$($system.Caption) is not supported. Use Windows Server 2022 or 2025, or 2019 with a newer OpenSSH." }
    if ($system.ProductType -eq 1) { note "$($system.Caption) is no server: it may sleep, and restart for updates." }
    if ($system.OSArchitecture -notmatch '64') { finding 'this Windows has 32 bits. Use one with 64.' }
    if ($PSVersionTable.PSVersion -lt [version] '5.1') { finding "PowerShell is $($PSVersionTable.PSVersion). Install Windows Management Framework 5.1." }
}

function Test-Rights {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object Security.Principal.WindowsPrincipal($identity)
    if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        finding "$($identity.Name) is no administrator here. Log in by SSH as a user of the group Administrators; for its key: icacls and administrators_authorized_keys in https://learn.microsoft.com/windows-server/administration/openssh/openssh_keymanagement"
    }
}

function Test-OpenSsh {
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='sshd'"
    if (-not $service) { return }
    $program = $service.PathName -replace '^"?(.+?\.exe).*$', '$1'
    $version = [version] ((Get-Item -LiteralPath $program).VersionInfo.FileVersion -replace '^[^0-9]*([0-9]+(\.[0-9]+)+).*$', '$1')
    if ($version -lt [version] '7.9') { finding "OpenSSH is $version; before 7.9 it loses input. Install a newer one: https://github.com/PowerShell/Win32-OpenSSH/releases" }
    if ($service.StartMode -ne 'Auto') { finding 'the SSH server does not start when this host boots. In PowerShell: Set-Service -Name sshd -StartupType Automatic' }
}

# What a domain sets for all its servers, and what a host cannot set otherwise for long.
function Test-Policies {
    $rights = Get-LogonRights
    # all services, or everybody: https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers
    $services = '= .*(\*S-1-5-80-0\b|\*S-1-1-0\b|ALL SERVICES)'
    if ($rights -ne '' -and $rights -notmatch "(?m)^SeServiceLogonRight $services") {
        finding "services may not log on here: the right 'Log on as a service' lacks NT SERVICE\ALL SERVICES (S-1-5-80-0). $(Get-PolicyAdvice)"
    }
    if ($rights -match "(?m)^SeDenyServiceLogonRight $services") {
        finding "services may not log on here: 'Deny log on as a service' has NT SERVICE\ALL SERVICES (S-1-5-80-0). $(Get-PolicyAdvice)"
    }
    foreach ($scope in 'MachinePolicy', 'UserPolicy') {
        $policy = "$(Get-ExecutionPolicy -Scope $scope)"
        if ($policy -in 'Restricted', 'AllSigned') {
            $text = "a policy ($scope) lets PowerShell run only scripts that are signed ($policy), and backups are made by scripts. Have 'Turn on Script Execution' allow local scripts for this host."
            if (Test-Role 'postgres') { finding $text } else { note $text }
        }
    }
}

# Administrators may run everything by its default rules, so that nothing but a service would meet them.
function Test-AppLocker {
    if ((Get-ServiceState 'AppIDSvc') -ne 'Running') { return }
    try { $policy = [xml] (Get-AppLockerPolicy -Effective -Xml) } catch { return }
    if ($policy.SelectNodes("//RuleCollection[@Type='Exe' and @EnforcementMode='Enabled']").Count -gt 0) {
        note "AppLocker decides here which programs run. Its rules must let all users, as services are, run what is below $runtime."
    }
}

# Get-LogonRights: who may log on how, as text; nothing where that cannot be asked for
function Get-LogonRights {
    $file = "$([IO.Path]::GetTempPath())prefect-$([Guid]::NewGuid()).inf"
    try {
        $null = Get-Outcome 'secedit.exe' @('/export', '/areas', 'USER_RIGHTS', '/cfg', $file, '/quiet') '' 60
        Read-File $file
    } finally {
        Remove-File $file
    }
}

function Get-PolicyAdvice {
    if ((Get-CimInstance -ClassName Win32_ComputerSystem).PartOfDomain) {
        'Have the group policy that sets it mended, which undoes what is set here by hand. Which one: gpresult /h FILE'
    } else { 'Mend it in secpol.msc: Local Policies, User Rights Assignment.' }
}

# 1.9.0 is the first that goes on when a flow run is cancelled: https://github.com/mtkennerly/shawl/blob/master/CHANGELOG.md
function Test-Wrapper {
    $problem = Get-GivenProblem $wrapper_source $wrapper_sha256 'Shawl'
    if ($problem -ne '') {
        if (-not [IO.File]::Exists($wrapper)) { finding $problem }
        return
    }
    $said = "$((Get-Outcome $wrapper_source @('--version') '' 60).lines)"
    if ($said -notmatch 'shawl ([0-9]+\.[0-9]+\.[0-9]+)') { finding "$wrapper_source --version said '$said'. Get Shawl 1.9.0 or newer: https://github.com/mtkennerly/shawl/releases" }
    elseif ([version] $Matches[1] -lt [version] '1.9.0') { finding "Shawl is $($Matches[1]), which ends when a flow run is cancelled. Get 1.9.0 or newer: https://github.com/mtkennerly/shawl/releases" }
}

# Given where backups are copied. Its publisher gives it as a zip.
function Test-Restic {
    $installed = "$runtime/restic.exe"
    if ($restic_source -eq '' -or ([IO.File]::Exists($installed) -and (Get-FileHash -LiteralPath $installed -Algorithm SHA256).Hash -eq $restic_sha256)) { return }
    $problem = Get-GivenProblem $restic_source $restic_sha256 'restic'
    if ($problem -ne '') {
        finding $problem
        return
    }
    $said = "$((Get-Outcome $restic_source @('version') '' 60).lines)"
    if ($said -notmatch 'restic [0-9]+\.') { finding "$restic_source version said '$said'. Get restic.exe out of the zip for windows_amd64: https://github.com/restic/restic/releases" }
}

function Test-Caddy {
    if ($caddy_source -eq '' -or [IO.File]::Exists($caddy)) { return }
    $problem = Get-GivenProblem $caddy_source $caddy_sha256 'Caddy'
    if ($problem -ne '') {
        finding $problem
        return
    }
    $outcome = Get-Outcome $caddy_source @('version') '' 60
    if ($outcome.code -ne 0) { finding "$caddy_source version failed with exit code $($outcome.code): $(Get-End $outcome.lines) Get Caddy 2 for Windows, amd64: https://caddyserver.com/download" }
}

# The archive of PostgreSQL has none of these, and its ICU needs more of them than PostgreSQL itself.
function Test-Libraries {
    $missing = @('vcruntime140.dll', 'vcruntime140_1.dll', 'msvcp140.dll' | Where-Object { -not [IO.File]::Exists("$env:SystemRoot/System32/$_") })
    if ($missing.Count -gt 0) {
        finding "of the Visual C++ runtime $($missing -join ', ') is missing, without which PostgreSQL and some Python packages do not start. Install vc_redist.x64.exe: https://learn.microsoft.com/cpp/windows/latest-supported-vc-redist"
    }
}

function Test-Programs {
    if ((Test-Role 'server') -or (Test-Role 'worker')) { Test-Python }
    if (Test-Role 'postgres') { Test-PostgreSql }
    if ($wheel_directory -ne '' -and -not [IO.Directory]::Exists($wheel_directory)) {
        finding "the directory of wheels $wheel_directory is not there. Fill it by make wheelhouse and copy it to this host, or say where it is: wheelDirectory of this host in the stack file."
    }
}

function Test-PostgreSql {
    if ($postgresql_archive -ne '') {
        $problem = Get-GivenProblem $postgresql_archive $postgresql_archive_sha256 "the archive of PostgreSQL's programs"
        if ($problem -ne '' -and -not [IO.Directory]::Exists($postgresql_programs)) { finding $problem }
        return
    }
    $missing = @('postgres', 'initdb', 'psql', 'pg_dump', 'pg_restore' | Where-Object { -not [IO.File]::Exists("$postgresql_programs/bin/$_.exe") })
    if ($missing.Count -gt 0) {
        finding "of PostgreSQL's programs $postgresql_programs/bin lacks $($missing -join ', '). Install server and command line tools there, or say where they are: postgresql.directory of this host in the stack file."
    }
}

function Test-Wheels {
    if ($wheel_directory -eq '' -or -not [IO.Directory]::Exists($wheel_directory)) { return }
    $there = @(Get-ChildItem -LiteralPath $wheel_directory -File | ForEach-Object { Get-Requirement ($_.Name -split '-') })
    $missing = @(Split-Words $packages | Where-Object { (Get-Requirement ($_ -split '==')) -notin $there })
    if ($missing.Count -gt 0) {
        finding "$wheel_directory lacks $($missing.Count) wheels, the first of them $($missing[0]). Fill it by make wheelhouse for this Prefect version and for Windows, and copy it whole."
    }
}

# Get-Requirement NAME VERSION...: as all spellings of the name have it, https://packaging.python.org/specifications/name-normalization
function Get-Requirement([string[]] $words) { "$($words[0] -replace '[-_.]+', '-')==$($words[1])".ToLowerInvariant() }

function Test-Python {
    if ($python_archive -ne '' -and -not [IO.File]::Exists($base_python)) {
        $problem = Get-GivenProblem $python_archive $python_archive_sha256 'the archive of Python'
        if ($problem -ne '') { finding $problem }
        return
    }
    if (-not [IO.File]::Exists($base_python)) {
        finding "there is no Python at $base_python. Install one of 3.10 to 3.14 for all users, or say where it is in the stack file."
        return
    }
    $code = 'import ensurepip, sys, venv; sys.exit(not ((3, 10) <= sys.version_info < (3, 15) and sys.maxsize > 2**32))'
    if ((Get-Outcome $base_python @('-I', '-c', $code)).code -ne 0) { finding "the Python at $base_python cannot be used. Install one of 3.10 to 3.14, 64 bits, with pip." }
    if ($base_python -like '*/Users/*' -or $base_python -like '*/WindowsApps/*') {
        finding "the Python at $base_python is one user's own, whom services are not. Install it for all users."
    }
}

function Test-Disk {
    $drive = New-Object IO.DriveInfo($root.Substring(0, 1))
    if (-not $drive.IsReady) {
        finding "there is no drive $($root.Substring(0, 2)). Choose another directory for this host in the stack file."
        return
    }
    $free = [int] ($drive.AvailableFreeSpace / 1048576)
    if ($free -lt 6144) { finding "only $free MiB are free on $($drive.Name), 6144 are needed. Make room, or choose a directory on another drive." }
    if ($drive.DriveFormat -notin 'NTFS', 'ReFS') { finding "$($drive.Name) has the file system $($drive.DriveFormat), which has no access lists. Use one with NTFS." }
}

function Test-Memory {
    $total = [int] ((Get-CimInstance -ClassName Win32_OperatingSystem).TotalVisibleMemorySize / 1024)
    $needed = 1536
    foreach ($role in 'postgres', 'server', 'worker') { if (Test-Role $role) { $needed += 512 } }
    if ($total -lt $needed) { finding "this host has $total MiB of memory, at least $needed are needed for $roles. Give it more, or move something to another host." }
}

function Test-Names {
    foreach ($name in Split-Words $names) {
        try { $null = [Net.Dns]::GetHostAddresses($name) } catch {
            finding "the name $name is not found from this host. Mend its DNS, or give the address in the stack file."
        }
    }
}

# A port is ours if an earlier run reserved it; see prepare-host.
function Test-Ports {
    $reserved = " $((Read-File "$configuration/ports").Trim()) "
    foreach ($entry in Split-Words $ports) {
        $key, $port = $entry -split '=', 2
        if ($reserved -match "=$port ") { continue }
        $listener = Get-NetTCPConnection -State Listen -LocalPort $port -ErrorAction SilentlyContinue | Select-Object -First 1
        if (-not $listener) { continue }
        $program = (Get-Process -Id $listener.OwningProcess).ProcessName
        finding "port $port is taken by $program. Stop it, or choose another: pulumi config set --path $key PORT"
    }
}

# What is installed is up to 150 characters below its directory, and flows write longer paths.
function Test-Paths {
    if ($root.Length -gt 60) { finding "the directory $root is too long a name: Windows takes paths of 259 characters. Choose a shorter one in the stack file." }
    $long = Get-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem' -Name LongPathsEnabled -ErrorAction SilentlyContinue
    if (-not $long -or $long.LongPathsEnabled -ne 1) { note 'long paths are not enabled, so flows fail with paths of more than 259 characters. https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation' }
}

function Test-Clock {
    if ((Get-ServiceState 'W32Time') -ne 'Running') { note 'the Windows Time service does not run. Runs are scheduled by the clock: see that something sets it.' }
}
