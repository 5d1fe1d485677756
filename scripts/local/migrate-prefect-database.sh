# shellcheck shell=bash
# Brings the schema of the Prefect database to what this Prefect version needs; one runner at a time.
: "${root:?}" "${python:?}" "${environment_files:?}" "${port:?}"

create() {
  local output before after files=()
  before=$(revision)
  read -ra files <<<"$environment_files"
  output=$(cd "$root/data/prefect" && clean_environment_as_service_user /bin/bash "$root/configuration/launch.sh" "${files[@]}" -- \
    "$python" -m prefect server database upgrade --yes 2>&1) ||
    fail "the database migration failed: $(tail -n 15 <<<"$output")"
  after=$(revision)
  if [ "$before" = "$after" ]; then unchanged "the schema is at revision $after"; else changed "the schema is at revision $after, before: ${before:-none}"; fi
}

# The schema's revision, by Alembic; nothing where there is no schema yet.
revision() {
  (cd / && as_service_user "$root/runtime/postgresql/psql" -XAtqw -h "$root/run" -p "$port" -U postgres -d prefect \
    -c 'SELECT version_num FROM alembic_version') 2>/dev/null || true
}
