# shellcheck shell=bash
# Looks at this machine before anything is changed, and tells all that is in the way at once.
: "${root:?}" "${ports?}"

findings=()

check_system() {
  case $(uname -s) in
    Linux | Darwin) ;;
    *) findings+=("$(uname -s) is not supported. Use Linux, macOS, or Linux in WSL.") ;;
  esac
  if is_root && [ "$(uname -s)" = Darwin ]; then
    findings+=("on macOS services do not run for root. Run pulumi as an ordinary user.")
  fi
}

check_directory() {
  local existing=$root free
  while [ ! -d "$existing" ]; do existing=$(dirname "$existing"); done
  [ -w "$existing" ] || findings+=("$existing is not writable for $(id -un). Choose another: hosts.NAME.directory")
  free=$(df -Pk "$existing" | awk 'NR == 2 {print int($4 / 1024)}')
  [ "$free" -ge 1500 ] || findings+=("only $free MiB are free in $existing, 1500 are needed. Make room, or choose another: hosts.NAME.directory")
  # the socket's path must fit into 104 bytes on macOS, 108 on Linux
  [ "${#root}" -le 80 ] || findings+=("$root is longer than 80 characters, too long for sockets. Choose another: hosts.NAME.directory")
}

check_python() {
  is_root || find_python >/dev/null || findings+=("no Python from 3.10 to 3.14 with venv is on PATH. On Debian and Ubuntu: apt-get install python3-venv")
}

# A port is ours if an earlier run reserved it; see prepare-host.
check_ports() {
  local entry key port reserved
  reserved=" $(cat "$root/run/ports" 2>/dev/null || true) "
  for entry in $ports; do
    key=${entry%=*} port=${entry#*=}
    case $reserved in *"=$port "*) continue ;; esac
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      findings+=("port $port is taken by another program. Stop it, or choose another: pulumi config set --path $key PORT")
    fi
  done
}

create() {
  check_system
  check_directory
  check_python
  check_ports
  if [ "${#findings[@]}" -gt 0 ]; then
    printf 'error: %s\n' "${findings[@]}" >&2
    exit 1
  fi
  unchanged "system, disk, Python and ports are as needed"
}
