# shellcheck shell=bash
# A PostgreSQL cluster: initdb once. What it is configured by is put into force by apply-postgresql-configuration.
# There is no delete: removing the host sets the data aside.
: "${data:?}" "${runtime:?}"

cluster=$data/postgresql
programs=$runtime/postgresql

create() {
  local wanted found
  if [ -f "$cluster/PG_VERSION" ]; then
    wanted=$("$programs/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    found=$(as_user postgres cat "$cluster/PG_VERSION")
    [ "$wanted" = "$found" ] || fail "the cluster in $cluster is of PostgreSQL $found, the programs are of $wanted. Dump it with $found and restore it into a new one."
    unchanged "the cluster in $cluster is there"
    return
  fi
  rm -rf "$cluster.new"
  make_directory_of postgres "$cluster.new"
  (cd / && as_user postgres "$programs/initdb" --pgdata "$cluster.new" --username postgres --encoding UTF8 --locale C \
    --auth-local peer --auth-host scram-sha-256 >/dev/null) || fail "initdb failed; see above"
  mv "$cluster.new" "$cluster"
  changed "made a cluster in $cluster"
}
