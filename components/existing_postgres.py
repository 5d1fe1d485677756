"""The Prefect database in a PostgreSQL server that is there already, such as a managed one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_postgresql as postgresql

from components.host import Host
from components.postgres_host import NAME, Database
from components.settings.hosts import CHECKOUT
from components.settings.postgres import ExistingPostgres as ExistingPostgresSettings


@dataclass(frozen=True, kw_only=True)
class ExistingPostgresArgs:
    """A server that the hosts of Prefect servers reach by its address, and so does the machine which runs Pulumi."""

    settings: ExistingPostgresSettings
    port: int
    admin_password: pulumi.Input[str]
    """Of the role `settings.admin_user`."""
    password: pulumi.Input[str]
    """Of the role that owns the Prefect database."""
    reached_through: Host | None = None
    """The host through which alone Pulumi reaches the server; None if it does so directly."""
    after: Sequence[pulumi.Resource] = ()
    """What there must be first: the server itself, where the stack makes it."""
    protect: bool = False
    """Whether Pulumi refuses to remove the database."""
    purge_on_destroy: bool = False
    """Whether removing this drops database and role; otherwise they stay, and `pulumi import` takes them back."""


class ExistingPostgres(pulumi.ComponentResource):
    """The Prefect database and its owner, who may make the extension pg_trgm, as the migration does."""

    database: Database
    """The Prefect database; use it after `ready`."""

    cluster: pulumi.Resource
    """What holds the data: whatever lives in the database goes with it."""

    ready: pulumi.Resource
    """The last thing made: role and database are there."""

    version: str
    """Not known beforehand: the migration refuses a server that is too old."""

    def __init__(self, name: str, args: ExistingPostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:ExistingPostgres", name, None, opts)
        existing, through = args.settings, args.reached_through
        connection = postgresql.Provider(
            f"{name}-connection",
            host="127.0.0.1" if through else existing.address,
            port=through.port_here("database", args.port, existing.address) if through else args.port,
            username=existing.admin_user,
            password=args.admin_password,
            # managed servers give nobody else more
            superuser=False,
            sslmode=_ssl_mode(existing),
            sslrootcert=_authority_here(existing.ca_certificate) if existing.ca_certificate else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        inside = pulumi.ResourceOptions(
            parent=self,
            provider=connection,
            protect=args.protect,
            retain_on_delete=not args.purge_on_destroy,
            # a tunnel leads through a host that answers
            depends_on=[*args.after, *(through.ready if through else [])],
        )
        role = postgresql.Role(f"{name}-role", name=NAME, login=True, password=args.password, opts=inside)
        self.cluster = self.ready = postgresql.Database(f"{name}-database", name=NAME, owner=role.name, opts=inside)
        self.database = Database(
            host=existing.address,
            port=args.port,
            name=NAME,
            user=NAME,
            password=pulumi.Output.secret(args.password),
            ca_certificate=pulumi.Output.from_input(existing.ca_certificate) if existing.ca_certificate else None,
        )
        self.version = "existing"
        self.register_outputs({"version": self.version})

    def database_from(self, host: Host) -> Database:  # noqa: ARG002 - the same from everywhere
        """Return the Prefect database as any host finds it."""
        return self.database


def _ssl_mode(existing: ExistingPostgresSettings) -> str:
    if not existing.ca_certificate:
        return "disable"
    # no certificate is for a port of this machine; up to the host behind it, SSH has verified the way
    return "verify-ca" if existing.reached_through else "verify-full"


def _authority_here(certificate: str) -> str:
    """Return the path, on this machine, of a file with the certificate: the provider reads no text."""
    file = Path(CHECKOUT, ".local", "authorities", f"{pulumi.get_stack()}-postgres.pem")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(certificate)
    return str(file)
