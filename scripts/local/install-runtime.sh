# shellcheck shell=bash
# A Prefect version in a directory of its own, from its hash-locked requirements.
: "${directory:?}" "${lock:?}"

create() { install_environment "$directory" "$lock"; }

delete() {
  rm -rf "$directory"
  changed "removed $directory"
}
