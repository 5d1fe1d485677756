#!/bin/bash
# Brings a backup of the Prefect database back:
#   restore-prefect                   lists the backups of this host
#   restore-prefect FILE              puts what FILE holds in the place of the database, which is kept under another name
#   restore-prefect --undo DATABASE   puts a database that was kept back in its place
# The backup is restored beside the running database and checked; only then is prefect-server stopped, if it runs on this
# host, and the two change places in one transaction. Whatever fails before leaves everything as it was.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

stamp=$(date --utc +%Y%m%d%H%M%S)
restored="" stopped=() servers=""

main() {
  [ "$(id -u)" = 0 ] || fail "only root may stop and start prefect-server. Run: sudo $0 $*"
  read_settings
  case ${1:-} in
    '') list ;;
    --undo) undo "${2:?which database? The restore told its name}" ;;
    -*) fail "$1 is no option. Run $0 alone to see the backups, $0 FILE to restore one, $0 --undo DATABASE to go back." ;;
    *) restore "$1" ;;
  esac
}

list() {
  local name
  echo "Backups in $BACKUP_DIRECTORY, newest first; restore one with: $0 FILE"
  for name in $(backups); do
    echo "$BACKUP_DIRECTORY/$name/prefect.dump  $(readable_size "$(size_of "$name")")"
  done
}

restore() {
  local file name
  file=$(realpath --canonicalize-existing "$1") || fail "there is no backup $1. Run $0 alone to see which there are."
  name=$(basename "$(dirname "$file")")
  [ "$file" = "$(realpath "$BACKUP_DIRECTORY")/$name/prefect.dump" ] || fail "$file is not in $BACKUP_DIRECTORY. Copy its whole directory there, owned by $owner."
  hold backup
  if [ -z "$(servers_here)" ]; then refuse_while_used_elsewhere; fi
  echo "verifying $file"
  verify "$name" || fail "$file does not match its checksums: it is damaged. Choose an older one: run $0 alone. Nothing was changed."
  require_room_for_second_database
  trap 'clean_up $?' EXIT
  restored=prefect_restored_$stamp
  echo "restoring it beside database $PGDATABASE; this may take a while"
  restore_into "$restored" "$name"
  copy_rights "$restored"
  change_places "$restored" "prefect_before_restore_$stamp"
  tell "restored $file" "prefect_before_restore_$stamp"
}

undo() {
  [[ $1 =~ ^prefect_(before_restore|before_undo)_[0-9]{14}$ ]] || fail "$1 is no database that a restore kept. Those have names such as prefect_before_restore_20260131023000."
  exists "$1" || fail "there is no database $1."
  hold backup
  if [ -z "$(servers_here)" ]; then refuse_while_used_elsewhere; fi
  trap 'clean_up $?' EXIT
  change_places "$1" "prefect_before_undo_$stamp"
  tell "put $1 back" "prefect_before_undo_$stamp"
}

