# shellcheck shell=bash
# Looks at this host itself before anything is changed, and tells all that is in the way at once.
: "${ports?}"
# what the host is for, and whom it must find by name; everything and nobody if it is not told
: "${roles:=postgres server worker}" "${names:=}"

create() { tell_all "system, names, disk, memory and ports are as needed" system names disk mounts memory ports selinux; }

has_role() { [[ " $roles " == *" $1 "* ]]; }

check_system() {
  local system
  # shellcheck source=/dev/null
  system=$(. /etc/os-release && echo "$ID ${VERSION_ID:-} ${PLATFORM_ID:-}, ${PRETTY_NAME:-$ID}") || system=", a system without /etc/os-release"
  case $system in
    "debian 12 "* | "debian 13 "* | "ubuntu 22.04 "* | "ubuntu 24.04 "* | *" platform:el9,"*) ;;
    *) finding "${system#*, } is not supported. Use Debian 12 or 13, Ubuntu 22.04 or 24.04, or Red Hat Enterprise Linux 9 or a relative of it." ;;
  esac
  [ -d /run/systemd/system ] || finding "systemd does not run here, so nothing could keep services running. Use a host that boots with systemd."
}

check_names() {
  local name own
  own=$(uname -n)
  # sudo looks the name up each time, and waits if nobody knows it
  timeout 1 getent hosts "$own" >/dev/null || finding "this host's own name, $own, is not found within a second, so every sudo waits. Add to /etc/hosts: 127.0.1.1 $own"
  for name in $names; do
    { timeout 5 getent ahosts "$name" >/dev/null || finding "the name $name is not found from this host. Mend its DNS (/etc/resolv.conf), add the name to /etc/hosts, or give the address in the stack file."; } &
  done
  wait
}

# Directories on one filesystem share its space: a row has a directory, MiB and files (inodes).
check_disk() {
  local directory mib files available free filesystem
  local -A places=() mib_needed=() files_needed=() mib_free=() files_free=()
  while read -r directory mib files; do
    read -r available free filesystem < <(df --block-size=1M --output=avail,iavail,target "$directory" | tail -n 1)
    places[$filesystem]+=${places[$filesystem]:+ and }$directory
    mib_needed[$filesystem]=$((${mib_needed[$filesystem]:-0} + mib)) mib_free[$filesystem]=$available
    files_needed[$filesystem]=$((${files_needed[$filesystem]:-0} + files)) files_free[$filesystem]=$free
  done <<NEEDS
/opt 2048 50000
/var/lib 2048 10000
/tmp 256 1000
NEEDS
  for filesystem in "${!places[@]}"; do
    [ "${mib_free[$filesystem]}" -ge "${mib_needed[$filesystem]}" ] ||
      finding "only ${mib_free[$filesystem]} MiB are free in ${places[$filesystem]}, ${mib_needed[$filesystem]} are needed. Make room, or mount a larger disk there."
    # some filesystems have no such limit
    [ "${files_free[$filesystem]}" = - ] || [ "${files_free[$filesystem]}" -ge "${files_needed[$filesystem]}" ] ||
      finding "only ${files_free[$filesystem]} more files fit into ${places[$filesystem]} (inodes), ${files_needed[$filesystem]} are needed. Remove directories of many small files: du --inodes -x $filesystem | sort -n"
  done
}

check_mounts() {
  if [[ ,$(findmnt --noheadings --output OPTIONS --target /opt), == *,noexec,* ]]; then
    finding "/opt is mounted noexec, so Prefect could not run from there. Mount it without: mount -o remount,exec $(findmnt --noheadings --output TARGET --target /opt), and the same in /etc/fstab"
  fi
  if [[ ,$(findmnt --noheadings --output OPTIONS --target /tmp), == *,noexec,* ]]; then
    note "/tmp is mounted noexec: nothing of ours runs from there, but flows may want to."
  fi
}

check_memory() {
  local total needed=384
  total=$(awk '$1 == "MemTotal:" {print int($2 / 1024)}' /proc/meminfo)
  if has_role postgres; then needed=$((needed + 256)); fi
  if has_role server; then needed=$((needed + 512)); fi
  if has_role worker; then needed=$((needed + 512)); fi
  [ "$total" -ge "$needed" ] || finding "this host has $total MiB of memory, at least $needed are needed for $roles. Give it more, or move something to another host."
}

# A port is ours if an earlier run reserved it; see prepare-host.
check_ports() {
  local entry key port listener program reserved
  if ! command -v ss >/dev/null; then
    finding "ss is missing. On Debian and Ubuntu: apt-get install iproute2. On Red Hat and relatives: dnf install iproute"
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
    finding "port $port is taken by $program. Stop it, or choose another: pulumi config set --path $key PORT"
  done
}

check_selinux() {
  if command -v getenforce >/dev/null && [ "$(getenforce)" = Enforcing ]; then note "SELinux is enforcing."; fi
}
