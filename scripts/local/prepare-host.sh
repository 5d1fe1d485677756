# shellcheck shell=bash
# Users, directories and supervisor. Removing the host sets its data aside; only `purge=true` deletes it.
: "${root:?}" "${ports?}" "${purge:?}"

create() {
  local before
  before=$(describe)
  if is_root && ! id prefect >/dev/null 2>&1; then
    useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin prefect
  fi
  make_directories
  install_environment "$root/runtime/supervisor" supervisor
  echo "$ports" >"$root/run/ports"
  if [ "$before" = "$(describe)" ]; then unchanged "user, directories and supervisor are there"; else changed "prepared $root"; fi
}

make_directories() {
  local place
  mkdir -p "$root"/{configuration/services,runtime}
  for place in data data/prefect log run tmp; do
    mkdir -p "$root/$place"
    chmod 0700 "$root/$place"
    if is_root; then chown prefect "$root/$place"; fi
  done
}

drift() {
  local place
  for place in configuration/services data/prefect log run tmp; do
    [ -d "$root/$place" ] || echo "$root/$place: missing"
  done
  environment_drift "$root/runtime/supervisor" supervisor
}

describe() {
  find "$root" -maxdepth 2 -type d -print -o -name .complete -print 2>/dev/null | sort || true
  cat "$root/run/ports" 2>/dev/null || true
}

delete() {
  [ -d "$root" ] || { unchanged "$root is not there" && return; }
  stop_supervisor
  rm -rf "$root"/{configuration,runtime,log,run,tmp}
  if [ "$purge" = true ]; then
    rm -rf "$root"
    changed "removed $root with its data"
  elif [ -d "$root/data/postgresql" ]; then
    local kept
    kept=$root/kept/$(date -u +%Y-%m-%dT%H-%M-%SZ)
    mkdir -p "$root/kept"
    chmod 0700 "$root/kept"
    mv "$root/data" "$kept"
    changed "stopped; the data is kept in $kept"
  else
    rm -rf "$root/data"
    rmdir "$root" 2>/dev/null || true
    changed "removed $root; there was no data"
  fi
}
