# A file with its content, and who may read it besides administrators. It is replaced whole, never seen half-written, and
# what is secret is at no time in a file that others may read.

function create {
    $new = "$path.new"
    $before = Get-State
    New-Directory ([IO.Path]::GetDirectoryName($path))
    Write-Secret $new $content $readers
    Move-File $new $path
    if ($before -ceq (Get-State)) { unchanged $path } else { changed "$path, $([DateTime]::UtcNow.ToString('s'))Z" }
}

function Get-State { "$(Get-Access $path)`n$(Read-File $path)" }

function delete {
    Remove-File $path
    changed "removed $path"
}
