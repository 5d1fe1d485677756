# Lets the flow runs of a worker end before the API asks for another password: they go on using the one that they began
# with, and the server knows one at a time. The worker takes no more of them; it starts again with the new password.

function create {
    if ((Get-ServiceState $service) -ne 'Running' -or (Read-File $secrets_file).Trim() -ceq $secrets) {
        unchanged "no flow run of $service uses another password"
        return
    }
    Stop-OurService $service
    changed "the flow runs of $service have ended; it starts again after the server"
}
