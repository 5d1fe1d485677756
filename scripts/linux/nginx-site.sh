# shellcheck shell=bash
# One configuration file of nginx: tested before it is put in place, then shown; the former one is kept if that fails.
: "${candidate:?}" "${server_name:?}" "${port:?}" "${certificate?}"

installed=/etc/nginx/conf.d/${candidate##*/}

create() {
  local former="" outcome
  [ ! -f "$installed" ] || former=$(cat "$installed")
  if [ -n "$former" ] && [ "$former" = "$(adapted)" ] && systemctl is-active --quiet nginx && is_shown; then
    unchanged "nginx shows $server_name at port $port"
    return
  fi
  test_candidate
  adapted >"$installed.new"
  mv "$installed.new" "$installed"
  if ! outcome=$(show 2>&1); then
    take_back "$former"
    fail "nginx does not show $server_name at port $port. $(reason)
$outcome
The former configuration is back in place. Mend this, then run pulumi up again."
  fi
  changed "nginx shows $server_name at port $port"
}

drift() {
  active_drift nginx.service
  systemctl is-active --quiet nginx || return 0
  [ "$(adapted)" = "$(cat "$installed" 2>/dev/null)" ] || echo "$installed: content"
  is_shown || echo "nginx does not show $server_name at port $port"
}

# The candidate in the words of this host's nginx, and without IPv6 where the kernel has none.
adapted() {
  local version rules=()
  version=$(nginx -v 2>&1 | sed 's|.*nginx/\([0-9.]*\).*|\1|')
  if [ "$(printf '%s\n' 1.25.1 "$version" | sort --version-sort | head -n 1)" = 1.25.1 ]; then
    rules+=(--expression 's/^\( *\)\(listen [0-9]* ssl\) http2;/\1\2;\n\1http2 on;/' --expression 's/ ssl http2;/ ssl;/')
  fi
  [ -e /proc/net/if_inet6 ] || rules+=(--expression '/listen \[::\]/d')
  sed --expression '' "${rules[@]}" "$candidate"
}

# Only the test sees the candidate in place: in a mount namespace of its own.
test_candidate() {
  local adapted said here=yes
  adapted=$(mktemp)
  adapted >"$adapted"
  [ -e "$installed" ] || { here="" && touch "$installed"; }
  # shellcheck disable=SC2016 # the inner shell expands them
  said=$(unshare --mount sh -c 'mount --bind "$1" "$2" && nginx -t' test "$adapted" "$installed" 2>&1) || {
    [ -n "$here" ] || rm -f "$installed"
    rm -f "$adapted"
    fail "nginx refuses its configuration, so all was left as it was. If another site is at fault, mend that, then run pulumi up again.
$said"
  }
  [ -n "$here" ] || rm -f "$installed"
  rm -f "$adapted"
  if grep --quiet --fixed-strings "conflicting server name \"$server_name\"" <<<"$said"; then
    fail "another site of this nginx is for $server_name already. Remove it (grep -r '$server_name' /etc/nginx shows where), or choose another nginx.publicUrl.
$said"
  fi
}

show() {
  local before
  if systemctl is-active --quiet nginx; then
    before=$(workers)
    systemctl reload nginx
    # it reloads some time after it was told to, and goes on as before if it cannot
    wait_until 15 has_new_worker "$before" || return
  else
    systemctl restart nginx
  fi
  wait_until 15 is_shown
}

workers() {
  local main
  main=$(systemctl show --property MainPID --value nginx)
  tr ' ' '\n' <"/proc/$main/task/$main/children" | sort
}

# has_new_worker BEFORE
has_new_worker() { [ -n "$(comm -13 <(echo "$1") <(workers))" ]; }

is_shown() {
  [[ $(listener) == *'("nginx"'* ]] || return 1
  [ -z "$certificate" ] || [ "$(fingerprint <"$certificate")" = "$(shown_certificate)" ]
}

listener() { ss --no-header --listening --tcp --numeric --processes "sport = :$port"; }

shown_certificate() {
  local asked=(-servername "$server_name")
  # clients do not say which address they ask for
  if [[ $server_name =~ ^[0-9.]+$ || $server_name == \[* ]]; then asked=(-noservername); fi
  timeout 5 openssl s_client -connect "127.0.0.1:$port" "${asked[@]}" </dev/null 2>/dev/null | fingerprint
}

fingerprint() { openssl x509 -noout -fingerprint -sha256 2>/dev/null || true; }

reason() {
  local program="another program"
  if [[ $(listener) =~ \(\(\"([^\"]+)\" ]]; then program=${BASH_REMATCH[1]}; fi
  case $program in
    nginx) echo "Another site of this nginx answers there first, or nginx did not take the new configuration." ;;
    *) echo "The port is taken by $program, or nginx cannot listen there." ;;
  esac
  journalctl --unit nginx --lines 5 --no-pager --output cat 2>&1
  tail -n 5 /var/log/nginx/error.log 2>/dev/null || true
}

# take_back FORMER: nothing if there was none
take_back() {
  if [ -n "$1" ]; then echo "$1" >"$installed"; else rm -f "$installed"; fi
  systemctl reload nginx 2>/dev/null || true
}

delete() {
  if [ ! -f "$installed" ]; then
    unchanged "$installed is not there"
    return
  fi
  rm -f "$installed"
  if systemctl is-active --quiet nginx && nginx -t -q 2>/dev/null; then systemctl reload nginx; fi
  changed "removed $installed"
}
