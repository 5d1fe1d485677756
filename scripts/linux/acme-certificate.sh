# shellcheck shell=bash
# A certificate from an ACME authority, by certbot, https://eff-certbot.readthedocs.io; its timer renews it, and then
# has the certificate that nginx shows replaced.
: "${host:?}" "${email:?}" "${authority?}"

# certbot's own directory, where nginx looks for its answers; it may read there under SELinux too
challenges=/var/lib/letsencrypt
lineage=prefect-selfhost
chain=/etc/letsencrypt/live/$lineage/fullchain.pem
renewal=/etc/letsencrypt/renewal/$lineage.conf

create() {
  local before after
  install_certbot
  install -d "$challenges"
  before=$(sha256sum "$chain" 2>/dev/null || true)
  request
  enable_timer
  after=$(sha256sum "$chain")
  if [ "$before" = "$after" ]; then
    unchanged "the certificate for $host is there"
  else
    changed "got a certificate for $host"
  fi
}

drift() { [ -f "$renewal" ] || echo "$renewal: missing"; }

install_certbot() {
  command -v certbot >/dev/null && return
  if ! command -v apt-get >/dev/null && ! rpm --query --quiet epel-release; then
    fail "certbot is not among this distribution's own packages. Allow those of EPEL, then run pulumi up again: dnf install epel-release"
  fi
  install_package certbot certbot
}

# Asks nobody while the certificate that is there is for this name, of this authority, and good for 30 days.
request() {
  local said options=(--keep-until-expiring --renew-with-new-domains)
  if [ -n "$authority" ]; then options+=(--server "$authority"); fi
  if [ -f "$renewal" ] && ! is_of_authority; then options+=(--force-renewal); fi
  said=$(timeout 300 certbot certonly --non-interactive --agree-tos --email "$email" --webroot --webroot-path "$challenges" \
    --domain "$host" --cert-name "$lineage" --key-type ecdsa --deploy-hook "systemctl start prefect-certificate || true" \
    "${options[@]}" 2>&1) ||
    fail "the ACME authority gave no certificate for $host. It must find this host at http://$host, port 80, from outside: see to the name's address and to firewalls. More is in /var/log/letsencrypt/letsencrypt.log.
$(tail -n 20 <<<"$said")"
}

is_of_authority() { grep --quiet --line-regexp --fixed-strings "server = ${authority:-https://acme-v02.api.letsencrypt.org/directory}" "$renewal"; }

enable_timer() {
  local timer
  for timer in certbot.timer certbot-renew.timer snap.certbot.renew.timer; do
    if systemctl cat "$timer" >/dev/null 2>&1; then
      systemctl enable --now --quiet "$timer"
      return
    fi
  done
  fail "certbot is installed without a timer, so nobody would renew the certificate. Install certbot from the distribution's package."
}

# Other certificates of this host, and certbot itself, stay.
delete() {
  if [ ! -f "$renewal" ]; then
    unchanged "no certificate of an ACME authority is there"
    return
  fi
  certbot delete --non-interactive --cert-name "$lineage" >/dev/null 2>&1
  changed "removed the certificate of the ACME authority"
}
