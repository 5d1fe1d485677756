# shellcheck shell=bash
# The password of the role postgres, set over the socket, where the system user is proof enough.
: "${runtime:?}" "${socket_directory:?}" "${port:?}" "${password:?}"

psql=$runtime/postgresql/psql

create() {
  cd /
  if logs_in && is_discreet; then
    unchanged "the password of the role postgres is the wished one"
    return
  fi
  NEW_PASSWORD=$password over_socket <<'SQL'
\set password `printenv NEW_PASSWORD`
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
SET log_statement = none;
ALTER ROLE postgres SET log_min_error_statement = panic;
ALTER ROLE postgres SET log_min_duration_statement = -1;
ALTER ROLE postgres SET log_statement = none;
ALTER ROLE postgres PASSWORD :'password';
SQL
  changed "set the password of the role postgres"
}

# A cluster that does not answer is the matter of its service.
drift() {
  cd /
  over_socket <<<'SELECT 1' >/dev/null 2>&1 || return 0
  logs_in || echo "role postgres: another password"
  is_discreet || echo "role postgres: its passwords may be logged"
}

logs_in() { PGPASSWORD=$password PGCONNECT_TIMEOUT=5 "$psql" -XAtqw -h 127.0.0.1 -p "$port" -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1; }

# Pulumi sets the passwords of other roles as this one. No log may hold what it says, however slow or wrong it is.
is_discreet() {
  [ "$(over_socket <<<"SELECT rolconfig @> '{log_min_error_statement=panic,log_min_duration_statement=-1,log_statement=none}'
    FROM pg_roles WHERE rolname = 'postgres'")" = t ]
}

over_socket() {
  PGCONNECT_TIMEOUT=5 as_user postgres "$psql" -XAtqw -v ON_ERROR_STOP=1 -h "$socket_directory" -p "$port" -U postgres -d postgres
}
