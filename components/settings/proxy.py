"""The reverse proxy in front of the Prefect servers of a stack: nginx on Linux, Caddy on Windows."""

from components.settings.caddy import CaddySettings, read_caddy
from components.settings.hosts import HostSettings
from components.settings.nginx import NginxSettings, read_nginx
from components.settings.table import Table

ProxySettings = NginxSettings | CaddySettings


def read_proxy(nginx: Table, caddy: Table, servers: tuple[HostSettings, ...]) -> ProxySettings | None:
    """Return what shows the servers by HTTPS: always on Linux, on Windows where somebody asked for it, nowhere else."""
    wanted = any(host.platform == "linux" for host in servers) or not nginx.is_empty
    shown = read_caddy(caddy, servers)
    return read_nginx(nginx, servers) if wanted else shown
