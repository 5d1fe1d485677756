# shellcheck shell=bash
# Brings the schema of the Prefect database to what this Prefect version needs; one runner at a time.
: "${root:?}" "${python:?}" "${environment_files:?}"

create() {
  local output files=()
  read -ra files <<<"$environment_files"
  output=$(cd "$root/data/prefect" && clean_environment_as_service_user /bin/bash "$root/configuration/launch.sh" "${files[@]}" -- \
    "$python" -m prefect server database upgrade --yes 2>&1) ||
    fail "the database migration failed: $(tail -n 15 <<<"$output")"
  changed "the schema is at the newest revision"
}
