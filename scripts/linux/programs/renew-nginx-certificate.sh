#!/bin/bash
# Keeps the certificate that nginx shows fresh: renew-nginx-certificate DIRECTORY HOST ORIGIN [CHAIN KEY]. ORIGIN is
# `private-ca` for one from a private CA, renewed in time; `files` to take it from CHAIN and KEY when they changed, if they
# are good; `acme` for certbot's files.
# nginx reads DIRECTORY/server.pem, which holds certificate and key, as it is replaced in one step.
set -euo pipefail
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

directory=${1:?} host=${2:?} origin=${3:?} chain=${4:-} key=${5:-}
certificate=$directory/server.pem

# fail WHAT_WHY_AND_WHAT_TO_DO
fail() {
  echo "error: $*" >&2
  exit 1
}

main() {
  case $origin in
    private-ca) "${0%/*}/issue-certificate" "$directory" nginx "$host" ;;
    files) take ;;
    acme)
      chain=/etc/letsencrypt/live/prefect-selfhost/fullchain.pem
      key=/etc/letsencrypt/live/prefect-selfhost/privkey.pem
      take
      ;;
    *) fail "'$origin' is no origin of a certificate. Use private-ca, files or acme." ;;
  esac
  show
}

take() {
  local lock
  exec {lock}<"$directory"
  flock --wait 120 "$lock" || fail "another renewal of nginx's certificate has been going on for two minutes. Try again when it is done."
  check
  # a file may lack its last line break, as what Pulumi keeps does
  { cat "$chain" && echo && cat "$key"; } >"$certificate.new"
  if cmp --silent "$certificate.new" "$certificate"; then
    rm "$certificate.new"
    echo "unchanged: the certificate for $host is the given one, good until $(moment enddate)"
  else
    mv "$certificate.new" "$certificate"
    echo "changed: the certificate for $host is the given one, good until $(moment enddate)"
  fi
}

check() {
  local file is_for=-checkhost
  for file in "$chain" "$key"; do
    [ -e "$file" ] || fail "the certificate file $file is not there. Put it there, or name another in the section nginx."
    # as a scheduled task root reads what is its own, no more
    [ -O "$file" ] && [ -r "$file" ] || fail "the certificate file $file does not belong to root, so it could not be read each hour. Give it to root: chown root '$file'"
  done
  openssl x509 -in "$chain" -noout 2>/dev/null ||
    fail "$chain holds no certificate in PEM. Put the server's certificate there, then those between it and its root."
  openssl pkey -in "$key" -passin pass: -noout 2>/dev/null ||
    fail "$key holds no private key in PEM, or one with a passphrase, which nobody could type when the host boots. Give one without."
  [ "$(openssl x509 -in "$chain" -noout -pubkey)" = "$(openssl pkey -in "$key" -passin pass: -pubout)" ] ||
    fail "the key $key does not belong to the first certificate in $chain. Give the key that goes with it, or put the server's certificate first."
  if [[ $host =~ ^[0-9.]+$ || $host == *:* ]]; then is_for=-checkip; fi
  openssl x509 -in "$chain" -noout "$is_for" "$host" | grep --quiet 'does match' ||
    fail "the certificate in $chain is not for $host but for $(names). Get one for $host, or change nginx.publicUrl."
  openssl x509 -in "$chain" -noout -checkend 0 >/dev/null ||
    fail "the certificate in $chain expired at $(moment enddate). Get another, then run pulumi up again."
  [[ $(moment startdate) < $(date --utc +%FT%TZ) ]] ||
    fail "the certificate in $chain is not valid before $(moment startdate), and this host's clock says $(date --utc +%FT%TZ). Set the clock, or get another certificate."
}

names() { openssl x509 -in "$chain" -noout -ext subjectAltName 2>/dev/null | sed -n '2s/^ *//p' | grep . || echo "no name at all"; }

# moment startdate|enddate
moment() { date --utc --date "$(openssl x509 -in "$chain" -noout "-$1" | cut -d= -f2)" +%FT%TZ; }

# Until nginx has read the certificate, each run has it try again.
show() {
  local said shown=$directory/shown
  if [ "$shown" -nt "$certificate" ] || ! systemctl is-active --quiet nginx; then return; fi
  said=$(systemctl reload nginx 2>&1) ||
    fail "nginx does not read its configuration, so it still shows the former certificate. Mend what it says: nginx -t
$said"
  touch "$shown"
}

main
