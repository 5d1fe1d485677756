# shellcheck shell=bash
# One service under supervisor: started, restarted if what it was started from changed, healthy in the end.
: "${root:?}" "${service:?}" "${health_url?}" "${start_seconds:?}" "${settle_seconds:?}" "${fingerprint:?}"

record=$root/run/$service.fingerprint

runs() { [[ $(supervisorctl status "$service" 2>/dev/null) == *RUNNING* ]]; }

create() {
  start_supervisor
  if [ "$(cat "$record" 2>/dev/null)" = "$fingerprint" ] && runs && healthy "$health_url"; then
    unchanged "$service runs and is healthy"
    return
  fi
  rm -f "$record"
  supervisorctl stop "$service" >/dev/null 2>&1 || true
  supervisorctl reread >/dev/null
  supervisorctl update "$service" >/dev/null
  supervisorctl start "$service" >/dev/null 2>&1 || true
  { wait_until "$start_seconds" is_up && stays_up; } || fail "$service was not healthy${health_url:+ at $health_url} within $start_seconds s. The end of its log, $root/log/$service.log:
$(tail -n 20 "$root/log/$service.log" 2>&1)"
  echo "$health_url" >"$root/run/$service.health"
  echo "$fingerprint" >"$record"
  changed "$service started and is healthy"
}

is_up() { runs && healthy "$health_url"; }

stays_up() {
  local process
  process=$(supervisorctl pid "$service")
  sleep "$settle_seconds"
  is_up && [ "$process" = "$(supervisorctl pid "$service")" ]
}

delete() {
  rm -f "$record" "$root/run/$service.health"
  if supervisor_runs; then
    supervisorctl stop "$service" >/dev/null 2>&1 || true
    supervisorctl remove "$service" >/dev/null 2>&1 || true
  fi
  changed "stopped $service"
}
