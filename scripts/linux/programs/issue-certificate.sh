#!/bin/bash
# Keeps a certificate for this host, from a certificate authority that is this host's alone: issue-certificate DIRECTORY
# SERVICE NAME... It is for these names and addresses; it is renewed when it has less than 60 days left or is for others,
# and then SERVICE, if it runs, is told to read it (SIGHUP).
# In DIRECTORY stand ca.crt for those who connect, and server.pem, which holds certificate and key and which the
# directory's group may read.
set -euo pipefail
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 027

directory=${1:?} service=${2:?}
names=("${@:3}")
authority=$directory/authority

# fail WHAT_WHY_AND_WHAT_TO_DO
fail() {
  echo "error: $*" >&2
  exit 1
}

main() {
  [ "${#names[@]}" -gt 0 ] || fail "no name is given. Use: issue-certificate DIRECTORY SERVICE NAME..."
  exec {lock}<"$directory"
  flock --wait 120 "$lock" || fail "another issue-certificate has been at work in $directory for two minutes. Try again when it is done."
  if [ ! -e "$directory/ca.crt" ]; then make_authority; fi
  lasts "$directory/ca.crt" 60 || fail "the certificate authority in $directory expires at $(expiry "$directory/ca.crt"). Remove $directory, then run pulumi up --replace with the URN of what made it, so that all who connect get the new authority."
  if is_fresh; then
    echo "unchanged: the certificate for ${names[*]} is good until $(expiry "$directory/server.pem")"
    return
  fi
  issue
  if systemctl is-active --quiet "$service"; then systemctl kill --signal=HUP --kill-who=main "$service"; fi
  echo "changed: the certificate for ${names[*]} is good until $(expiry "$directory/server.pem")"
}

# https://docs.openssl.org/3.0/man5/x509v3_config; as strict as Python 3.13 checks
make_authority() {
  mkdir -p "$authority"
  chmod u=rwx,go=,g-s "$authority"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes -days 7300 \
    -keyout "$authority/ca.key" -out "$authority/ca.crt" -config <(
      cat <<CONFIGURATION
[req]
distinguished_name = subject
x509_extensions = extensions
prompt = no
[subject]
CN = $service on $(uname -n | cut -c 1-40)
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CONFIGURATION
    ) 2>/dev/null || fail "openssl made no certificate authority in $authority. Is the disk full?"
  chmod 0600 "$authority/ca.key"
  install -m 0644 "$authority/ca.crt" "$directory/ca.crt"
}

# lasts CERTIFICATE DAYS
lasts() { openssl x509 -in "$1" -noout -checkend "$(($2 * 86400))" >/dev/null 2>&1; }

expiry() { date --utc --date "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%FT%TZ; }

is_fresh() {
  local name
  lasts "$directory/server.pem" 60 || return
  [ "$(openssl x509 -in "$directory/server.pem" -noout -ext subjectAltName | tail -n 1 | tr ',' '\n' | wc -l)" = "${#names[@]}" ] || return
  for name in "${names[@]}"; do is_for "$name" || return; done
}

# is_for NAME: and of our authority
is_for() {
  local kind=hostname
  if is_address "$1"; then kind=ip; fi
  openssl verify -CAfile "$directory/ca.crt" -no-CApath "-verify_$kind" "$1" "$directory/server.pem" >/dev/null 2>&1
}

is_address() { [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; }

# One file for both, as it is replaced in one step.
issue() {
  local name key alternatives=()
  for name in "${names[@]}"; do
    if is_address "$name"; then alternatives+=("IP:$name"); else alternatives+=("DNS:$name"); fi
  done
  key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
  {
    openssl req -new -key /dev/stdin -subj "/CN=$service" <<<"$key" |
      openssl x509 -req -CA "$authority/ca.crt" -CAkey "$authority/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
        -sha256 -days 398 -extfile <(
          cat <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $(IFS=, && echo "${alternatives[*]}")
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
        ) 2>/dev/null
    echo "$key"
  } >"$directory/server.pem.new" || fail "openssl made no certificate for ${names[*]} in $directory. Is the disk full?"
  chmod 0640 "$directory/server.pem.new"
  mv "$directory/server.pem.new" "$directory/server.pem"
}

main
