# shellcheck shell=bash
# One service under supervisor: started, restarted if what it was started from changed, healthy in the end. If that fails
# in another Python environment than before, the one before serves again.
: "${root:?}" "${runtime:?}" "${service:?}" "${environment?}" "${health_url?}" "${start_seconds:?}" "${settle_seconds:?}" "${fingerprint:?}" "${changes?}"

record=$root/run/$service.fingerprint

create() {
  start_supervisor
  if was_started_from "$record" "$fingerprint" "$changes" && runs_from "$service" "$environment" && is_up; then
    unchanged "$service runs and is healthy"
    return
  fi
  local before end
  before=$(runtime_of "$service")
  rm -f "$record"
  stop_service "$service"
  switch_runtime "$service" "$environment"
  supervisorctl reread >/dev/null
  supervisorctl update "$service" >/dev/null
  if ! restart; then
    end=$(tail -n 20 "$root/log/$service.log" 2>&1)
    fail "$service was not healthy${health_url:+ at $health_url} within $start_seconds s.$(go_back_to "$before") The end of its log, $root/log/$service.log:
$end"
  fi
  echo "$health_url" >"$root/run/$service.health"
  echo "$fingerprint $changes" >"$record"
  changed "$service started and is healthy"
}

drift() {
  runs "$service" || echo "$service does not run"
  runs_from "$service" "$environment" || echo "$service: runs from $(runtime_of "$service") instead of $environment"
}

restart() {
  start_service "$service"
  wait_until "$start_seconds" is_up && stays_up
}

# go_back_to ENVIRONMENT
go_back_to() {
  if [ -z "$1" ] || [ "$1" = "$environment" ] || [ ! -d "$1" ]; then return; fi
  stop_service "$service"
  switch_runtime "$service" "$1"
  if restart; then echo " It serves again from $1."; else echo " From $1 it was not healthy either."; fi
}

is_up() { runs "$service" && healthy "$health_url"; }

stays_up() {
  local process
  process=$(supervisorctl pid "$service")
  sleep "$settle_seconds"
  is_up && [ "$process" = "$(supervisorctl pid "$service")" ]
}

delete() {
  rm -f "$record" "$root/run/$service.health" "$runtime/current/$service"
  if supervisor_runs; then
    supervisorctl stop "$service" >/dev/null 2>&1 || true
    supervisorctl remove "$service" >/dev/null 2>&1 || true
  fi
  changed "stopped $service"
}
