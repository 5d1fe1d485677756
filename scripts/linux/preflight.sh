# shellcheck shell=bash
# Looks at this host before anything is changed, and tells all that is in the way at once.
: "${ports?}"

findings=()

check_system() {
  local family
  # shellcheck source=/dev/null
  family=$(. /etc/os-release && echo "$ID ${ID_LIKE:-}") || family="a system without /etc/os-release"
  case " $family " in
    *" debian "* | *" ubuntu "* | *" rhel "* | *" fedora "*) ;;
    *) findings+=("$family is not supported. Use Debian, Ubuntu, or Red Hat Enterprise Linux and its relatives.") ;;
  esac
  [ -d /run/systemd/system ] || findings+=("systemd does not run here, so nothing could keep services running. Use a host that boots with systemd.")
}

# sudo looks the name up each time, and waits if nobody knows it
check_name() {
  local name
  name=$(uname -n)
  timeout 1 getent hosts "$name" >/dev/null || findings+=("this host's own name, $name, is not found within a second, so every sudo waits. Add to /etc/hosts: 127.0.1.1 $name")
}

check_disk() {
  local directory free
  for directory in /opt /var/lib; do
    free=$(df -Pk "$directory" | awk 'NR == 2 {print int($4 / 1024)}')
    [ "$free" -ge 2048 ] || findings+=("only $free MiB are free in $directory, 2048 are needed. Make room, or mount a larger disk there.")
  done
}

check_python() {
  find_python >/dev/null || findings+=("no Python from 3.10 to 3.14 with venv is installed. On Debian and Ubuntu: apt-get install python3-venv. On Red Hat and relatives: dnf install python3.12")
}

# A port is ours if an earlier run reserved it; see prepare-host.
check_ports() {
  local entry key port listener program reserved
  if ! command -v ss >/dev/null; then
    findings+=("ss is missing. On Debian and Ubuntu: apt-get install iproute2. On Red Hat and relatives: dnf install iproute")
    return
  fi
  reserved=" $(cat /etc/prefect/ports 2>/dev/null || true) "
  for entry in $ports; do
    key=${entry%=*} port=${entry#*=}
    case $reserved in *"=$port "*) continue ;; esac
    listener=$(ss --no-header --listening --tcp --numeric --processes "sport = :$port")
    [ -n "$listener" ] || continue
    program="another program"
    if [[ $listener =~ \(\(\"([^\"]+)\" ]]; then program=${BASH_REMATCH[1]}; fi
    findings+=("port $port is taken by $program. Stop it, or choose another: pulumi config set --path $key PORT")
  done
}

create() {
  check_system
  check_name
  check_disk
  check_python
  check_ports
  if [ "${#findings[@]}" -gt 0 ]; then
    printf 'error: %s\n' "${findings[@]}" >&2
    exit 1
  fi
  unchanged "system, name, disk, Python and ports are as needed"
}
