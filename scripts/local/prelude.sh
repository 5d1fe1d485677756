# shellcheck shell=bash
# What the scripts of this platform share: whom services run as, Python environments, supervisor.
: "${root:?}" "${scripts:?}"

PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
umask 022

# shellcheck disable=SC2034 # the areas of a host, for the scripts
configuration=$root/configuration data=$root/data runtime=$root/runtime run=$root/run

is_root() { [ "$(id -u)" = 0 ]; }

service_user() { if is_root; then echo prefect; else id -un; fi; }

# here one user does for all
system_user_of() { service_user; }

# as_user USER COMMAND ARGUMENT...
as_user() { as_service_user "${@:2}"; }

# make_directory_of USER PATH
make_directory_of() {
  mkdir -p "$2"
  chmod 0700 "$2"
  if is_root; then chown prefect "$2"; fi
}

as_service_user() { if is_root; then runuser -u prefect -- "$@"; else "$@"; fi; }

# Services get an environment of their own, not that of whoever ran Pulumi, and a temporary directory of their own:
# Prefect workers share /tmp/runner_storage, which belongs to whoever came first.
# (As runuser sets HOME to the user's, which is below the first host of this machine, env comes after it.)
clean_environment_as_service_user() {
  as_service_user env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME="$root/data/prefect" TMPDIR="$root/tmp" LANG=C.UTF-8 ${TZ:+TZ="$TZ"} "$@"
}

# run_with_environment USER DIRECTORY ENVIRONMENT_FILE... -- COMMAND ARGUMENT...
run_with_environment() (cd "$2" && clean_environment_as_service_user /bin/bash "$configuration/launch.sh" "${@:3}")

# Prints a Python that whoever runs the services may run too.
find_python() {
  local candidate path
  for candidate in python3 python3.13 python3.12 python3.11 python3.14 python3.10 /usr/bin/python3 /usr/local/bin/python3; do
    path=$(command -v "$candidate") || continue
    path=$("$path" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null) || continue
    if (cd / && as_service_user "$path" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 15))') 2>/dev/null; then
      echo "$path"
      return
    fi
  done
  return 1
}

supervisorctl() { "$root/runtime/supervisor/bin/supervisorctl" -c "$root/configuration/supervisord.conf" "$@"; }

supervisor_runs() { supervisorctl pid >/dev/null 2>&1; }

supervisor_stopped() { ! supervisor_runs; }

# Ends what outlived a killed or lost supervisor and would hold the ports; a supervisor first, as it would start them again.
end_orphans() {
  local place
  place=$(pattern_of "$root")
  end_processes TERM "^$place/runtime/supervisor/bin/[^ ]+ $place/runtime/supervisor/bin/supervisord "
  end_processes INT "^$place/runtime/[^ ]+ (-m prefect|-D |$place/runtime/bin/prefect-worker-)"
}

# pattern_of PATH: for pgrep
pattern_of() { echo "${1//./\\.}"; }

# end_processes SIGNAL PATTERN
end_processes() {
  command -v pgrep >/dev/null || return 0
  none_left "$2" && return
  pkill "-$1" -f "$2" || true
  wait_until 60 none_left "$2" || pkill -KILL -f "$2" || true
}

none_left() { ! pgrep -f "$1" >/dev/null; }

start_supervisor() {
  supervisor_runs && return
  wait_until 90 take_turn || fail "another start of supervisor did not end. Look for it with: pgrep -fl $root"
  if ! supervisor_runs; then
    end_orphans
    (cd / && clean_environment_as_service_user "$root/runtime/supervisor/bin/supervisord" -c "$root/configuration/supervisord.conf") \
      </dev/null >/dev/null 2>&1 || true
  fi
  wait_until 20 supervisor_runs || fail "supervisor did not start. Its log: $root/log/supervisord.log"
  rm -f "$root/run/starting"
}

# One process at a time starts supervisor; the turn of a dead one is over.
take_turn() {
  ln -s "$$" "$root/run/starting" 2>/dev/null && return
  kill -0 "$(readlink "$root/run/starting")" 2>/dev/null || rm -f "$root/run/starting"
  return 1
}

runs() { [[ $(supervisorctl status "$1" 2>/dev/null) == *RUNNING* ]]; }

stop_service() { if supervisor_runs; then supervisorctl stop "$1" >/dev/null 2>&1 || true; fi; }

start_service() { supervisorctl start "$1" >/dev/null 2>&1 || true; }

# start_service_later SERVICE: here `make up` starts what is down before anything else
start_service_later() { :; }

# end_of_log SERVICE
end_of_log() { tail -n 20 "$root/log/$1.log" 2>&1; }

stop_supervisor() {
  if supervisor_runs; then
    supervisorctl shutdown >/dev/null
    wait_until 120 supervisor_stopped || fail "supervisor did not stop within 120 s. Its log: $root/log/supervisord.log"
  fi
  end_orphans
}

requirements() { if [ -f "$runtime/requirements/$1.txt" ]; then echo "$runtime/requirements/$1.txt"; else echo "$scripts/runtime/$1.txt"; fi; }

# what an installation that was cut off may have left running
end_installation() { end_processes TERM "^$(pattern_of "$1")/bin/python -m pip "; }

# accepts_connections HOST PORT: whether PostgreSQL does
accepts_connections() { "$root/runtime/postgresql/pg_isready" --quiet --host "$1" --port "$2"; }
