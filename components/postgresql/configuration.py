"""What postgresql.conf should say: pure text.

https://www.postgresql.org/docs/current/runtime-config.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from components.postgresql import catalogue

RESTART_NOTE = "# a change restarts PostgreSQL"

_FIXED = "nothing: it is part of how the cluster is set up"
_BY_ADDRESSES = "nothing: it follows from the hosts' addresses"
OWNED: dict[str, str] = {
    "listen_addresses": _BY_ADDRESSES,
    "port": "set by postgres.port",
    "max_connections": "set by postgres.maxConnections",
    **dict.fromkeys(("ssl", "ssl_cert_file", "ssl_key_file", "ssl_min_protocol_version"), _BY_ADDRESSES),
    **dict.fromkeys(("data_directory", "hba_file", "ident_file", "config_file", "external_pid_file"), _FIXED),
    **dict.fromkeys(("unix_socket_directories", "unix_socket_permissions", "unix_socket_group"), _FIXED),
    "password_encryption": "nothing: it is always scram-sha-256",
}
"""Settings that a stack file cannot override, in lower case, with what is allowed in their place."""


@dataclass(frozen=True, kw_only=True)
class ClusterLayout:
    """Where a cluster's files stand, and what it listens on."""

    data_directory: str
    access_file: str
    identity_file: str
    socket_directory: str
    addresses: tuple[str, ...]
    """Of the host: loopback, and the one by which other hosts reach it."""
    port: int
    certificate_file: str | None = None
    """Certificate and private key in PEM; None for a cluster that does not speak TLS."""


def postgresql_conf(layout: ClusterLayout, max_connections: int, settings: Mapping[str, str]) -> str:
    """Return postgresql.conf: how the cluster is set up, then `settings`, none of which is in `OWNED`.

    Each line whose change needs a restart says so, so that a preview's difference shows it.
    """
    lines = {**_layout_settings(layout), "max_connections": str(max_connections), **settings}
    return "".join(_line(name, value) for name, value in lines.items())


def _layout_settings(layout: ClusterLayout) -> dict[str, str]:
    settings = {
        "data_directory": layout.data_directory,
        "hba_file": layout.access_file,
        "ident_file": layout.identity_file,
        "listen_addresses": ", ".join(layout.addresses),
        "port": str(layout.port),
        "unix_socket_directories": layout.socket_directory,
        # who may connect is said in pg_hba.conf, by system user
        "unix_socket_permissions": "0777",
        "password_encryption": "scram-sha-256",
    }
    if layout.certificate_file is None:
        return settings
    return {
        **settings,
        "ssl": "on",
        "ssl_cert_file": layout.certificate_file,
        "ssl_key_file": layout.certificate_file,
        "ssl_min_protocol_version": "TLSv1.2",
    }


def _line(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"{name} = '{quoted}'{_note(name)}\n"


def _note(name: str) -> str:
    setting = catalogue.find(name)
    if setting is None or setting.restart_last is None:
        return ""
    until = f" up to version {setting.restart_last}" if setting.restart_last < setting.last else ""
    return f"  {RESTART_NOTE}{until}"
