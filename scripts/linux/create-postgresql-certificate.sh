# shellcheck shell=bash
# The certificate that PostgreSQL shows, and the authority that signs it. Prints the authority's certificate, which those
# who connect must trust.
: "${configuration:?}" "${runtime:?}" "${service:?}" "${names:?}"

directory=$configuration/postgresql/tls

create() {
  local outcome given=()
  read -ra given <<<"$names"
  install_package openssl openssl
  # new files get the group of the directory: root may read what it writes, PostgreSQL what it needs
  install -d -m 2750 -o root -g postgres "$directory"
  outcome=$("$runtime/bin/issue-certificate" "$directory" "$service" "${given[@]}") || exit 1
  cat "$directory/ca.crt"
  echo "$outcome"
}

delete() {
  rm -rf "$directory"
  changed "removed the certificate and its authority"
}
