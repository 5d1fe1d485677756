# shellcheck shell=bash
# PostgreSQL's programs from the distribution's packages, reachable by one path whatever the version. Their own cluster is
# not made; other clusters of this host are left alone.
: "${runtime:?}" "${version?}"

create() {
  local before programs
  before=$(readlink "$runtime/postgresql" || true)
  forbid_main_cluster
  install_package "postgresql${version:+-$version}" "postgresql${version}-server"
  allow_main_cluster
  programs=$(find_programs)
  check_version "$programs"
  ln -sfn "$programs" "$runtime/postgresql"
  if [ "$before" = "$programs" ]; then unchanged "$("$programs/postgres" --version)"; else changed "$("$programs/postgres" --version)"; fi
}

drift() {
  local found
  found=$("$runtime/postgresql/postgres" --version 2>/dev/null) || found=missing
  [[ $found == *"(PostgreSQL) $version"* ]] || echo "PostgreSQL: $found instead of ${version:-installed}"
}

# Debian's package makes a cluster and starts it, unless told not to.
declaration=/etc/postgresql-common/createcluster.d/prefect-selfhost.conf

forbid_main_cluster() {
  mkdir -p "${declaration%/*}"
  echo 'create_main_cluster = false' >"$declaration"
}

allow_main_cluster() {
  rm -f "$declaration"
  rmdir "${declaration%/*}" "$(dirname "${declaration%/*}")" 2>/dev/null || true
}

find_programs() {
  local major=$version installed
  if [ -z "$major" ]; then
    installed=$(package_version postgresql postgresql-server)
    installed=${installed#*:}
    major=${installed%%[^0-9]*}
  fi
  local directory
  for directory in "/usr/lib/postgresql/$major/bin" "/usr/pgsql-$major/bin" /usr/bin; do
    if [ -x "$directory/postgres" ]; then echo "$directory" && return; fi
  done
  fail "PostgreSQL $major was installed, but its programs were not found."
}

# https://docs.prefect.io: 14.9 is the oldest that Prefect is run on
check_version() {
  local found
  found=$("$1/postgres" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/')
  [ "$(printf '%s\n' 14.9 "$found" | sort -V | head -n 1)" = 14.9 ] ||
    fail "PostgreSQL $found is older than 14.9, which Prefect needs. Choose another: pulumi config set --path postgres.version 16"
}

delete() {
  rm -f "$runtime/postgresql"
  changed "the packages stay: something else may use them"
}
