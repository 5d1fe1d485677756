# shellcheck shell=bash
# nginx from the distribution, started at every boot. Which sites it shows is no matter of this script.
: "${directory:?}"

# what nginx was told when it was installed for Prefect; absent where it was there before
birth=$directory/nginx-at-birth

create() {
  local before
  before=$(package_version nginx nginx)
  install_package nginx nginx
  install_package openssl openssl
  install -d "$directory"
  if [ -z "$before" ] && [ ! -f "$birth" ]; then configuration >"$birth"; fi
  let_nginx_connect
  if [ -n "$before" ] && systemctl is-enabled --quiet nginx; then
    unchanged "nginx $before is installed"
  else
    systemctl enable --quiet nginx
    changed "nginx $(package_version nginx nginx) is installed and starts at boot"
  fi
}

drift() {
  if [ -n "$(package_version nginx nginx)" ]; then enabled_drift nginx.service; else echo "nginx: not installed"; fi
}

# SELinux keeps nginx from connecting to a Prefect server unless told otherwise.
let_nginx_connect() {
  if command -v selinuxenabled >/dev/null && selinuxenabled && getsebool httpd_can_network_connect | grep -q 'off$'; then
    setsebool -P httpd_can_network_connect on
  fi
}

configuration() { nginx -T 2>/dev/null | sha256sum; }

# The package stays. nginx goes on if it was there before Prefect, or was told of other sites since.
delete() {
  if [ -f "$birth" ] && [ "$(configuration)" = "$(cat "$birth")" ]; then
    systemctl disable --now --quiet nginx
    rm "$birth"
    changed "stopped nginx, which nobody else uses"
  else
    rm -f "$birth"
    unchanged "nginx goes on for others"
  fi
}
