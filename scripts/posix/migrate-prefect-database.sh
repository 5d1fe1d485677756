# shellcheck shell=bash
# Brings the schema of the Prefect database to what a Prefect version needs; one runner at a time. Back to an older version
# it goes by the runtime of the newer one, which alone knows the way.
: "${runtime:?}" "${python:?}" "${program:?}" "${environment_files:?}" "${directory:?}" "${service:?}"

unknown_revision=3

create() {
  local said status=0
  said=$(migrate "$python") || status=$?
  if [ "$status" = "$unknown_revision" ]; then
    go_back "$(last_line "$said")"
    return
  fi
  [ "$status" = 0 ] || fail "the database migration failed; the server's version before it still serves. Its end:
$(tail -n 15 <<<"$said")"
  report "$(last_line "$said")"
}

# go_back REVISION
go_back() {
  local candidate said status
  stop_service "$service"
  for candidate in "$runtime"/prefect-*/bin/python; do
    [ "$candidate" != "$python" ] || continue
    status=0
    said=$(migrate "$candidate" "$1") || status=$?
    case $status in
      0) report "$(last_line "$said")" && return ;;
      "$unknown_revision") ;;
      *)
        start_service "$service"
        fail "the way back to revision $1 failed; the newer version serves again. Restore a backup instead (docs/backups.md). Its end:
$(tail -n 15 <<<"$said")"
        ;;
    esac
  done
  start_service "$service"
  fail "the database is of a newer Prefect than any runtime in $runtime knows. Set server.version to the version that made it, or restore a backup (docs/backups.md)."
}

# migrate PYTHON [REVISION]
migrate() {
  local files=()
  read -ra files <<<"$environment_files"
  run_with_environment prefect "$directory" "${files[@]}" -- "$1" "$program" "${@:2}" 2>&1
}

last_line() { tail -n 1 <<<"$1"; }

# report "BEFORE AFTER"
report() {
  local before=${1% *} after=${1#* }
  if [ "$before" = "$after" ]; then unchanged "the schema is at revision $after"; else changed "the schema is at revision $after, before: $before"; fi
}
