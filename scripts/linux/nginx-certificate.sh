# shellcheck shell=bash
# The certificate that nginx shows, in one file with its key: from a private CA on this host, or taken from the files of
# certbot or of whoever else. A timer looks at it each hour with the same functions: it renews what the CA made, and takes
# files that changed.
: "${directory:?}" "${host:?}" "${source:?}" "${chain?}" "${key?}"

# what fails inside $( ) fails as a whole
shopt -s inherit_errexit

shown=$directory/server.pem
renew_program=$directory/renew-certificate
unit=prefect-certificate
if [ "$source" = acme ]; then
  chain=/etc/letsencrypt/live/prefect-selfhost/fullchain.pem
  key=/etc/letsencrypt/live/prefect-selfhost/privkey.pem
fi

create() {
  local outcome
  install -d "$directory"
  if [ "$source" = private-ca ]; then make_ca; fi
  outcome=$(renew)
  keep_renewing
  echo "expires: $(expiry "$shown")"
  if [ "$source" = private-ca ]; then cat "$directory/ca.pem"; fi
  echo "$outcome"
}

# One run at a time: Pulumi's and the timer's could meet.
renew() {
  local lock new=$shown.new
  umask 077
  exec {lock}>"$directory/lock"
  flock --timeout 120 "$lock" || fail "another renewal of the certificate has been running for two minutes. See: systemctl status prefect-certificate"
  if [ "$source" = private-ca ]; then
    if is_fresh; then
      unchanged "the certificate for $host is good until $(expiry "$shown")"
      return
    fi
    issue "$new"
  else
    check_given_files
    cat "$chain" "$key" >"$new"
    if cmp --silent "$new" "$shown"; then
      rm "$new"
      unchanged "the certificate for $host is the given one"
      return
    fi
  fi
  replace_shown "$new"
  changed "the certificate for $host is good until $(expiry "$shown")"
}

# A CA that is good for this name alone, so that whoever trusts it trusts nothing else. Its key never leaves this host.
make_ca() (
  umask 077
  cd "$directory" || exit
  ca_configuration >ca.cnf.new
  if cmp --silent ca.cnf.new ca.cnf && [ -s ca.key ] && lasts ca.pem 365; then
    rm ca.cnf.new
    return
  fi
  openssl req -x509 -config ca.cnf.new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes -days 3650 \
    -keyout ca.key -out ca.pem 2>/dev/null
  chmod 0644 ca.pem
  mv ca.cnf.new ca.cnf
)

ca_configuration() {
  cat <<CONFIGURATION
[req]
distinguished_name = subject
prompt = no
x509_extensions = extensions
[subject]
CN = Prefect CA ${host:0:50}
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, $(name_constraints)
CONFIGURATION
}

# What is not named would be free: hence no address beside a name, and no real name beside an address.
name_constraints() {
  case $host in
    *:*) echo "permitted;IP:$host/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, permitted;DNS:invalid" ;;
    *[!0-9.]*) echo "permitted;DNS:$host, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:::/::" ;;
    *) echo "permitted;IP:$host/255.255.255.255, permitted;DNS:invalid" ;;
  esac
}

is_address() { [[ $host =~ ^[0-9.]+$ || $host == *:* ]]; }

is_fresh() { [ -s "$shown" ] && lasts "$shown" 30 && is_of_ca "$shown"; }

# lasts CERTIFICATE DAYS
lasts() { openssl x509 -in "$1" -noout -checkend "$(($2 * 86400))" >/dev/null 2>&1; }

is_of_ca() {
  local kind=hostname
  if is_address; then kind=ip; fi
  openssl verify -CAfile "$directory/ca.pem" -no-CApath "-verify_$kind" "$host" "$1" >/dev/null 2>&1
}

# issue FILE: a new key, and a certificate for 90 days
issue() {
  local new_key
  new_key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
  {
    openssl req -new -key /dev/stdin -subj /O=Prefect <<<"$new_key" |
      openssl x509 -req -CA "$directory/ca.pem" -CAkey "$directory/ca.key" -sha256 -days 90 \
        -extfile <(server_extensions) 2>/dev/null
    echo "$new_key"
  } >"$1"
  is_of_ca "$1" || fail "the private CA in $directory made no certificate for $host that holds. Remove ca.cnf there, then run pulumi up again for another CA."
}

