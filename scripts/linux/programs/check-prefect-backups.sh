#!/bin/bash
# Fails if the newest good backup is too old.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

main() {
  read_settings
  become_owner "$0"
  local names name hours
  names=$(backups)
  for name in $names; do
    if ! verify "$name"; then
      echo "$BACKUP_DIRECTORY/$name is damaged" >&2
      continue
    fi
    hours=$(($(age_of "$name") / 3600))
    [ "$hours" -lt "$BACKUP_ALERT_AFTER_HOURS" ] || too_old "the newest good backup, $name, is $hours hours old"
    echo "the newest good backup, $name, is $hours hours old"
    return
  done
  hours=$((($(date +%s) - $(stat --format %Y "$configuration")) / 3600))
  [ "$hours" -lt "$BACKUP_ALERT_AFTER_HOURS" ] || too_old "there is no good backup, though backups were set up $hours hours ago"
  echo "there is no good backup yet; the first must be made within $BACKUP_ALERT_AFTER_HOURS hours"
}

too_old() {
  fail "$1; at most $BACKUP_ALERT_AFTER_HOURS are allowed. What went wrong: journalctl --unit prefect-backup. To make one now: systemctl start prefect-backup"
}

main
