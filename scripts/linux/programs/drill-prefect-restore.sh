#!/bin/bash
# Restores the newest backup into a scratch database and proves that it holds what was recorded with it. With copies off
# this host, the newest of them must be the same. The result stands in the journal and in drill.json.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

scratch=prefect_drill

main() {
  read_settings
  become_owner "$0"
  hold drill
  name=$(newest_backup)
  if [ -z "$name" ]; then
    echo "there is no backup to restore yet; check-prefect-backups tells when that is too long"
    return
  fi
  trap 'finish $?' EXIT
  drop_database "$scratch"
  verify "$name" || fail "$BACKUP_DIRECTORY/$name does not match its checksums: it is damaged. Make a new one (systemctl start prefect-backup), remove this one, and have the disk checked."
  require_room_for_second_database
  restore_into "$scratch" "$name"
  if [ -n "${RESTIC_REPOSITORY:-}" ]; then check_copy; fi
}

# Only scheduled backups are copied as soon as they are made.
check_copy() {
  local file here there
  file=$BACKUP_DIRECTORY/$(backups | awk '/-scheduled$/ && !found++')/prefect.dump
  [ -f "$file" ] || return 0
  hold copy
  off_host check || fail "restic finds its repository damaged; see above."
  here=$(sha256sum <"$file")
  # a cache on this host would hide damage there
  there=$(off_host --no-cache dump --tag prefect latest "$file" | sha256sum) || fail "$file could not be read back from the copy off this host; see above."
  [ "$here" = "$there" ] || fail "$file is not the same off this host as here."
}

# finish STATUS
finish() {
  local result=failed
  drop_database "$scratch" || reason="${reason:-}; the scratch database $scratch could not be dropped"
  if [ "$1" = 0 ]; then result=passed; fi
  write_status "$result"
  echo "restore drill $result: $BACKUP_DIRECTORY/$name/prefect.dump in $SECONDS s"
}

# write_status RESULT
write_status() {
  local text=${reason//\\/\\\\}
  text=${text//\"/\\\"}
  printf '{"time": "%s", "backup": "%s", "result": "%s", "reason": "%s", "seconds": %d}\n' \
    "$(date --utc +%FT%TZ)" "$BACKUP_DIRECTORY/$name/prefect.dump" "$1" "${text//[[:cntrl:]]/ }" "$SECONDS" >"$state/drill.json.new"
  chmod 0644 "$state/drill.json.new"
  mv "$state/drill.json.new" "$state/drill.json"
}

main
