"""A PostgreSQL cluster made by hand on a test host: in the places where this project has its own, of Debian's packages.

It has the Prefect database with three of its tables, and a unit `prefect-server` that does what matters to a database:
it is connected.
"""

from tests.hosts.debian_host import DebianHost

REVISION = "7e5b9c1d2f34"

_INSTALL = """
set -eu
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/prefect-selfhost.conf
apt-get update --quiet --quiet
apt-get install --quiet --quiet --yes --no-install-recommends postgresql >/dev/null
install -d /opt/prefect /etc/prefect/postgresql /var/lib/prefect
ln -s /usr/lib/postgresql/*/bin /opt/prefect/postgresql
install -d -m 0700 -o postgres -g postgres /var/lib/prefect/postgresql
runuser -u postgres -- /opt/prefect/postgresql/initdb --pgdata /var/lib/prefect/postgresql --username postgres \
    --encoding UTF8 --locale C --no-sync >/dev/null
cat >/etc/prefect/postgresql/postgresql.conf <<'CONF'
data_directory = '/var/lib/prefect/postgresql'
hba_file = '/etc/prefect/postgresql/pg_hba.conf'
ident_file = '/etc/prefect/postgresql/pg_ident.conf'
listen_addresses = '*'
unix_socket_directories = '/run/prefect/postgresql'
fsync = off
CONF
cat >/etc/prefect/postgresql/pg_hba.conf <<'CONF'
local all     postgres       peer map=administrator
local prefect prefect_backup peer map=administrator
host  prefect prefect        samenet trust
host  prefect prefect        127.0.0.1/32 trust
host  all     cloud_admin    samenet scram-sha-256
host  prefect prefect_backup samenet scram-sha-256
CONF
cat >/etc/prefect/postgresql/pg_ident.conf <<'CONF'
administrator postgres postgres
administrator postgres prefect_backup
CONF
cat >/etc/systemd/system/prefect-postgresql.service <<'UNIT'
[Service]
Type=notify
User=postgres
RuntimeDirectory=prefect/postgresql
ExecStart=/opt/prefect/postgresql/postgres -D /etc/prefect/postgresql
KillSignal=SIGINT
UNIT
cat >/etc/systemd/system/prefect-server.service <<'UNIT'
[Unit]
After=prefect-postgresql.service
[Service]
User=nobody
Environment=PGHOST=127.0.0.1 PGUSER=prefect PGDATABASE=prefect PGAPPNAME=prefect-server
ExecStart=/bin/sh -c 'tail -f /dev/null | /opt/prefect/postgresql/psql --no-psqlrc'
Restart=always
RestartSec=1
UNIT
systemctl daemon-reload
systemctl start prefect-postgresql
"""
_ROLES = """
CREATE ROLE prefect LOGIN;
CREATE ROLE prefect_backup LOGIN IN ROLE pg_read_all_data;
CREATE DATABASE prefect OWNER prefect;
-- what a provider of databases gives instead of a superuser
CREATE ROLE cloud_admin LOGIN CREATEDB CREATEROLE IN ROLE prefect, pg_signal_backend;
REVOKE CONNECT ON DATABASE prefect FROM PUBLIC;
GRANT CONNECT ON DATABASE prefect TO prefect_backup;
ALTER DATABASE prefect SET timezone = 'UTC';
ALTER ROLE prefect IN DATABASE prefect SET search_path = "$user", public;
"""
_TABLES = """
CREATE EXTENSION pg_trgm;
SET ROLE prefect;
CREATE TABLE alembic_version (version_num text PRIMARY KEY);
INSERT INTO alembic_version VALUES ('7e5b9c1d2f34');
CREATE TABLE flow_run (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO flow_run (name) SELECT 'run ' || number FROM generate_series(1, 1000) AS number;
CREATE INDEX ON flow_run USING gin (name gin_trgm_ops);
CREATE TABLE work_pool (name text PRIMARY KEY);
INSERT INTO work_pool VALUES ('default');
CREATE TABLE block_document (id serial PRIMARY KEY, name text, data bytea);
"""


def install_postgresql(host: DebianHost) -> None:
    """Install PostgreSQL and start a cluster with the roles, and the database without a table."""
    host.run(_INSTALL, timeout=400)
    sql(host, _ROLES, database="postgres")


def make_tables(host: DebianHost) -> None:
    """Do what Prefect's migrations do."""
    sql(host, _TABLES)


def sql(host: DebianHost, statements: str, *, database: str = "prefect") -> str:
    """Run statements as the administrator and return the values that they gave."""
    psql = "runuser -u postgres -- /opt/prefect/postgresql/psql -XAtq -v ON_ERROR_STOP=1 -h /run/prefect/postgresql"
    return host.run(f"cd / && {psql} -d {database} <<'STATEMENTS'\n{statements}\nSTATEMENTS").stdout.strip()
