# A backup right now, named after its `reason`, such as before-migration-3.8.9. There is no delete: it is kept.

function create {
    $outcome = Get-Outcome 'WindowsPowerShell/v1.0/powershell.exe' @('-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', "$runtime/bin/backup-prefect.ps1", $reason) '' 18000
    if ($outcome.code -ne 0) { fail "no backup could be made, so nothing that needs one was begun: $(Get-End $outcome.lines)" }
    $said = "$($outcome.printed | Select-Object -Last 1)"
    if ($said.StartsWith('backup ')) { changed ($said -replace ' made in .*$') } else { unchanged $said }
}
