# The only text that travels on a command line: it reads a payload from standard input, proves that it is whole, makes a
# variable of each setting, and calls the function of the script that `$function` names.
$ErrorActionPreference = 'Stop'
# what PowerShell itself tells beside the output, such as that it waits for a service, arrives as XML among the errors
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0
if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    'error: PowerShell is in a constrained language mode here, so no script can run. Exempt the SSH user from the policy (AppLocker or App Control).'
    exit 1
}
try {
    # without a console there is none to set
    try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding($false) } catch { Write-Debug "$_" }
    $reader = New-Object IO.StreamReader([Console]::OpenStandardInput(), [Text.Encoding]::ASCII)
    $header, $body = $reader.ReadToEnd() -split "`n", 2
    if ($header -notmatch '^\{"sha256": "([0-9a-f]{64})", "length": (\d+),$') { throw 'error: no script arrived. Run pulumi up again.' }
    $sha256, $length = $Matches[1], $Matches[2]
    if ("$body".Length -ne [int] $length) {
        throw "error: of $length characters of the script $("$body".Length) arrived. OpenSSH before 7.9 loses some: install a newer one."
    }
    $digest = (New-Object Security.Cryptography.SHA256CryptoServiceProvider).ComputeHash([Text.Encoding]::ASCII.GetBytes($body))
    if (([BitConverter]::ToString($digest) -replace '-') -ne $sha256) { throw 'error: the script did not arrive as it was sent. Run pulumi up again.' }
    $payload = ConvertFrom-Json "{$body"
    foreach ($setting in $payload.settings.PSObject.Properties) { Set-Variable -Name $setting.Name -Value ([string] $setting.Value) }
    . ([ScriptBlock]::Create($payload.script))
    $null = & $function
    exit 0
} catch {
    $message = "$_"
    if (-not $message.StartsWith('error: ')) { $message = "error: $message`n$($_.ScriptStackTrace)" }
    [Console]::Error.WriteLine($message)
    exit 1
}
