# shellcheck shell=bash
# A Prefect version in a directory of its own, from its hash-locked requirements. What services still run from stays
# and is the way back; older ones go.
: "${runtime:?}" "${directory:?}" "${lock:?}"

create() {
  install_environment "$directory" "$lock"
  remove_superseded
}

drift() { environment_drift "$directory" "$lock"; }

remove_superseded() {
  local candidate
  for candidate in "$runtime"/prefect-*; do
    if [ "$candidate" != "$directory" ] && ! is_in_use "$candidate"; then rm -rf "$candidate"; fi
  done
}

is_in_use() {
  local link
  for link in "$runtime"/current/*; do
    [ "$(readlink "$link")" != "$1" ] || return 0
  done
  return 1
}

delete() {
  rm -rf "$runtime"/prefect-*
  changed "removed Prefect"
}
