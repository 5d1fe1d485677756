# shellcheck shell=bash
# The words every script uses. A script ends with one line, `changed: REASON` or `unchanged: REASON`.
set -euo pipefail

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
