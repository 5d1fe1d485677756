# shellcheck shell=bash
# User and directories. Removing the host sets its data aside; only `purge=true` deletes it.
: "${ports?}" "${purge:?}"

home=/var/lib/prefect/prefect
declaration=/etc/tmpfiles.d/prefect-selfhost.conf

# In the format of tmpfiles.d(5): systemd makes them now and, as /run is empty then, at every boot.
# What root writes into belongs to root, so that no service can put a link there.
directories() {
  cat <<DIRECTORIES
d /etc/prefect     0755 root    root
d /opt/prefect     0755 root    root
d /run/prefect     0755 root    root
d /var/lib/prefect 0755 root    root
d $home            0700 prefect prefect
d /var/log/prefect 0750 prefect prefect
DIRECTORIES
}

create() {
  local before
  before=$(describe)
  if ! id prefect >/dev/null 2>&1; then
    useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin prefect
  fi
  directories >"$declaration"
  systemd-tmpfiles --create "$declaration"
  echo "$ports" >/etc/prefect/ports
  if [ "$before" = "$(describe)" ]; then unchanged "user and directories are there"; else changed "made user and directories"; fi
}

drift() {
  local path mode user group
  directories | while read -r _ path mode user group; do directory_drift "$path" "$mode" "$user" "$group"; done
  [ "$(cat "$declaration" 2>/dev/null)" = "$(directories)" ] || echo "$declaration: content"
}

describe() {
  id prefect 2>/dev/null || true
  directories | awk '{print $2}' | xargs stat --format '%n %a %U %G' 2>/dev/null || true
  cat "$declaration" /etc/prefect/ports 2>/dev/null || true
}

delete() {
  local kept outcome="there was no data"
  rm -rf /etc/prefect /opt/prefect /run/prefect "$declaration"
  if [ "$purge" = true ]; then
    rm -rf /var/lib/prefect /var/log/prefect
    outcome="the data too"
  elif has_data; then
    kept=/var/lib/prefect/kept/$(date -u +%Y-%m-%dT%H-%M-%SZ)
    install -d -m 0700 /var/lib/prefect/kept "$kept"
    all_but_kept -exec mv --target-directory "$kept" {} +
    outcome="the data is kept in $kept"
  else
    all_but_kept -exec rm -rf {} +
  fi
  remove_what_is_empty
  changed "removed the directories; $outcome"
}

has_data() { [ -n "$(find /var/lib/prefect -path /var/lib/prefect/kept -prune -o -type f -print -quit 2>/dev/null)" ]; }

all_but_kept() {
  if [ -d /var/lib/prefect ]; then find /var/lib/prefect -mindepth 1 -maxdepth 1 ! -name kept "$@"; fi
}

# The user stays while files are theirs: the next user made would get the same number, and with it the files.
remove_what_is_empty() {
  rmdir /var/lib/prefect /var/log/prefect 2>/dev/null || true
  if [[ $(getent passwd prefect) == *":$home:"* ]] && [ -z "$(find /var/lib/prefect /var/log/prefect -user prefect -print -quit 2>/dev/null)" ]; then
    userdel prefect
  fi
}
