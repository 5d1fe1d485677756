# What programs that run on a host by themselves begin with: where everything is, and the words of all scripts.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0
# what is printed, and what programs print, is in UTF-8; without a console there is none to set
try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding($false) } catch { Write-Debug "$_" }
$root = [IO.Path]::GetDirectoryName([IO.Path]::GetDirectoryName($PSScriptRoot)) -replace '\\', '/'
. "$PSScriptRoot/prelude.ps1"

# Complete-Program BODY: ends the program, with 1 and a plain message if its body fails
function Complete-Program([scriptblock] $body) {
    try {
        $null = & $body
        exit 0
    } catch {
        [Console]::Error.WriteLine("$_")
        exit 1
    }
}

$locks = @{}

# Enter-Lock FILE SECONDS: whether nobody else has it, or had it for so long; it ends with the program
function Enter-Lock($file, $limit) {
    Wait-Until $limit {
        try { $locks[$file] = [IO.File]::Open($file, 'OpenOrCreate', 'ReadWrite', 'None') } catch { return $false }
        $true
    }
}

# Read-Variables FILE: its NAME=value lines
function Read-Variables($file) {
    $found = @{}
    foreach ($line in (Read-File $file) -split "`n") {
        $name, $value = $line.TrimEnd("`r") -split '=', 2
        if ($name -ne '') { $found[$name] = "$value" }
    }
    $found
}
