"""The Prefect server on one host: schema, settings, service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components import postgres_host
from components.database_backups import DatabaseBackups
from components.existing_postgres import ExistingPostgres
from components.host import Host, Step
from components.platforms import SCRIPTS, HostFile, Service
from components.postgres_host import PostgresHost
from components.prefect_configuration import environment_file, secrets_file, server_secrets, server_variables
from components.prefect_runtime import PrefectRuntime

SERVICE = "prefect-server"


@dataclass(frozen=True, kw_only=True)
class PrefectServerHostArgs:
    """A Prefect server from `runtime`, on `postgres`, listening on its host's address at `port`."""

    runtime: PrefectRuntime
    postgres: PostgresHost | ExistingPostgres
    port: int
    log_level: str
    auth_string: pulumi.Input[str]
    """`user:password` that UI and API ask for."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Prefect's own settings, over the ones chosen here."""
    backups: DatabaseBackups | None = None
    """Where the database is backed up before each migration."""
    public_variables: Mapping[str, str] = field(default_factory=dict)
    """What Prefect must know of the URL under which a proxy shows it."""
    drained: Sequence[Step] = ()
    """What lets flow runs end before the server asks for another password than theirs."""
    encryption_key: pulumi.Input[str]
    """Fernet key that encrypts blocks; a later change makes stored blocks unreadable."""


class PrefectServerHost(pulumi.ComponentResource):
    """A Prefect server: migrated, behind a password, healthy."""

    host: Host
    api_url: str
    """Where workers on the same host find the API."""
    api_url_here: str
    """Where the machine that runs Pulumi finds the API."""
    ui_url: str
    auth_string: pulumi.Output[str]
    ready: pulumi.Resource
    """The server answers."""
    fingerprint: pulumi.Output[str]
    """Changes whenever the server was restarted for a change."""

    def __init__(self, name: str, args: PrefectServerHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PrefectServerHost", name, None, opts)
        runtime, database = args.runtime, args.postgres.database_from(args.runtime.host)
        host, platform = runtime.host, runtime.host.platform
        on = runtime.host.scope(self, name)
        home = platform.home(SERVICE)
        self.host = host
        self.ui_url = f"http://{host.loopback}:{args.port}"
        self.api_url = f"{self.ui_url}/api"
        self.api_url_here = f"http://127.0.0.1:{host.port_here('api', args.port)}/api"
        self.auth_string = pulumi.Output.secret(args.auth_string)

        ca = HostFile(path=on.path("configuration", f"{SERVICE}.database-ca.pem"), content="")
        variables = server_variables(
            home=home,
            ui_directory=on.path("run", "ui"),
            address=host.loopback,
            port=args.port,
            log_level=args.log_level,
            public=args.public_variables,
            settings=args.settings,
            database={
                "host": database.host,
                "port": str(database.port),
                "name": database.name,
                "user": database.user,
            },
            database_ca_file=ca.path if database.ca_certificate else "",
        )
        secret_values: pulumi.Output[dict[str, str]] = pulumi.Output.all(
            database_password=database.password,
            auth_string=self.auth_string,
            encryption_key=pulumi.Output.secret(args.encryption_key),
        )
        settings = environment_file(platform, SERVICE, variables)
        secrets = secrets_file(platform, SERVICE)
        files = [
            on.file("settings", settings),
            on.file(
                "secrets",
                secrets,
                secret_values.apply(lambda known: on.environment_file(server_secrets(**known))),
                # a server that is restarted meanwhile goes on with the password that flow runs use
                after=args.drained,
            ),
        ]
        if database.ca_certificate:
            files.append(on.file("database-authority", ca, database.ca_certificate))
        paths = (settings.path, secrets.path)
        backup = [args.backups.backup_before(runtime.version, parent=self)] if args.backups else []
        program = HostFile(
            path=on.path("runtime", "migrate.py"), content=(SCRIPTS / "templates" / "migrate.py").read_text()
        )
        migrated = on.script(
            "migration",
            "migrate-prefect-database",
            {
                "python": runtime.python,
                "program": program.path,
                "environment_files": " ".join(paths),
                "directory": home,
                "service": SERVICE,
            },
            after=[runtime.installed, *files, *backup, on.file("migration-program", program), args.postgres.ready],
        )
        service = on.service(
            "service",
            Service(
                name=SERVICE,
                description="Prefect server: API, UI and background services",
                command=(platform.current(SERVICE), "-m", "prefect", "server", "start"),
                environment=runtime.environment,
                environment_files=paths,
                user="prefect",
                working_directory=home,
                runtime_directory=on.path("run", "ui"),
                health_url=f"{self.api_url}/ready",
                requires_url=f"postgresql://{database.host}:{database.port}",
                after=(postgres_host.SERVICE,),
            ),
            reads=[runtime.installed, *files],
            after=[migrated, *args.drained],
        )
        self.ready = service.resource
        self.fingerprint = service.fingerprint
        self._database = args.postgres.cluster
        self.register_outputs({"ui_url": self.ui_url, "api_url": self.api_url, "auth_string": self.auth_string})

    def holds(self, parent: pulumi.Resource | None, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of something kept in this server: made once it answers, gone when its database is."""
        return pulumi.ResourceOptions(parent=parent, depends_on=[self.ready, *after], deleted_with=self._database)
