# shellcheck shell=bash
# A PostgreSQL cluster: initdb once. What it is configured by is put into force by apply-postgresql-configuration.
# There is no delete: removing the host sets the data aside.
: "${data:?}" "${runtime:?}"

cluster=$data/postgresql
programs=$runtime/postgresql

create() {
  local wanted found
  if [ -f "$cluster/PG_VERSION" ]; then
    wanted=$(version)
    found=$(as_user postgres cat "$cluster/PG_VERSION")
    [ "$wanted" = "$found" ] || fail "the cluster in $cluster is of PostgreSQL $found, the programs are of $wanted. Dump it with $found and restore it into a new one."
    unchanged "the cluster in $cluster is there"
    return
  fi
  rm -rf "$cluster.new"
  make_directory_of postgres "$cluster.new"
  (cd / && as_user postgres "$programs/initdb" --pgdata "$cluster.new" --username postgres --encoding UTF8 --locale C \
    --auth-local peer --auth-host scram-sha-256 >/dev/null) || fail "initdb failed; see above"
  if [ "$(version)" -lt 15 ]; then close_schema_public; fi
  mv "$cluster.new" "$cluster"
  changed "made a cluster in $cluster"
}

version() { "$programs/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'; }

# In new databases it is for their owner, as version 15 has it by itself: whoever could connect could create tables there.
# https://www.postgresql.org/docs/14/predefined-roles.html
close_schema_public() {
  local template
  for template in template0 template1; do
    (cd / && as_user postgres "$programs/postgres" --single -c exit_on_error=on -D "$cluster.new" "$template" >/dev/null) <<'SQL' ||
ALTER SCHEMA public OWNER TO pg_database_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SQL
      fail "the schema public of $template could not be made its owner's; see above"
  done
}