# exists DATABASE
exists() { [ "$(sql postgres --set name="$1" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'")" = 1 ]; }

# clean_up STATUS
clean_up() {
  [ "$1" != 0 ] || return 0
  if [ -n "$restored" ]; then drop_database "$restored" || true; fi
  if [ "${#stopped[@]}" -gt 0 ]; then systemctl start "${stopped[@]}" || true; fi
  echo "database $PGDATABASE is what it was before" >&2
}

# Who connects as the owner is a Prefect server: one that runs on would write into what it took for another database.
users_elsewhere() {
  sql postgres --set name="$PGDATABASE" --set owner="$DATABASE_OWNER" --set here="$(hostname --all-ip-addresses)" <<'SQL'
SELECT DISTINCT host(client_addr) FROM pg_stat_activity
WHERE datname = :'name' AND usename = :'owner' AND host(client_addr) <> ALL (string_to_array('127.0.0.1 ::1 ' || :'here', ' '))
SQL
}

refuse_while_used_elsewhere() {
  local found
  found=$(users_elsewhere)
  [ -z "$found" ] || fail "Prefect servers use database $PGDATABASE from: ${found//$'\n'/, }. On each of these run: sudo systemctl stop 'prefect-server*'. Then run this again, and start them afterwards."
}

servers_here() {
  systemctl list-units --plain --no-legend --state active,activating,reloading 'prefect-server*.service' | awk '{print $1}'
}

stop_servers() {
  mapfile -t stopped < <(servers_here)
  if [ "${#stopped[@]}" -gt 0 ]; then
    echo "stopping ${stopped[*]}"
    systemctl stop "${stopped[@]}"
  fi
  # a server that reaches its database through others' addresses may be seen there a little longer
  local deadline=$((SECONDS + 15))
  until [ -z "$(users_elsewhere)" ] || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.5; done
  refuse_while_used_elsewhere
}

# copy_rights DATABASE: who may connect to it, and settings of their own, as of the database in use. A dump has neither.
copy_rights() {
  sql postgres --set new="$1" --set old="$PGDATABASE" <<'SQL'
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'new')
FROM pg_database WHERE datname = :'old' AND datacl IS NOT NULL \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'new',
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database, aclexplode(datacl) WHERE datname = :'old' \gexec
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', :'new', datconnlimit) FROM pg_database WHERE datname = :'old' \gexec
SELECT format('ALTER %s SET %I TO %s',
              CASE setrole WHEN 0 THEN format('DATABASE %I', :'new')
                           ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), :'new') END,
              split_part(setting, '=', 1),
              CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
                   THEN substr(setting, strpos(setting, '=') + 1)
                   ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
WHERE datname = :'old' \gexec
SQL
}

# change_places NEW KEPT: the database in use becomes KEPT, and NEW the one in use
change_places() {
  local attempt before
  before=$(revision_of "$PGDATABASE")
  stop_servers
  for attempt in 1 2 3 4 5; do
    if rename "$1" "$2"; then
      trap - EXIT
      start_servers "$before"
      return
    fi
    echo "somebody connected meanwhile (attempt $attempt of 5)" >&2
  done
  fail "databases $1 and $PGDATABASE could not change places; see above."
}

# rename NEW KEPT: in one transaction; a database can be renamed while nobody is connected
rename() {
  sql postgres --set used="$PGDATABASE" --set new="$1" --set kept="$2" <<'SQL'
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datname IN (:'used', :'new') AND backend_type = 'client backend' \gset
SELECT count(*) > 0 AS is_there FROM pg_database WHERE datname = :'used' \gset
BEGIN;
\if :is_there
ALTER DATABASE :"used" RENAME TO :"kept";
\endif
ALTER DATABASE :"new" RENAME TO :"used";
COMMIT;
SQL
}

# revision_of DATABASE: of its schema; nothing where there is none
revision_of() { sql "$1" <<<'SELECT version_num FROM alembic_version' 2>/dev/null || true; }

# start_servers REVISION: those that were stopped, if the schema is still of the revision that they know
start_servers() {
  if [ "${#stopped[@]}" = 0 ]; then
    servers="none ran on this host; start those elsewhere now: sudo systemctl start prefect-server"
  elif [ "$1" != "$(revision_of "$PGDATABASE")" ]; then
    servers="${stopped[*]} is stopped, as the schema was of another revision ($1) before. Set server.version to the one that this database is of, and run pulumi up"
  elif systemctl start "${stopped[@]}"; then
    servers="${stopped[*]} was started again"
  else
    servers="${stopped[*]} DID NOT START; journalctl --unit ${stopped[0]} tells why"
  fi
}

# tell WHAT KEPT
tell() {
  echo
  echo "$1, schema revision $(revision_of "$PGDATABASE")"
  echo "server    $servers"
  if exists "$2"; then
    echo "kept      $2 is what database $PGDATABASE was before"
    echo "go back   sudo $0 --undo $2"
    echo "delete    sudo -u $owner /opt/prefect/postgresql/dropdb ${PGHOST:+--host $PGHOST }${PGPORT:+--port $PGPORT }--username $DATABASE_ADMINISTRATOR $2"
  else
    echo "kept      nothing: there was no database $PGDATABASE before"
  fi
}

main "$@"
