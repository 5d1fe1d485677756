# shellcheck shell=bash
# What the scripts of this platform share: which Python there is, and how a service's health is asked. They run as root.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

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

# healthy URL; a service without one need only run
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

# accepts_connections HOST PORT: whether PostgreSQL does, or at least somebody where its programs are not installed
accepts_connections() {
  if command -v pg_isready >/dev/null; then
    pg_isready --quiet --host "$1" --port "$2"
  else
    # shellcheck disable=SC2016 # the inner bash expands them
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' probe "$1" "$2" 2>/dev/null
  fi
}
