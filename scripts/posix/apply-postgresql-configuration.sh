# shellcheck shell=bash
# Puts the declared configuration into force: checked before, reloaded where that is enough, else by a restart. If PostgreSQL
# does not take it, the configuration before is in force again. There is no delete: the files go with the cluster.
: "${configuration:?}" "${data:?}" "${runtime:?}" "${service:?}"

in_force=$configuration/postgresql
declared=$in_force/declared
previous=$in_force/previous
cluster=$data/postgresql
programs=$runtime/postgresql
files=(postgresql.conf pg_hba.conf pg_ident.conf)

create() {
  local found overridden
  cd /
  check_declared
  if ! postmaster_runs; then
    if are_same "$declared" "$in_force"; then
      unchanged "the configuration is in force"
    else
      copy "$declared" "$in_force"
      changed "the configuration is in force when PostgreSQL starts"
    fi
    return
  fi
  wait_until 60 accepts || fail "PostgreSQL runs, but did not answer over its socket within a minute. The end of its log:
$(end_of_log "$service")"
  overridden=$(overridden)
  if is_in_effect; then
    if are_same "$declared" "$in_force" && [ -z "$overridden" ]; then
      unchanged "the configuration is in force"
      return
    fi
    copy "$in_force" "$previous"
  fi
  if [ -n "$overridden" ]; then query 'ALTER SYSTEM RESET ALL'; fi
  copy "$declared" "$in_force"
  found=$(file_errors)
  [ -z "$found" ] || go_back "PostgreSQL refuses it: $found"
  reload || go_back "PostgreSQL did not reload it within 10 s."
  found=$(pending_restart)
  if [ -z "$found" ]; then
    changed "reloaded"
    return
  fi
  restart || go_back "PostgreSQL did not start with it, though it should for: $found. The end of its log:
$(end_of_log "$service")"
  changed "restarted for $found"
}

drift() {
  local file found
  cd /
  for file in "${files[@]}"; do cmp -s "$declared/$file" "$in_force/$file" || echo "$in_force/$file: content"; done
  # a cluster that does not answer is the matter of its service
  if ! postmaster_runs || ! accepts; then return; fi
  found=$(overridden)
  [ -z "$found" ] || echo "PostgreSQL: ALTER SYSTEM has set $found"
  found=$(pending_restart)
  [ -z "$found" ] || echo "PostgreSQL: a restart is pending for $found"
}

# A setting that PostgreSQL does not know or take. What stands in the other files it reads only while it runs.
check_declared() {
  local said
  said=$(as_user postgres "$programs/postgres" -C data_directory -c config_file="$declared/postgresql.conf" 2>&1 >/dev/null) ||
    fail "PostgreSQL refuses the declared configuration, so the one in force stays. Mend postgres.settings. It says: $(with_lines "$said")"
}

# with_lines WHAT_POSTGRESQL_SAID: names the line of a parameter that is told by its name alone
with_lines() {
  local name
  name=$(sed -n 's/.*parameter "\([^"]*\)".*/\1/p' <<<"$1" | head -n 1)
  echo "$1"
  if [ -n "$name" ]; then grep -n "^$name " "$declared/postgresql.conf" | sed 's/^/line /' || true; fi
}

are_same() {
  local file
  for file in "${files[@]}"; do cmp -s "$1/$file" "$2/$file" || return; done
}

# copy FROM TO: each file appears whole
copy() {
  local file
  mkdir -p "$2"
  for file in "${files[@]}"; do
    cp "$1/$file" "$2/$file.new"
    mv "$2/$file.new" "$2/$file"
  done
}

postmaster_runs() { as_user postgres "$programs/pg_ctl" status -D "$cluster" >/dev/null 2>&1; }

# query STATEMENT: by the port and the socket that it has now, as its lock file tells them
query() {
  local lock=()
  mapfile -t lock < <(as_user postgres cat "$cluster/postmaster.pid")
  PGCONNECT_TIMEOUT=5 as_user postgres "$programs/psql" -XAtqw -v ON_ERROR_STOP=1 \
    -h "${lock[4]:-}" -p "${lock[3]:-}" -U postgres -d postgres -c "$1"
}

accepts() { query 'SELECT 1' >/dev/null 2>&1; }

# A run that was cut off may have written files that were not loaded.
is_in_effect() {
  [ "$(query "SELECT NOT bool_or(pending_restart) FROM pg_settings")" = t ] &&
    [ "$(query "SELECT bool_and((pg_stat_file(current_setting(name))).modification <= pg_conf_load_time())
      FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file')")" = t ]
}

# What needs a restart is told as an error too, but is none. PostgreSQL 14 does not say what is wrong in pg_ident.conf.
file_errors() {
  query "SELECT format('%s, line %s: %s (%s)', sourcefile, sourceline, error, name) FROM pg_file_settings
    WHERE error IS NOT NULL AND name IN (SELECT name FROM pg_settings WHERE context <> 'postmaster')
    UNION ALL SELECT format('pg_hba.conf, line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL"
  query "SELECT format('pg_ident.conf, line %s: %s', line_number, error) FROM pg_ident_file_mappings WHERE error IS NOT NULL" 2>/dev/null || true
}

# What ALTER SYSTEM wrote goes before what is declared.
overridden() {
  query "SELECT string_agg(DISTINCT name, ', ' ORDER BY name) FROM pg_file_settings
    WHERE sourcefile LIKE '%/postgresql.auto.conf'"
}

pending_restart() { query "SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE pending_restart"; }

reload() {
  local before
  before=$(query 'SELECT pg_conf_load_time()')
  query 'SELECT pg_reload_conf()' >/dev/null
  wait_until 10 was_loaded_after "$before"
}

was_loaded_after() { [ "$(query "SELECT pg_conf_load_time() > '$1'")" = t ]; }

restart() {
  stop_service "$service"
  start_service "$service"
  comes_up
}

# One that cannot start at all need not be waited for.
comes_up() {
  local deadline=$((SECONDS + 60)) alive=$SECONDS
  until accepts; do
    if postmaster_runs; then alive=$SECONDS; fi
    [ "$SECONDS" -lt "$deadline" ] && [ $((SECONDS - alive)) -lt 10 ] || return 1
    sleep 0.2
  done
}

# go_back REASON
go_back() {
  local outcome="The one before is in force again."
  if [ ! -d "$previous" ]; then fail "the configuration of PostgreSQL could not be put into force, and there is none before it. Mend postgres.settings. $1"; fi
  copy "$previous" "$in_force"
  if ! { accepts && reload && is_in_effect; } && ! restart; then
    outcome="The one before is there again, but with it PostgreSQL did not start either."
  fi
  fail "the configuration of PostgreSQL could not be put into force. $outcome Mend postgres.settings. $1"
}
