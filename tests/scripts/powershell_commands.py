"""What scripts for Windows may count on: commands of Windows PowerShell 5.1, programs of Windows, and their settings.

Each command has the parameters that are used; all are in https://learn.microsoft.com/powershell/module/?view=powershell-5.1
"""

COMMANDS: dict[str, set[str]] = {
    "Add-Type": {"AssemblyName", "TypeDefinition"},
    "Copy-Item": {"LiteralPath", "Destination", "Force"},
    "ConvertFrom-Json": set(),
    "ConvertTo-Json": {"Compress"},
    "ForEach-Object": set(),
    "Get-Acl": {"LiteralPath"},
    "Get-AppLockerPolicy": {"Effective", "Xml"},
    "Get-ChildItem": {"Path", "LiteralPath", "Directory", "File", "Recurse", "Force", "ErrorAction"},
    "Get-CimInstance": {"ClassName", "Filter", "Namespace"},
    "Get-Content": {"LiteralPath", "Tail", "Encoding"},
    "Get-ExecutionPolicy": {"Scope"},
    "Get-FileHash": {"LiteralPath", "Algorithm"},
    "Get-Item": {"LiteralPath"},
    "Get-ItemProperty": {"Path", "Name", "ErrorAction"},
    "Get-NetFirewallProfile": {"PolicyStore"},
    "Get-NetFirewallRule": {"Name", "Group", "ErrorAction"},
    "Get-NetTCPConnection": {"State", "LocalPort", "ErrorAction"},
    "Get-Process": {"Id"},
    "Get-ScheduledTask": {"TaskPath", "TaskName", "ErrorAction"},
    "Get-Service": {"Name", "ErrorAction"},
    "Get-Variable": {"Name", "ValueOnly", "ErrorAction"},
    "Invoke-RestMethod": {"Uri", "Method", "ContentType", "Body", "TimeoutSec"},
    "Invoke-CimMethod": {"InputObject", "MethodName", "Arguments"},
    "Move-Item": {"LiteralPath", "Destination", "Force"},
    "New-Item": {"ItemType", "Path", "Value", "Force"},
    "New-NetFirewallRule": {
        *("Name", "Group", "DisplayName", "Direction", "Action", "Protocol", "LocalPort", "RemoteAddress"),
    },
    "New-Object": set(),
    "New-Service": {"Name", "BinaryPathName", "DisplayName", "StartupType"},
    "Register-ScheduledTask": {"TaskPath", "TaskName", "Xml", "Force"},
    "Remove-NetFirewallRule": {"Name"},
    "Select-Object": {"First", "Last"},
    "Set-StrictMode": {"Version"},
    "Set-Variable": {"Name", "Value"},
    "Sort-Object": {"Descending"},
    "Start-Process": {
        *("FilePath", "ArgumentList", "PassThru", "WindowStyle", "RedirectStandardOutput", "RedirectStandardError"),
    },
    "Start-Service": {"Name"},
    "Start-Sleep": {"Seconds", "Milliseconds"},
    "Stop-ScheduledTask": {"TaskPath", "TaskName"},
    "Stop-Service": {"Name", "Force", "NoWait"},
    "Test-Path": {"LiteralPath"},
    "Unregister-ScheduledTask": {"TaskPath", "TaskName", "Confirm"},
    "Unblock-File": {"LiteralPath"},
    "Where-Object": set(),
    "Write-Debug": set(),
}

PROGRAMS = {"powershell.exe", "sc.exe", "secedit.exe", "taskkill.exe"}
"""Windows' own, named with .exe: `sc` alone is Set-Content in PowerShell 5.1."""

GIVEN = {
    *("root", "wrapper", "wrapper_source", "wrapper_sha256", "base_python"),
    *("python_archive", "python_archive_sha256"),
    *("postgresql_archive", "postgresql_archive_sha256", "postgresql_programs"),
    *("restic_source", "restic_sha256"),
    *("caddy", "caddy_source", "caddy_sha256"),
}
"""Settings that every script gets from its platform."""

SETTINGS: dict[str, set[str]] = {
    "apply-postgresql-configuration": {"service"},
    "backup-database": {"reason"},
    "caddy-certificate": {"service", "server_name", "port", "authority"},
    "caddy-site": {"service", "server_name", "port", "candidate", "chain", "key"},
    "create-postgresql-certificate": {"service", "names"},
    "create-postgresql-cluster": {"service"},
    "drain-worker": {"service", "secrets_file", "secrets"},
    "file": {"path", "readers", "content"},
    "firewall": {"openings"},
    "install-caddy": set(),
    "install-postgresql": set(),
    "install-runtime": {"lock", "directory", "wheel_directory"},
    "list-drift": {"things", "scripts"},
    "measure-memory": set(),
    "migrate-prefect-database": {"python", "program", "environment_files", "service"},
    "prepare-backups": {"directory", "copies", "purge"},
    "preflight": {"ports", "roles", "names", "packages", "wheel_directory"},
    "prepare-host": {"ports", "purge"},
    "service": {"service", "environment", "health_url", "start_seconds", "settle_seconds", "fingerprint"},
    "service-account": {"account", "password", "password_key"},
    "set-postgresql-password": {"password"},
    "timer": {"task", "schedule", "fingerprint"},
}
"""Settings that each script reads, of those that components give it."""
