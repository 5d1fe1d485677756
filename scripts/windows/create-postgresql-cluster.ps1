# A PostgreSQL cluster: initdb once. What it is configured by is put into force by apply-postgresql-configuration.
# There is no delete: removing the host sets the data aside.

$cluster = "$data/postgresql"
$programs = "$runtime/postgresql/bin"
$passwords = "$configuration/postgresql/pgpass.conf"

function create {
    if ([IO.File]::Exists("$cluster/PG_VERSION")) {
        unchanged "the cluster in $cluster is there"
        return
    }
    Remove-Directory "$cluster.new"
    New-Directory "$cluster.new"
    # initdb takes the rights of administrators from itself, so that the user must have some of their own for a while
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $for_service = "$full_access(A;OICI;FA;;;$(Get-ServiceSid $service))"
    Set-Access "$cluster.new" "$for_service(A;OICI;FA;;;$user)"
    New-Directory "$configuration/postgresql"
    $password = Get-RandomPassword
    Write-Secret $passwords "*:*:*:postgres:$password`n"
    Write-Secret "$cluster.password" $password $user
    try {
        $null = Invoke-Program "$programs/initdb.exe" @('--pgdata', "$cluster.new", '--username', 'postgres', '--pwfile', "$cluster.password",
            '--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C')
    } finally {
        Remove-File "$cluster.password"
    }
    Set-Access "$cluster.new" $for_service
    Move-Directory "$cluster.new" $cluster
    changed "made a cluster in $cluster"
}

# until Pulumi sets the wished one
function Get-RandomPassword {
    $bytes = New-Object byte[] 24
    (New-Object Security.Cryptography.RNGCryptoServiceProvider).GetBytes($bytes)
    [BitConverter]::ToString($bytes) -replace '-'
}
