#!/bin/bash
# Makes a backup of the Prefect database: backup-prefect [LABEL]. Without a label it is the scheduled one, which is copied
# off this host too if the settings say where to. A backup that fails leaves all others as they are.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

label=${1:-scheduled}

main() {
  [[ $label =~ ^[a-z0-9][a-z0-9._-]{0,59}$ ]] || fail "'$label' is no label. Use lower-case letters, digits, dots, hyphens and underscores, at most 60."
  read_settings
  become_owner "$0" "$label"
  hold backup
  local tables
  unfinished=$BACKUP_DIRECTORY/.unfinished
  trap 'rm -rf "$unfinished"' EXIT
  rm -rf "$unfinished"
  tables=$(query "SELECT to_regclass('alembic_version')")
  if [ -z "$tables" ]; then
    echo "nothing to back up: database $PGDATABASE has no tables of Prefect yet"
    return
  fi
  require_room
  make
  retire
  report
  copy
}

# query STATEMENT: as the role that may only read
query() {
  psql --no-psqlrc --no-align --tuples-only --quiet --set ON_ERROR_STOP=1 --command "$1" ||
    fail "database $PGDATABASE could not be asked as role $PGUSER; see above. Does PostgreSQL run? No backup was made, and none was removed."
}

# A dump is compressed, so it is smaller than the database; and it is seldom twice as large as the one before.
require_room() {
  local needed before free
  needed=$(query 'SELECT pg_database_size(current_database())')
  before=$(newest_backup)
  if [ -n "$before" ] && [ $((2 * $(size_of "$before"))) -lt "$needed" ]; then needed=$((2 * $(size_of "$before"))); fi
  free=$(free_space "$BACKUP_DIRECTORY")
  [ "$free" -ge "$needed" ] || fail "only $(readable_size "$free") are free in $BACKUP_DIRECTORY, a backup may need $(readable_size "$needed"). Make room there, or set backups.directory, backups.keep or backups.keepDays in the stack file. The backups that are there were left alone."
}

# pg_dump and the record of contents see the same snapshot, which lives as long as the transaction that told of it.
make() {
  local session_process answers snapshot
  until name=$(date --utc +%Y-%m-%dT%H-%M-%SZ)-$label && [ ! -e "$BACKUP_DIRECTORY/$name" ]; do sleep 0.2; done
  mkdir "$unfinished"
  coproc session { exec psql --no-psqlrc --no-align --tuples-only --quiet --set ON_ERROR_STOP=1; }
  # shellcheck disable=SC2154 # coproc sets it, and takes it away again when psql ends
  session_process=$session_PID
  exec {answers}<&"${session[0]}"
  cat >&"${session[1]}" <<'SQL'
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot();
SQL
  read -r -t 60 -u "$answers" snapshot || fail "database $PGDATABASE gave no snapshot within a minute; is it overloaded?"
  "${limit[@]}" pg_dump --format custom --lock-wait-timeout 5min --snapshot "$snapshot" --file "$unfinished/prefect.dump" ||
    fail "pg_dump failed; see above. $(readable_size "$(free_space "$BACKUP_DIRECTORY")") are free in $BACKUP_DIRECTORY. The backups that are there were left alone."
  { contents_query && echo '\quit'; } >&"${session[1]}"
  cat <&"$answers" >"$unfinished/contents"
  wait "$session_process" || fail "the contents of database $PGDATABASE could not be recorded; see above."
  [ -n "$(revision_in "$unfinished/contents")" ] || fail "table alembic_version is empty, so the database is no whole one of Prefect's."
  pg_restore --list "$unfinished/prefect.dump" >/dev/null || fail "the dump that was just written cannot be read; see above. Is the disk sound?"
  (cd "$unfinished" && sha256sum prefect.dump contents >SHA256SUMS)
  sync "$unfinished"/* "$unfinished"
  mv "$unfinished" "$BACKUP_DIRECTORY/$name"
  sync "$BACKUP_DIRECTORY"
}

# Upgrades tried again and again must not push out the scheduled backups, so each kind is counted by itself.
retire() {
  local oldest retired
  oldest=$(date --utc --date "$BACKUP_KEEP_DAYS days ago" +%Y-%m-%dT%H-%M-%SZ)
  mkdir "$unfinished"
  # the newest come first, and times are written so that they compare as text
  backups | awk -v keep="$BACKUP_KEEP" -v oldest="$oldest" -v made="$name" \
    '{ kind = /-scheduled$/ ? "scheduled" : "other"; count[kind]++ } (count[kind] > keep || $0 < oldest) && $0 != made' |
    while IFS= read -r retired; do
      mv "$BACKUP_DIRECTORY/$retired" "$unfinished/$retired"
      echo "removed $retired"
    done
  rm -rf "$unfinished"
}

report() {
  local file=$BACKUP_DIRECTORY/$name
  echo "backup $file/prefect.dump ($(readable_size "$(size_of "$name")")) made in $SECONDS s, schema revision $(revision_in "$file/contents")"
}

copy() {
  if [ "$label" = scheduled ] && [ -n "${RESTIC_REPOSITORY:-}" ]; then /opt/prefect/bin/copy-prefect-backups; fi
}

main
