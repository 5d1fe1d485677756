"""Who can reach what: nothing without a password, nothing in clear beyond a host's loopback, no host unproven."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from policies.resources import Resource, Secret
from policies.steps import Script, WrittenFile, step

LISTENING = {"PREFECT_SERVER_API_HOST": "server.settings", "PREFECT_WORKER_WEBSERVER_HOST": "the worker's settings"}
STACK = "pulumi:pulumi:Stack"


def encrypted_and_authenticated(resource: Resource) -> Iterator[str]:
    """Require TLS and a password wherever a service listens beyond loopback or is talked to."""
    yield from _clear_urls(resource)
    yield from _database_connection(resource)
    done = step(resource)
    if not isinstance(done, WrittenFile) or done.content is None:
        return
    for name, setting in LISTENING.items():
        address = done.variables.get(name)
        if address is not None and not is_loopback(address):
            yield (
                f"{name}={address} shows it to the network in clear text, password and all. Remove {name} from "
                f"{setting}: it then listens on loopback, and nginx shows the server by HTTPS (nginx.publicUrl)."
            )
    if done.path.endswith("pg_hba.conf"):
        yield from _database_access(done.content)
    if "listen_addresses" in done.content:
        yield from _database_listening(done.content)
    if "proxy_pass " in done.content and not re.search(r"^\s*ssl_certificate\s", done.content, re.MULTILINE):
        yield (
            f"{done.path} lets nginx show the server by plain HTTP: whoever is on the way reads every password. "
            "Set nginx.certificate (privateCa needs nothing else) so that the site is shown by HTTPS."
        )


def servers_have_a_password(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Require a password of every Prefect server: its component writes an environment file that is secret."""
    for resource in resources:
        done = step(resource)
        if not isinstance(done, WrittenFile) or "PREFECT_SERVER_API_PORT" not in done.variables:
            continue
        siblings = [other for other in resources if other.parent == resource.parent]
        if not any(isinstance(other.inputs.get("stdin"), Secret) or _asks(other) for other in siblings):
            yield (
                resource,
                "starts a server without PREFECT_SERVER_API_AUTH_STRING: whoever reaches its port may run code on the "
                "workers. Set it: pulumi config set --secret authString",
            )


def private_ports_are_closed(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Require that no firewall opens to everybody the database, the server behind its proxy, or a worker's health."""
    steps = [(resource, step(resource)) for resource in resources]
    given = {port: key for _, done in steps if isinstance(done, Script) for key, port in done.ports.items()}
    private = {port: key for port, key in given.items() if not key.startswith(("nginx.", "caddy."))}
    for resource, done in steps:
        for port in _opened_in_azure(resource) & {*private, "22", "5432", "*"}:
            yield (
                resource,
                f"opens port {port} to every address, so that whoever scans Azure knocks there. Say from where: "
                "azure.sshFrom for SSH, firewall.allow for the rest.",
            )
        for opening in done.openings if isinstance(done, WrittenFile) else ():
            port = opening.port
            if port in private and opening.is_public:
                yield (
                    resource,
                    f"opens port {port} ({private[port]}) to every address, but nothing that listens there is for the "
                    f'public. In firewall.allow say from where: "{port}/tcp from 10.0.0.9".',
                )


def ssh_host_keys_are_pinned(resource: Resource) -> Iterator[str]:
    """Require a host key of every host that is reached by SSH, else anybody on the way can pose as the host."""
    if resource.type == STACK:
        hosts = _table(resource.inputs.get("prefect-selfhost:hosts"))
        yield from (
            _unpinned(name)
            for name, host in hosts.items()
            # the key of a machine that the stack makes follows from its seed
            if host.get("platform") != "local" and not host.get("hostKey") and "azure" not in host
        )
        return
    connection = resource.inputs.get("connection")
    for hop in (connection, connection.get("proxy")) if isinstance(connection, dict) else ():
        if isinstance(hop, dict) and not hop.get("hostKey"):
            yield _unpinned(str(hop.get("host")))


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this host's own loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _asks(resource: Resource) -> bool:
    done = step(resource)
    return isinstance(done, WrittenFile) and bool(done.variables.get("PREFECT_SERVER_API_AUTH_STRING"))


def _unpinned(host: str) -> str:
    return (
        f"has no host key for {host}: anybody on the way could pose as it and be handed every secret. Set its "
        "hostKey to what `ssh-keyscan -t ed25519 ADDRESS` shows, compared with the provider's console."
    )


def _clear_urls(resource: Resource) -> Iterator[str]:
    done = step(resource)
    variables = done.variables if isinstance(done, WrittenFile) else {}
    for url in (resource.inputs.get("api_url"), variables.get("PREFECT_API_URL")):
        if isinstance(url, str) and url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
            yield (
                f"talks to {url} in clear text, with the password in each request. Put nginx before the server "
                "(nginx.publicUrl) and use its https address."
            )


def _database_connection(resource: Resource) -> Iterator[str]:
    if resource.type != "pulumi:providers:postgresql":
        return
    host, mode = resource.inputs.get("host"), resource.inputs.get("sslmode")
    if isinstance(host, str) and not is_loopback(host) and mode not in ("require", "verify-ca", "verify-full"):
        yield (
            f"connects to PostgreSQL at {host} with sslmode={mode}, so the administrator's password may be read "
            "on the way. Set postgres.caCertificate: the server must then prove itself by TLS (verify-full)."
        )


def _database_access(hba: str) -> Iterator[str]:
    for line in hba.splitlines():
        kind, _, role, address, *how = [*line.split(), "", "", "", ""][:6]
        if kind.startswith("#") or not kind.startswith("host"):
            continue
        network = ipaddress.ip_network(address, strict=False)
        if "trust" in how:
            yield (
                f"lets {role} into the database from {address} without a password (method trust). Make the method "
                "scram-sha-256."
            )
        if kind != "hostssl" and not network.is_loopback:
            yield f"lets {role} into the database from {address} without TLS ({kind}). Begin the line with hostssl."
        if network.prefixlen == 0:
            yield (
                f"lets {role} try passwords from every address ({address}). Name the networks: "
                "postgres.monitoringFrom, or the addresses of the servers' hosts."
            )


def _database_listening(configuration: str) -> Iterator[str]:
    addresses = re.search(r"^listen_addresses\s*=\s*'?([^'\n]*)'?", configuration, re.MULTILINE)
    encrypted = re.search(r"^ssl\s*=\s*'?(on|true|yes)\b", configuration, re.MULTILINE)
    beyond = [host.strip() for host in addresses[1].split(",")] if addresses else []
    beyond = [host for host in beyond if host and not is_loopback(host)]
    if beyond and not encrypted:
        yield (
            f"lets PostgreSQL listen on {', '.join(beyond)} with ssl off. Leave listen_addresses and ssl to the "
            "program: it listens where servers come from, with TLS."
        )


def _opened_in_azure(resource: Resource) -> set[str]:
    """Return the ports that a network security group opens to everybody."""
    if resource.type != "azure-native:network:NetworkSecurityGroup":
        return set()
    found = (rule for rule in resource.inputs.get("securityRules", ()) if rule.get("access") == "Allow")
    sources = ((rule, [rule.get("sourceAddressPrefix"), *rule.get("sourceAddressPrefixes", ())]) for rule in found)
    return {
        str(rule.get("destinationPortRange"))
        for rule, among in sources
        if any(source in {"*", "Internet", "0.0.0.0/0", "::/0"} for source in among)
    }


def _table(value: Any) -> dict[str, dict[str, Any]]:
    return {} if isinstance(value, Secret) or not isinstance(value, dict) else value
