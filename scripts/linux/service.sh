# shellcheck shell=bash
# One service under systemd: started, restarted if what it was started from changed, healthy in the end. If that fails
# in another Python environment than before, the one before serves again.
: "${runtime:?}" "${data:?}" "${service:?}" "${environment?}" "${health_url?}" "${start_seconds:?}" "${settle_seconds:?}" "${fingerprint:?}" "${changes?}"

unit=$service.service
# gone after a reboot, as nobody recorded then what the service was started from
record=/run/prefect/$service.fingerprint

property() { systemctl show --property "$1" --value "$unit"; }

create() {
  if [ "$(property NeedDaemonReload)" = yes ]; then systemctl daemon-reload; fi
  systemctl enable --quiet "$unit"
  if was_started_from "$record" "$fingerprint" "$changes" && runs_from "$service" "$environment" && is_up; then
    unchanged "$service runs and is healthy"
    return
  fi
  local before end
  before=$(runtime_of "$service")
  rm -f "$record"
  switch_runtime "$service" "$environment"
  if ! restart; then
    end=$(journalctl --unit "$unit" --lines 20 --no-pager --output cat 2>&1)
    fail "$service was not healthy${health_url:+ at $health_url} within $start_seconds s.$(go_back_to "$before")$(full_disk) The end of its log, journalctl --unit $service:
$end"
  fi
  echo "$fingerprint $changes" >"$record"
  changed "$service started and is healthy"
}

drift() {
  enabled_drift "$unit"
  active_drift "$unit"
  runs_from "$service" "$environment" || echo "$unit: runs from $(runtime_of "$service") instead of $environment"
}

# systemd itself bounds how long stopping and starting may take
restart() {
  systemctl reset-failed "$unit" 2>/dev/null || true
  systemctl restart "$unit" && wait_until "$start_seconds" is_up && stays_up
}

# go_back_to ENVIRONMENT
go_back_to() {
  if [ -z "$1" ] || [ "$1" = "$environment" ] || [ ! -d "$1" ]; then return; fi
  switch_runtime "$service" "$1"
  if restart; then echo " It serves again from $1."; else echo " From $1 it was not healthy either."; fi
}

# Programs seldom say so clearly.
full_disk() {
  local free
  free=$(df --block-size=1M --output=avail "$data" | tail -n 1)
  [ "$free" -ge 16 ] || echo " The disk is full, $((free)) MiB are free in $data: make room there, then run pulumi up again."
}

is_up() { runs "$service" && healthy "$health_url"; }

stays_up() {
  local process
  # without an address to ask, a program that exits at once looks like one that runs
  if [ -z "$health_url" ] && [ "$settle_seconds" -lt 1 ]; then settle_seconds=1; fi
  process=$(property MainPID)
  sleep "$settle_seconds"
  is_up && [ "$process" = "$(property MainPID)" ]
}

delete() {
  rm -f "$record" "$runtime/current/$service"
  if ! systemctl cat "$unit" >/dev/null 2>&1; then
    unchanged "$service is not there"
    return
  fi
  systemctl disable --now --quiet "$unit"
  systemctl reset-failed "$unit" 2>/dev/null || true
  changed "stopped $service"
}
