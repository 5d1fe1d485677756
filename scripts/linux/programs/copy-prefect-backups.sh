#!/bin/bash
# Copies the backups off this host with restic: encrypted here, only what is new. https://restic.readthedocs.io
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

main() {
  read_settings
  become_owner "$0"
  : "${RESTIC_REPOSITORY:?is not set: the settings name no place to copy to}"
  hold copy
  make_repository
  off_host unlock
  off_host backup --tag prefect --exclude .unfinished "$BACKUP_DIRECTORY" || fail "restic could not copy $BACKUP_DIRECTORY; see above. The backups on this host are not touched by that."
  off_host forget --tag prefect --group-by tags --keep-within "${BACKUP_KEEP_DAYS}d" --prune || fail "restic could not remove old copies; see above. Today's copy is made."
  echo "copied $(backups | wc -l) backups off this host in $SECONDS s"
}

make_repository() {
  local said
  said=$(off_host cat config 2>&1 || off_host init 2>&1) ||
    fail "restic can neither open nor make its repository: $said. Check backups.copyTo and the secret backupCopyEnvironment."
}

main
