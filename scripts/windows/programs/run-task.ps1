# Runs what is scheduled: run-task [-on_failure PROGRAM] NAME SECONDS PROGRAM [ARGUMENT...]. What it says goes to a log; if it
# fails, or is not done within so many seconds and is ended, the other program is run with the NAME.
param(
    [Parameter(Position = 0)] [string] $name,
    [Parameter(Position = 1)] [int] $seconds,
    [Parameter(Position = 2, ValueFromRemainingArguments = $true)] [string[]] $command,
    # by its name alone, as it has no position
    [string] $on_failure = ''
)
. "$PSScriptRoot/programs.ps1"

$place = "$log/tasks"

function Invoke-Scheduled {
    New-Directory $place
    $words = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File $(Get-CommandLine $command)"
    $process = Start-Process -FilePath 'powershell.exe' -ArgumentList $words -PassThru -WindowStyle Hidden -RedirectStandardOutput "$place/$name.new" -RedirectStandardError "$place/$name.errors"
    # else its exit code is not kept
    $null = $process.Handle
    if ($process.WaitForExit($seconds * 1000)) { return $process.ExitCode }
    $null = Get-Outcome 'taskkill.exe' @('/T', '/F', '/PID', "$($process.Id)")
    $null = $process.WaitForExit(30000)
    Write-File "$place/$name.errors" "error: it was ended, as it took more than $seconds s`n"
    1
}

# The log of one run, and of the one before.
function Save-Log($code) {
    $text = "$([DateTime]::UtcNow.ToString('s'))Z ended with $code`n$(Read-File "$place/$name.new")$(Read-File "$place/$name.errors")"
    if ([IO.File]::Exists("$place/$name.log")) { Copy-Item -LiteralPath "$place/$name.log" -Destination "$place/$name.before.log" -Force }
    Write-File "$place/$name.log" $text
}

Complete-Program {
    $code = Invoke-Scheduled
    Save-Log $code
    if ($code -eq 0) { return }
    if ($on_failure -ne '') { & $on_failure $name }
    fail "$name ended with $code"
}
