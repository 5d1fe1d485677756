# shellcheck shell=bash
# A task that systemd runs at set times. Its last run, and whether it is running, do not matter here.
: "${task:?}" "${schedule:?}" "${fingerprint:?}"

create() {
  local said unit reloaded=""
  said=$(systemd-analyze calendar "$schedule" 2>&1) ||
    fail "'$schedule' is no time that systemd knows: $said. See systemd.time(7), and try one with: systemd-analyze calendar '*-*-* 02:30:00'"
  for unit in "$task.timer" "$task.service" "$task-failed.service"; do
    if [ "$(systemctl show --property NeedDaemonReload --value "$unit")" = yes ]; then reloaded=yes; fi
  done
  if [ -n "$reloaded" ]; then systemctl daemon-reload; fi
  if [ -z "$reloaded" ] && systemctl is-enabled --quiet "$task.timer" && systemctl is-active --quiet "$task.timer"; then
    unchanged "$task is scheduled for $schedule"
    return
  fi
  systemctl enable --now --quiet "$task.timer"
  changed "$task is scheduled for $schedule"
}

drift() {
  enabled_drift "$task.timer"
  active_drift "$task.timer"
}

delete() {
  if ! systemctl cat "$task.timer" >/dev/null 2>&1; then
    unchanged "$task is not scheduled"
    return
  fi
  systemctl disable --now --quiet "$task.timer"
  systemctl stop "$task.service"
  # when it last ran, as timers with Persistent= remember
  rm -f "/var/lib/systemd/timers/stamp-$task.timer"
  systemctl reset-failed "$task.service" "$task-failed.service" 2>/dev/null || true
  changed "$task is not scheduled any more"
}
