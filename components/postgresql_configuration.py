"""What PostgreSQL's configuration files should say: pure text, no Pulumi."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClusterLayout:
    """Where a cluster's files stand, and the address it listens on."""

    data_directory: str
    access_file: str
    identity_file: str
    socket_directory: str
    address: str
    port: int


def postgresql_conf(layout: ClusterLayout, max_connections: int) -> str:
    """Return postgresql.conf, https://www.postgresql.org/docs/current/runtime-config.html."""
    settings = {
        "data_directory": _quoted(layout.data_directory),
        "hba_file": _quoted(layout.access_file),
        "ident_file": _quoted(layout.identity_file),
        "listen_addresses": _quoted(layout.address),
        "port": str(layout.port),
        "unix_socket_directories": _quoted(layout.socket_directory),
        "unix_socket_permissions": "0700",
        "max_connections": str(max_connections),
        "password_encryption": "scram-sha-256",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %q%u@%d '",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def pg_hba_conf(role: str, database: str, address: str) -> str:
    """Return pg_hba.conf, https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: nobody else gets in.

    The administrator comes by socket as a known system user or with a password; `role` only with a password.
    """
    return "".join(
        f"{kind:<6} {of:<10} {who:<10} {where:<14} {method}\n"
        for kind, of, who, where, method in (
            ("# type", "database", "user", "address", "method"),
            ("local", "all", "postgres", "", "peer map=administrator"),
            ("host", "all", "postgres", f"{address}/32", "scram-sha-256"),
            ("host", database, role, f"{address}/32", "scram-sha-256"),
        )
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
