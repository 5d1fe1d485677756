# shellcheck shell=bash
# Lets the flow runs of a worker end before the API asks for another password: they go on using the one that they began
# with, and the server knows one at a time. The worker takes no more of them; it starts again with the new password.
: "${service:?}" "${secrets_file:?}" "${secrets:?}"

create() {
  if ! runs "$service" || reads "$secrets"; then
    unchanged "no flow run of $service uses another password"
    return
  fi
  stop_service "$service"
  start_service_later "$service"
  changed "the flow runs of $service have ended; it starts again after the server"
}

# The shell itself compares: no command line may hold the password.
reads() { [ "$(cat "$secrets_file")" = "$1" ]; }
