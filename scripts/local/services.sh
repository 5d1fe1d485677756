# shellcheck shell=bash
# All services of this host at once: `create` starts them after a stop or a reboot, `delete` stops them and keeps everything.
: "${root:?}"

create() {
  local file
  if [ ! -f "$root/configuration/supervisord.conf" ] || [ ! -f "$root/runtime/supervisor/.complete" ]; then
    unchanged "nothing is installed yet"
    return
  fi
  if all_run; then
    unchanged "the services run"
    return
  fi
  start_supervisor
  supervisorctl start all >/dev/null 2>&1 || true
  for file in "$root"/run/*.health; do
    [ -f "$file" ] || continue
    wait_until 120 healthy "$(cat "$file")" ||
      fail "$(basename "$file" .health) was not healthy at $(cat "$file") within 120 s. Its log: $root/log/$(basename "$file" .health).log"
  done
  changed "started the services"
}

all_run() {
  local status
  supervisor_runs || return 1
  status=$(supervisorctl status || true)
  ! grep -qv RUNNING <<<"$status"
}

delete() {
  if [ ! -f "$root/runtime/supervisor/.complete" ] || ! supervisor_runs; then
    unchanged "no service runs"
    return
  fi
  stop_supervisor
  changed "stopped the services; their data is in $root/data"
}
