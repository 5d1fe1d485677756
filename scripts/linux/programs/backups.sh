# shellcheck shell=bash
# What the programs that care for backups of the Prefect database share.
#
# A backup is a directory TIME-LABEL with three files: prefect.dump in pg_dump's custom format, contents (what was in the
# database at that very moment) and SHA256SUMS. It appears by a rename, so it is whole or not there. Backups belong to the
# system user who may connect to the database; whatever touches either is done as that user.
set -euo pipefail
PATH=/opt/prefect/postgresql:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 PGCONNECT_TIMEOUT=10
umask 077
cd /

configuration=/etc/prefect/backups.env
state=/var/lib/prefect/backups
# shellcheck disable=SC2034 # for the programs, as is the reason below
limit=(timeout --foreground --kill-after=30 4h)

reason=""

# fail WHAT_WHY_AND_WHAT_TO_DO
fail() {
  # shellcheck disable=SC2034
  reason=$*
  echo "error: $*" >&2
  exit 1
}

# read_variables FILE: exports its NAME=value lines, taken literally
read_variables() {
  local line
  # the last line may have no end
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in '' | '#'*) continue ;; esac
    export "${line?}"
  done <"$1"
}

read_settings() {
  [ -r "$configuration" ] || fail "$configuration is not there: pulumi up writes it on the host that makes the backups."
  read_variables "$configuration"
  : "${BACKUP_DIRECTORY:?}" "${BACKUP_KEEP:?}" "${BACKUP_KEEP_DAYS:?}" "${BACKUP_ALERT_AFTER_HOURS:?}"
  : "${PGDATABASE:?}" "${DATABASE_ADMINISTRATOR:?}" "${DATABASE_OWNER:?}"
  owner=$(stat --format %U "$BACKUP_DIRECTORY") || fail "the directory of backups is not there. Mount it, or let pulumi up make it."
  [ "$(id -u)" = 0 ] || [ "$(id -un)" = "$owner" ] || fail "only root and $owner may do this. Run: sudo $0"
}

# become_owner PROGRAM ARGUMENT...
become_owner() { [ "$(id -un)" = "$owner" ] || exec runuser -u "$owner" -- "$@"; }

as_owner() { if [ "$(id -un)" = "$owner" ]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }

# hold WORK: one at a time; children inherit the lock, so that it lasts as long as any of them
hold() {
  local file=$state/locks/$1
  as_owner touch "$file"
  exec {lock}<"$file"
  flock --wait 600 "$lock" || fail "another $1 has been running for ten minutes. Try again when it is done: systemctl list-units 'prefect-*' shows it."
}

# sql DATABASE [OPTION...]: runs what comes on stdin as the administrator
sql() {
  as_owner psql --no-psqlrc --no-align --tuples-only --quiet --set ON_ERROR_STOP=1 \
    --username "$DATABASE_ADMINISTRATOR" --dbname "$1" "${@:2}"
}

# What is in a database, in lines that are the same for the same: schema revision, extensions, rows of each table.
contents_query() {
  cat <<'SQL'
SELECT 'revision ' || version_num FROM alembic_version ORDER BY 1;
SELECT 'extension ' || extname FROM pg_extension ORDER BY 1;
SELECT format('SELECT %L || count(*) FROM %I.%I', format('rows %I.%I ', nspname, relname), nspname, relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname \gexec
SQL
}

# Names of the backups, newest first
backups() {
  find "$BACKUP_DIRECTORY" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*T[0-9-]*Z-*' -printf '%f\n' | LC_ALL=C sort --reverse
}

newest_backup() { backups | sed -n 1p; }

# age_of BACKUP: in seconds, by its name
age_of() {
  local day=${1:0:10} time=${1:11:8}
  echo $(($(date +%s) - $(date --utc --date "$day ${time//-/:}" +%s)))
}

# verify BACKUP: it is what was written
verify() {
  (cd "$BACKUP_DIRECTORY/$1" && sha256sum --check --quiet --strict SHA256SUMS) >/dev/null 2>&1
}

size_of() { stat --format %s "$BACKUP_DIRECTORY/$1/prefect.dump"; }

readable_size() { numfmt --to=iec-i --suffix=B --format='%.1f' "$1"; }

# revision_in CONTENTS
revision_in() { sed -n 's/^revision //p' "$1"; }

free_space() { df --block-size=1 --output=avail "$1" | tail -n 1; }

# Filling the disk that the database is on would stop it; of a database elsewhere we cannot know.
require_room_for_second_database() {
  local directory needed free
  [[ ${PGHOST:-/} == /* ]] || return 0
  directory=$(sql postgres <<<'SHOW data_directory')
  needed=$(sql postgres --set name="$PGDATABASE" <<<"SELECT coalesce(max(pg_database_size(oid)), 0) * 3 / 2 FROM pg_database WHERE datname = :'name'")
  free=$(free_space "$directory")
  [ "$free" -gt "$needed" ] || fail "only $(readable_size "$free") are free in $directory, a second database may need $(readable_size "$needed"). Make room there; nothing was changed."
}

# restore_into DATABASE BACKUP: makes the database with what the backup holds, and proves it by what was recorded then
restore_into() {
  local backup=$BACKUP_DIRECTORY/$2 found
  sql postgres --set new="$1" --set owner="$DATABASE_OWNER" --set like="$PGDATABASE" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
              :'new', :'owner', pg_encoding_to_char(encoding), datcollate, datctype)
FROM pg_database WHERE datname IN (:'like', 'template0') ORDER BY datname = 'template0' LIMIT 1 \gexec
SQL
  # by the administrator, as not every extension can be made by the owner of a database
  sed -n 's/^extension \(.*\)/CREATE EXTENSION IF NOT EXISTS "\1";/p' "$backup/contents" | PGOPTIONS='-c client_min_messages=warning' sql "$1"
  as_owner "${limit[@]}" pg_restore --exit-on-error --no-owner --no-comments \
    --role "$DATABASE_OWNER" --username "$DATABASE_ADMINISTRATOR" --dbname "$1" "$backup/prefect.dump" ||
    fail "pg_restore could not restore $backup/prefect.dump; see above."
  found=$(contents_query | sql "$1")
  diff <(echo "$found") "$backup/contents" >&2 || fail "$backup/prefect.dump was restored, but holds other things than were recorded with it: see the lines above (< restored, > recorded)."
}

# drop_database DATABASE, whoever uses it
drop_database() {
  sql postgres --set name="$1" <<'SQL'
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname = :'name' \gexec
SQL
}

# off_host ARGUMENT...: restic, with credentials that it alone gets
off_host() (
  read_variables /etc/prefect/backups-copy.secrets.env || exit
  exec "${limit[@]}" restic --quiet --cache-dir "$state/cache" "$@"
)
