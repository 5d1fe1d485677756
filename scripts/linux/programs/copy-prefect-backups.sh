#!/bin/bash
# Copies of the backups off this host, made by restic: encrypted here, only what is new. https://restic.readthedocs.io
#   copy-prefect-backups                     copies the backups
#   copy-prefect-backups --back [SNAPSHOT]   brings back those that are missing here; the newest snapshot, or another one
#   copy-prefect-backups --list              lists the snapshots
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backups.sh
. /opt/prefect/bin/backups

main() {
  read_settings
  become_owner "$0" "$@"
  [ -n "${RESTIC_REPOSITORY:-}" ] || fail "there are no copies: backups.copyTo is not set in the stack file."
  case ${1:-} in
    '') copy ;;
    --back) bring_back "${2:-latest}" ;;
    --list) off_host snapshots --tag prefect ;;
    *) fail "$1 is no option. Run $0 alone, with --back or with --list." ;;
  esac
}

copy() {
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

# bring_back SNAPSHOT
bring_back() {
  local unfinished=$BACKUP_DIRECTORY/.unfinished found
  hold backup
  rm -rf "$unfinished"
  # shellcheck disable=SC2064 # the value of now
  trap "rm -rf '$unfinished'" EXIT
  off_host restore "$1" --tag prefect --target "$unfinished" || fail "restic could not bring $1 back; see above. $0 --list tells which snapshots there are."
  find "$unfinished" -type d -name '[0-9]*T[0-9-]*Z-*' -prune | while IFS= read -r found; do
    if [ ! -e "$BACKUP_DIRECTORY/${found##*/}" ]; then mv "$found" "$BACKUP_DIRECTORY"; fi
  done
  echo "there are $(backups | wc -l) backups now; $(dirname "$0")/restore-prefect lists them"
}

main "$@"