server_extensions() {
  local kind=DNS
  if is_address; then kind=IP; fi
  cat <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $kind:$host
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
}

check_given_files() {
  local file option=-checkhost
  for file in "$chain" "$key"; do
    [ -f "$file" ] || fail "the certificate file $file is not there. Put it there, or name another in the section nginx."
  done
  openssl x509 -in "$chain" -noout 2>/dev/null || fail "$chain holds no certificate in PEM. Put the server's certificate first, then those that lead to its root."
  openssl pkey -in "$key" -passin pass: -noout 2>/dev/null || fail "$key holds no private key in PEM, or one that asks for a passphrase, which nobody could type at boot. Give a key without one."
  [ "$(openssl x509 -in "$chain" -noout -pubkey)" = "$(openssl pkey -in "$key" -passin pass: -pubout)" ] ||
    fail "the key $key does not belong to the first certificate in $chain. Give the key that the certificate was requested with, and the server's certificate first in its file."
  if is_address; then option=-checkip; fi
  openssl x509 -in "$chain" -noout "$option" "$host" | grep --quiet 'does match' ||
    fail "the certificate in $chain is not for $host, but for $(names). Get one for $host, or change nginx.publicUrl."
  lasts "$chain" 0 || fail "the certificate in $chain expired at $(expiry "$chain"). Renew it, then run pulumi up again."
  [ "$(date --date "$(openssl x509 -in "$chain" -noout -startdate | cut -d= -f2)" +%s)" -le "$(date +%s)" ] ||
    fail "the certificate in $chain is not valid yet. See to this host's clock, $(date -u +%FT%TZ), or give one that is."
}

names() { openssl x509 -in "$chain" -noout -ext subjectAltName 2>/dev/null | sed -n '2s/^ *//p' | grep . || echo "no name at all"; }

expiry() { date --utc --date "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%FT%TZ; }

# replace_shown FILE: the former one comes back if nginx cannot use it, so that the next run tries again
replace_shown() {
  local said former=$shown.former
  if [ -f "$shown" ]; then cp --preserve "$shown" "$former"; else rm -f "$former"; fi
  mv "$1" "$shown"
  systemctl is-active --quiet nginx || return 0
  if said=$(nginx -t 2>&1 && systemctl reload nginx 2>&1); then
    rm -f "$former"
    return
  fi
  if [ -f "$former" ]; then mv "$former" "$shown"; fi
  fail "nginx could not take the new certificate for $host and goes on with the former. Mend what it says, then run: systemctl start prefect-certificate
$said"
}

keep_renewing() {
  program >"$renew_program"
  cat >"/etc/systemd/system/$unit.service" <<UNIT
[Unit]
Description=Keeps the certificate of the Prefect site fresh
After=nginx.service

[Service]
Type=oneshot
ExecStart=/bin/bash $renew_program
TimeoutStartSec=300
UNIT
  cat >"/etc/systemd/system/$unit.timer" <<UNIT
[Unit]
Description=Keeps the certificate of the Prefect site fresh

[Timer]
OnCalendar=hourly
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
UNIT
  systemctl daemon-reload
  systemctl enable --now --quiet "$unit.timer"
}

program() {
  echo "# What the timer $unit runs; written by Pulumi, which replaces it whole."
  echo "set -euo pipefail; shopt -s inherit_errexit"
  declare -p PATH directory host source chain key shown
  declare -f changed unchanged fail renew is_address is_fresh lasts is_of_ca issue server_extensions check_given_files names expiry replace_shown
  echo renew
}

delete() {
  if [ ! -d "$directory" ]; then
    unchanged "no certificate is there"
    return
  fi
  systemctl disable --now --quiet "$unit.timer" 2>/dev/null || true
  rm -f "/etc/systemd/system/$unit.service" "/etc/systemd/system/$unit.timer"
  systemctl daemon-reload
  rm -f "$renew_program" "$shown"* "$directory"/ca.* "$directory/lock"
  changed "removed the certificate, and the private CA if there was one"
}
