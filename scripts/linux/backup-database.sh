# shellcheck shell=bash
# A backup right now, named after its `reason`, such as before-migration-3.8.9. There is no delete: it is kept.
: "${reason:?}" "${runtime:?}"

create() {
  local said
  said=$("$runtime/bin/backup-prefect" "$reason") || fail "no backup could be made, so nothing that needs one was begun; see above."
  said=$(tail -n 1 <<<"$said")
  case $said in
    backup\ *) changed "${said% made in *}" ;;
    *) unchanged "$said" ;;
  esac
}
