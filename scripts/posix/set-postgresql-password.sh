# shellcheck shell=bash
# The password of the role postgres, set over the socket, where the system user is proof enough.
: "${runtime:?}" "${socket_directory:?}" "${port:?}" "${password:?}"

psql=$runtime/postgresql/psql

create() {
  if PGPASSWORD=$password PGCONNECT_TIMEOUT=5 "$psql" -XAtqw -h 127.0.0.1 -p "$port" -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1; then
    unchanged "the password of the role postgres is the wished one"
    return
  fi
  cd /
  NEW_PASSWORD=$password PGCONNECT_TIMEOUT=5 as_user postgres "$psql" -Xqw -v ON_ERROR_STOP=1 -h "$socket_directory" -p "$port" -U postgres -d postgres <<'SQL'
\getenv password NEW_PASSWORD
SET log_min_error_statement = panic;
ALTER ROLE postgres PASSWORD :'password';
SQL
  changed "set the password of the role postgres"
}
