# Lets in what is declared, by rules of a group of its own. What else Windows Firewall lets in, or drops, stays as it is: SSH
# has a rule that came with it.

$group = 'Prefect'

function create {
    $before = Get-State
    $wished = @(Split-Words $openings)
    foreach ($rule in Get-NetFirewallRule -Group $group -ErrorAction SilentlyContinue) {
        if ($rule.Name -notin ($wished | ForEach-Object { Get-RuleName $_ })) { Remove-NetFirewallRule -Name $rule.Name }
    }
    foreach ($opening in $wished) { Open-Port $opening }
    foreach ($profile_of_network in Get-NetFirewallProfile) {
        if ("$($profile_of_network.Enabled)" -eq 'False') { Write-Line "note: Windows Firewall is off for networks of the kind $($profile_of_network.Name), so everything comes in there." }
    }
    if ($wished.Count -gt 0 -and @(Get-NetFirewallProfile -PolicyStore ActiveStore | Where-Object { "$($_.AllowLocalFirewallRules)" -eq 'False' }).Count -gt 0) {
        Write-Line 'note: a domain policy makes Windows Firewall pass over the rules of this host. Have the same ports opened by that policy.'
    }
    $told = if ($openings -eq '') { 'nothing' } else { $openings }
    if ($before -eq (Get-State)) { unchanged "$told comes in besides what Windows lets in" } else { changed "$told comes in besides what Windows lets in" }
}

# Open-Port OPENING: `tcp:443`, or `tcp:5432@10.0.0.5,10.0.0.6` for these alone
function Open-Port($opening) {
    $name = Get-RuleName $opening
    $found = Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue
    if ($found -and "$($found.Enabled)" -eq 'True') { return }
    if ($found) { Remove-NetFirewallRule -Name $name }
    $protocol, $port = ($opening -split '@')[0] -split ':'
    $sources = if ($opening.Contains('@')) { ($opening -split '@')[1] -split ',' } else { 'Any' }
    $null = New-NetFirewallRule -Name $name -Group $group -DisplayName "Prefect: $opening" -Direction Inbound -Action Allow -Protocol $protocol -LocalPort $port -RemoteAddress $sources
}

function Get-RuleName($opening) { "prefect-$($opening -replace '[^A-Za-z0-9.]', '-')" }

function Get-State { "$(Get-NetFirewallRule -Group $group -ErrorAction SilentlyContinue | ForEach-Object { "$($_.Name)=$($_.Enabled)" } | Sort-Object)" }

function drift {
    $rules = @(Get-NetFirewallRule -Group $group -ErrorAction SilentlyContinue)
    $in_force = @($rules | Where-Object { "$($_.Enabled)" -eq 'True' } | ForEach-Object { $_.Name })
    $wished = @(Split-Words $openings)
    foreach ($opening in $wished) { if ((Get-RuleName $opening) -notin $in_force) { "Windows Firewall lacks: $opening" } }
    $names = @($wished | ForEach-Object { Get-RuleName $_ })
    foreach ($rule in $rules) { if ($rule.Name -notin $names) { "Windows Firewall has too: $($rule.Name)" } }
}

function delete {
    $rules = @(Get-NetFirewallRule -Group $group -ErrorAction SilentlyContinue)
    foreach ($rule in $rules) { Remove-NetFirewallRule -Name $rule.Name }
    if ($rules.Count -eq 0) { unchanged 'there was no rule' } else { changed 'the firewall lets in what it did before' }
}
