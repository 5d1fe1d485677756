# shellcheck shell=bash
# The directory of backups, which belongs to `user` alone, and the program that copies them off this host.
# Removing this keeps the backups; only `purge=true` deletes them.
: "${user:?}" "${directory:?}" "${copies:?}" "${purge:?}" "${data:?}"

state=$data/backups

create() {
  local before
  before=$(describe)
  if ! id "$user" >/dev/null 2>&1; then
    useradd --system --user-group --home-dir "/var/lib/$user" --no-create-home --shell /usr/sbin/nologin "$user"
  fi
  if [ -d "$directory" ] && [ "$(stat --format %U "$directory")" != "$user" ] && [ -n "$(ls --almost-all "$directory")" ]; then
    fail "$directory holds what is not of $user. Choose a directory of its own: pulumi config set --path backups.directory $directory/prefect"
  fi
  make_directory_of "$user" "$directory"
  install -d -m 0755 -o "$user" -g "$(id -gn "$user")" "$state"
  make_directory_of "$user" "$state/locks"
  make_directory_of "$user" "$state/cache"
  if [ "$copies" = true ]; then install_package restic restic; fi
  if [ "$before" = "$(describe)" ]; then unchanged "backups have their place in $directory"; else changed "made place for backups in $directory"; fi
}

drift() {
  local group place
  group=$(id -gn "$user" 2>/dev/null) || group=$user
  for place in "$directory" "$state/locks" "$state/cache"; do directory_drift "$place" 0700 "$user" "$group"; done
  directory_drift "$state" 0755 "$user" "$group"
  [ "$copies" != true ] || [ -n "$(package_version restic restic)" ] || echo "restic: not installed"
}

describe() {
  stat --format '%n %a %U' "$directory" "$state" "$state"/* 2>/dev/null || true
  package_version restic restic || true
}

delete() {
  local kept="the backups are kept in $directory"
  rm -rf "$state"
  if [ "$purge" = true ]; then
    rm -rf "$directory"
    kept="the backups too"
  fi
  changed "removed what made backups; $kept"
}
