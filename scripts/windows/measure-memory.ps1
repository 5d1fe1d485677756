# Tells how much memory this host has. It is asked once: what is computed from the answer is to stay the same.

function create {
    $memory = [int] [Math]::Floor((Get-CimInstance -ClassName Win32_OperatingSystem).TotalVisibleMemorySize / 1024)
    unchanged "memory_mib=$memory"
}
