# shellcheck shell=bash
# The words every script uses. A script ends with one line, `changed: REASON` or `unchanged: REASON`.
set -euo pipefail

# Where software stands on the host; the platform says. Here it is only for this file to be readable alone.
: "${runtime:=}"

changed() { echo "changed: $*"; }

unchanged() { echo "unchanged: $*"; }

# fail WHAT_WHY_AND_WHAT_TO_DO
fail() {
  echo "error: $*" >&2
  exit 1
}

# wait_until SECONDS COMMAND ARGUMENT...
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

# answers URL: an http URL with status 200
answers() {
  if command -v curl >/dev/null; then
    curl --fail --silent --max-time 5 --noproxy '*' --output /dev/null "$1"
  else
    python3 -c 'import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=5)' "$1" 2>/dev/null
  fi
}

# healthy URL; a service without one need only run. The platform knows whether PostgreSQL accepts connections.
healthy() {
  case $1 in
    '') ;;
    http://*) answers "$1" ;;
    postgresql://*)
      local address=${1#postgresql://}
      accepts_connections "${address%:*}" "${address##*:}"
      ;;
    *) fail "no way to check the health of $1" ;;
  esac
}

# install_environment DIRECTORY LOCK: a Python environment from hash-locked requirements, whole or not at all.
# The platform says which Python (find_python), where the requirements stand (requirements), and ends what was cut off.
install_environment() {
  local directory=$1 lock=$2 output
  if [ -z "$(environment_drift "$directory" "$lock")" ]; then
    unchanged "$directory is installed"
    return
  fi
  echo "installing $lock; this may take a minute"
  end_installation "$directory"
  rm -rf "$directory"
  mkdir -p "$directory"
  "$(find_python)" -m venv "$directory" || fail "python -m venv failed. On Debian and Ubuntu: apt-get install python3-venv"
  # first a pip that reads locks with extras, which the one in older Pythons does not
  output=$(install_locked "$directory" pip && install_locked "$directory" "$lock") ||
    fail "$lock could not be installed: $(tail -n 3 <<<"$output"). Check the disk (df -h $directory) and the package index (pip config list)."
  packages_in "$directory" >"$directory/.packages"
  cp "$(requirements "$lock")" "$directory/.complete"
  # with the time, by which another installation is told from this one
  changed "installed $lock, $(date -u +%FT%TZ)"
}

# environment_drift DIRECTORY LOCK: prints what is no longer as install_environment left it
environment_drift() {
  local others
  if ! cmp -s "$(requirements "$2")" "$1/.complete"; then
    echo "$1: not installed from $2"
    return
  fi
  others=$(packages_in "$1" | LC_ALL=C comm -3 - "$1/.packages" 2>&1 | xargs) || true
  [ -z "$others" ] || echo "$1: packages came or went: $others"
}

packages_in() (
  LC_ALL=C
  found=("$1"/lib/python3*/site-packages/*.dist-info)
  printf '%s\n' "${found[@]##*/}"
)

install_locked() {
  local source=()
  if [ -n "${wheel_directory:-}" ]; then source=(--no-index --find-links "$wheel_directory"); fi
  "$1/bin/python" -m pip install "${source[@]+"${source[@]}"}" --quiet --no-input --disable-pip-version-check --require-hashes \
    --requirement "$(requirements "$2")" 2>&1
}

# switch_runtime SERVICE ENVIRONMENT: lets a service run from another Python environment from its next start; nothing without one
switch_runtime() {
  [ -n "$2" ] || return 0
  mkdir -p "$runtime/current"
  ln -sfn "$2" "$runtime/current/$1"
}

# runtime_of SERVICE: the Python environment that it runs from, if there is one
runtime_of() { readlink "$runtime/current/$1" || true; }

# runs_from SERVICE ENVIRONMENT: whether that is so, or it needs none
runs_from() { [ -z "$2" ] || [ "$(runtime_of "$1")" = "$2" ]; }

# was_started_from RECORD FINGERPRINT CHANGES: whether a service's last start was from this, and after all these changes
was_started_from() {
  local fingerprint changes change
  read -r fingerprint changes 2>/dev/null <"$1" && [ "$fingerprint" = "$2" ] || return 1
  for change in $3; do
    [[ " $changes " == *" $change "* ]] || return 1
  done
}
