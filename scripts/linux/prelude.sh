# shellcheck shell=bash
# What the scripts of this platform share: packages, which Python there is, and how a service's health is asked.
# They run as root.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

# shellcheck disable=SC2034 # the areas of a host, for the scripts
configuration=/etc/prefect data=/var/lib/prefect runtime=/opt/prefect run=/run/prefect

system_user_of() { echo "$1"; }

# as_user USER COMMAND ARGUMENT...
as_user() { runuser -u "$1" -- "${@:2}"; }

# make_directory_of USER PATH
make_directory_of() { install -d -m 0700 -o "$1" -g "$(id -gn "$1")" "$2"; }

# run_with_environment USER DIRECTORY ENVIRONMENT_FILE... -- COMMAND ARGUMENT...
run_with_environment() {
  local properties=(--property="WorkingDirectory=$2" --property=RuntimeMaxSec=4h) user=$1
  shift 2
  while [ "$1" != -- ]; do
    properties+=(--property="EnvironmentFile=$1")
    shift
  done
  shift
  systemd-run --quiet --wait --collect --pipe --uid="$user" "${properties[@]}" "$@"
}

runs() { systemctl is-active --quiet "$1"; }

stop_service() { systemctl stop "$1"; }

start_service() { systemctl start "$1"; }

# start_service_later SERVICE: in a quarter of an hour, if what is to start it sooner never comes to that
start_service_later() {
  systemctl stop "$1-comes-back.timer" 2>/dev/null || true
  systemd-run --quiet --collect --unit="$1-comes-back" --on-active=15min systemctl start "$1"
}

# end_of_log SERVICE
end_of_log() { journalctl --unit "$1" --lines 20 --no-pager --output cat 2>&1; }

requirements() { echo "$runtime/requirements/$1.txt"; }

end_installation() { pkill -TERM -f "^$1/bin/python -m pip " || true; }

# Prints a Python that Prefect runs on.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 python3.14 python3.10; do
    if "$candidate" -Ic 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# What looks at a host before anything is changed prints lines `error: ...`, which end the deployment, or `note: ...`.
finding() { echo "error: $*"; }

note() { echo "note: $*"; }

# tell_all WHAT CHECK...: runs the functions check_CHECK side by side, and tells what all of them found in the way of WHAT
tell_all() {
  local told
  told=$(side_by_side "${@:2}")
  grep '^note: ' <<<"$told" || true
  if grep '^error: ' <<<"$told" >&2; then exit 1; fi
  unchanged "$1"
}

side_by_side() {
  local check pipe pipes=()
  for check in "$@"; do
    exec {pipe}< <(
      trap '[ $? = 0 ] || finding "the check of $attempted broke, as is told above. See what is special about this host, or report it."' EXIT
      attempted=$check
      set -e
      "check_$check"
    )
    pipes+=("$pipe")
  done
  for pipe in "${pipes[@]}"; do cat <&"$pipe"; done
}

# What looks for drift prints a line for each thing that is no longer as it was left.

# directory_drift PATH MODE USER GROUP
directory_drift() {
  local found
  found=$(stat --format '%04a %U %G' "$1" 2>/dev/null) || found=missing
  [ "$found" = "$2 $3 $4" ] || echo "$1: $found instead of $2 $3 $4"
}

# enabled_drift UNIT
enabled_drift() {
  local found
  found=$(systemctl is-enabled "$1" 2>/dev/null) || echo "$1: ${found:-unknown} instead of enabled"
}

# active_drift UNIT
active_drift() {
  local found
  found=$(systemctl is-active "$1") || echo "$1: $found instead of active"
}

# accepts_connections HOST PORT: whether PostgreSQL does, or at least somebody where its programs are not installed
accepts_connections() {
  if command -v pg_isready >/dev/null; then
    pg_isready --quiet --host "$1" --port "$2"
  else
    # shellcheck disable=SC2016 # the inner bash expands them
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' probe "$1" "$2" 2>/dev/null
  fi
}

# package_version APT_NAME DNF_NAME: prints the installed version, nothing where the package is not installed
package_version() {
  if command -v apt-get >/dev/null; then
    dpkg-query --show --showformat='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p' || true
  else
    rpm --query --queryformat '%{VERSION}-%{RELEASE}' "$2" 2>/dev/null || true
  fi
}

has_docker() { systemctl cat docker.service >/dev/null 2>&1; }

# install_package APT_NAME DNF_NAME: from the sources this host has; nothing is done where it is installed
install_package() {
  [ -z "$(package_version "$1" "$2")" ] || return 0
  local name=$2 index said
  if command -v apt-get >/dev/null; then name=$1; fi
  if said=$(try_to_install "$name" 2>&1); then return; fi
  index=$(refresh_package_index 2>&1) || true
  if said=$(try_to_install "$name" 2>&1); then return; fi
  fail "the package $name could not be installed, not even after the package index was read again.
Mend this host's package sources, or its way to them (network, DNS, proxy), then run pulumi up again.
The index said: $(tail -n 5 <<<"$index")
The installation said: $(tail -n 10 <<<"$said")"
}

# Waits up to five minutes for whoever else installs. A package's questions are answered with what this host has already.
try_to_install() {
  if command -v apt-get >/dev/null; then
    LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 timeout 1200 apt-get install --quiet --yes \
      --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
      -o Acquire::https::Timeout=30 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$1"
  else
    timeout 1200 dnf install --quiet --assumeyes --setopt=timeout=30 --setopt=install_weak_deps=False "$1"
  fi
}

refresh_package_index() {
  if ! command -v apt-get >/dev/null; then
    timeout 600 dnf makecache --refresh --quiet --setopt=timeout=30
    return
  fi
  # until an installation that was cut off is finished, dpkg refuses all others
  DEBIAN_FRONTEND=noninteractive timeout 600 dpkg --configure --pending --force-confdef --force-confold || true
  # apt itself waits for the lock of installations only, not for that of the index
  local deadline=$((SECONDS + 300)) said
  until said=$(LC_ALL=C timeout 300 apt-get update --quiet -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
    -o Acquire::https::Timeout=30 2>&1); do
    [[ $said == *"Could not get lock"* && $SECONDS -lt $deadline ]] || break
    sleep 2
  done
  echo "$said"
}
