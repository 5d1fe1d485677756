# shellcheck shell=bash
# The certificate that nginx shows. Prints when it expires and, where it is from a private CA, that CA's certificate.
: "${directory:?}" "${program:?}" "${host:?}" "${origin:?}" "${chain?}" "${key?}"

create() {
  local outcome
  install -d "$directory"
  outcome=$("$program" "$directory" "$host" "$origin" "$chain" "$key") || exit 1
  echo "expires: $(date --utc --date "$(openssl x509 -in "$directory/server.pem" -noout -enddate | cut -d= -f2)" +%FT%TZ)"
  if [ "$origin" = private-ca ]; then cat "$directory/ca.crt"; fi
  echo "$outcome"
}

drift() { [ -s "$directory/server.pem" ] || echo "$directory/server.pem: missing"; }

delete() {
  rm -rf "$directory/server.pem" "$directory/ca.crt" "$directory/authority" "$directory/shown"
  changed "removed the certificate, and the private CA if there was one"
}
