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

drift() {
  local file
  for file in server.pem ca.crt; do [ -s "$directory/$file" ] || echo "$directory/$file: missing"; done
}

delete() {
  rm -rf "$directory"
  changed "removed the certificate and its authority"
}
