# Tells that a task failed: send-alert TASK. To a webhook, if one is set: {"text": ...} by POST, as Slack, Mattermost and Google
# Chat take it. Its address is a secret, so that no message has it.
param([string] $task)
. "$PSScriptRoot/programs.ps1"

Complete-Program {
    $address = (Read-Variables "$configuration/alert.secrets.env")['ALERT_WEBHOOK_URL']
    if (-not $address) { return }
    $said = Get-End @((Read-File "$log/tasks/$task.log").TrimEnd() -split "`n" | Select-Object -Last 3)
    $text = "$task failed on $([Net.Dns]::GetHostName()): $said ($log/tasks/$task.log has all of it)"
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json @{ text = $text }))
    try { $null = Invoke-RestMethod -Uri $address -Method Post -ContentType 'application/json' -Body $body -TimeoutSec 30 } catch {
        fail "the webhook took no alert: $($_.Exception.GetType().Name). Check the secret backupAlertWebhook."
    }
}
