#!/bin/bash
# Becomes a service: launch.sh ENVIRONMENT_FILE... -- PROGRAM ARGUMENT...
# Environment files hold NAME=value lines, taken literally: nothing in them is run.
set -euo pipefail
while [ "$1" != -- ]; do
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    export "${line?}"
  done <"$1"
  shift
done
shift
exec "$@"
