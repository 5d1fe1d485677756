# shellcheck shell=bash
# A PostgreSQL cluster: initdb once; who may administer it over the socket without a password.
# There is no delete: removing the host sets the data aside.
: "${root:?}"

data=$root/data/postgresql

create() {
  local programs=$root/runtime/postgresql wanted found
  write_identity_map
  if [ -f "$data/PG_VERSION" ]; then
    wanted=$("$programs/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    found=$(as_service_user cat "$data/PG_VERSION")
    [ "$wanted" = "$found" ] || fail "the cluster in $data is of PostgreSQL $found, the programs are of $wanted. Dump it with $found and restore it into a new one."
    unchanged "the cluster in $data is there"
    return
  fi
  as_service_user rm -rf "$data.new"
  (cd / && as_service_user "$programs/initdb" --pgdata "$data.new" --username postgres --encoding UTF8 --locale C \
    --auth-local peer --auth-host scram-sha-256 >/dev/null) || fail "initdb failed; see above"
  mv "$data.new" "$data"
  changed "made a cluster in $data"
}

write_identity_map() {
  mkdir -p "$root/configuration/postgresql"
  printf '# map  system-user  database-user\nadministrator  %s  postgres\n' "$(service_user)" >"$root/configuration/postgresql/pg_ident.conf"
}
