# Programs and junctions, played, for scripts that install. `answers` has what programs answer, in order: an exit code, a line.
$answers = @()
$links = @{}
function Set-Junction($link, $target) { $links[$link] = $target }
function Get-JunctionTarget($link) { "$($links[$link])" }
function Remove-Junction($link) { $links.Remove($link) }
function Get-ChildItem($Path, [switch] $Directory, $ErrorAction) {
    if ($Path -like '*/current') { foreach ($link in $links.Keys) { [pscustomobject] @{ Name = [IO.Path]::GetFileName($link) } } } else { Microsoft.PowerShell.Management\Get-ChildItem -Path $Path -Directory }
}
function Get-Outcome($program, [string[]] $arguments, $text, $limit) {
    Show-Call "$($program.Substring($root.Length + 1)) $arguments"
    if ("$arguments" -like '-m venv *') {
        New-Directory "$($arguments[2])/Scripts"
        Write-File "$($arguments[2])/Scripts/python.exe" ''
    }
    $code, $line = 0, 'postgres (PostgreSQL) 17.6'
    if ($answers.Count -gt 0) {
        $code, $line = $answers[0] -split ' ', 2
        $script:answers = @($answers | Select-Object -Skip 1)
    }
    [pscustomobject] @{ code = [int] $code; printed = @($line); lines = @($line, 'a warning') }
}
