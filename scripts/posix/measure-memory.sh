# shellcheck shell=bash
# Tells how much memory this host, or the container that it is, has. It is asked once: what is computed from the answer is
# to stay the same.

create() {
  local memory limit
  if [ -r /proc/meminfo ]; then
    memory=$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)
  else
    memory=$(($(sysctl -n hw.memsize) / 1048576))
  fi
  # https://docs.kernel.org/admin-guide/cgroup-v2.html: of the container; there is none on a machine of its own
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [ "$limit" != max ] && [ $((limit / 1048576)) -lt "$memory" ]; then memory=$((limit / 1048576)); fi
  unchanged "memory_mib=$memory"
}
