# Caddy, from the executable that the host's owner put there.

function create {
    if ([IO.File]::Exists($caddy)) {
        unchanged "Caddy is at $caddy"
        return
    }
    Copy-Given $caddy_source $caddy_sha256 'Caddy' $caddy
    changed "Caddy is at $caddy"
}

function drift { if (-not [IO.File]::Exists($caddy)) { "${caddy}: missing" } }

function delete {
    foreach ($one in Get-ChildItem -Path "$runtime/caddy-*.exe" -File -ErrorAction SilentlyContinue) { Remove-File $one.FullName }
    changed 'removed Caddy'
}
