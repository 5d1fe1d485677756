"""The Prefect database in a PostgreSQL server that is there already, such as a managed one."""

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
    """A server that the machine which runs Pulumi and the hosts of Prefect servers all reach by one address."""

    settings: ExistingPostgresSettings
    port: int
    admin_password: pulumi.Input[str]
    """Of the role `settings.admin_user`."""
    password: pulumi.Input[str]
    """Of the role that owns the Prefect database."""
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
        existing = args.settings
        connection = postgresql.Provider(
            f"{name}-connection",
            host=existing.address,
            port=args.port,
            username=existing.admin_user,
            password=args.admin_password,
            # managed servers give nobody else more
            superuser=False,
            sslmode="verify-full" if existing.ca_certificate else "disable",
            sslrootcert=_authority_here(existing.ca_certificate) if existing.ca_certificate else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        inside = pulumi.ResourceOptions(
            parent=self, provider=connection, protect=args.protect, retain_on_delete=not args.purge_on_destroy
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


def _authority_here(certificate: str) -> str:
    """Return the path, on this machine, of a file with the certificate: the provider reads no text."""
    file = Path(CHECKOUT, ".local", "authorities", f"{pulumi.get_stack()}-postgres.pem")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(certificate)
    return str(file)
