"""One Prefect worker as a service on one host."""

from dataclasses import dataclass

import pulumi

from components import postgres_host, prefect_server_host
from components.host import HostScope, Step
from components.https_proxy import HttpsProxy
from components.platforms import HostFile, Platform
from components.prefect_configuration import environment_file, secrets_file, worker_secrets, worker_variables
from components.prefect_runtime import PrefectRuntime
from components.prefect_server_host import PrefectServerHost
from components.prefect_worker_service import unit_name, worker_program, worker_service
from components.settings import WorkerSettings
from components.settings.worker_accounts import password_key
from components.work_pool import WorkPool


@dataclass(frozen=True, kw_only=True)
class PrefectWorkerHostArgs:
    """A worker of the stack file, from `runtime`, that polls `pool` of `server`."""

    settings: WorkerSettings
    runtime: PrefectRuntime
    server: PrefectServerHost
    drained: Step
    """Flow runs that use another password have ended; it compares the file of secrets, which is written after it."""
    proxy: HttpsProxy | None = None
    """Through which workers on other hosts than the server's come; None where they need none."""
    account_password: pulumi.Input[str] | None = None
    """Of the account that it logs on as; None for one that has none."""
    pool: WorkPool


def drain_before_another_password(
    worker: WorkerSettings, runtime: PrefectRuntime, auth_string: pulumi.Input[str]
) -> Step:
    """Let the flow runs of a worker that use another password than `auth_string` end, before the server forgets it."""
    platform, unit = runtime.host.platform, unit_name(worker.name)
    settings: dict[str, pulumi.Input[str]] = {
        "service": unit,
        "secrets_file": secrets_file(platform, unit).path,
        "secrets": _secrets(platform, auth_string).apply(str.rstrip),
    }
    return runtime.host.scope(runtime, f"worker-{worker.name}").script("drain", "drain-worker", settings)


def _secrets(platform: Platform, auth_string: pulumi.Input[str]) -> pulumi.Output[str]:
    secret = pulumi.Output.secret(auth_string)
    return secret.apply(lambda known: platform.environment_file(worker_secrets(auth_string=known)))


def _account(on: HostScope, args: PrefectWorkerHostArgs) -> list[Step]:
    """See that the account that a worker logs on as may do so, before anything is stopped; nothing if it is its own."""
    worker = args.settings
    if not worker.account:
        return []
    settings: dict[str, pulumi.Input[str]] = {
        "account": worker.account,
        "password": args.account_password or "",
        "password_key": password_key(worker.name),
    }
    return [on.script("account", "service-account", settings)]


class PrefectWorkerHost(pulumi.ComponentResource):
    """A worker: running, polling its work pool, answering for its health on loopback."""

    ready: pulumi.Resource
    """The worker polls."""
    fingerprint: pulumi.Output[str]
    """Changes whenever the worker was restarted for a change."""
    pool_name: str
    flows_directory: str
    """Where the canary flow stands on the host."""

    def __init__(self, name: str, args: PrefectWorkerHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PrefectWorkerHost", name, None, opts)
        worker, runtime = args.settings, args.runtime
        platform = runtime.host.platform
        on = runtime.host.scope(self, name)
        unit = unit_name(worker.name)
        home = platform.home(unit)
        proxy = args.proxy if runtime.host is not args.server.host else None
        api_url = proxy.api_url if proxy else args.server.api_url
        ca = (
            HostFile(path=on.path("configuration", "flows", f"{unit}.ca.pem"), content="")
            if proxy and proxy.has_private_ca
            else None
        )

        settings = environment_file(
            platform,
            unit,
            worker_variables(home=home, api_url=api_url, ca_file=ca.path if ca else "", health_port=worker.health_port),
        )
        secrets = secrets_file(platform, unit, worker.account)
        account = _account(on, args)
        files = [
            on.file("program", worker_program(platform, worker.name)),
            on.file("settings", settings),
            on.file("secrets", secrets, _secrets(platform, args.server.auth_string), after=[args.drained, *account]),
        ]
        if proxy and ca:
            files.append(on.file("certificate-authority", ca, proxy.ca_certificate))
        service = on.service(
            "service",
            worker_service(
                platform,
                worker,
                pool_type=args.pool.type,
                api_url=api_url,
                environment=runtime.environment,
                environment_files=(settings.path, secrets.path),
                after=(postgres_host.SERVICE, prefect_server_host.SERVICE),
            ),
            # Windows takes another password of an account at the next start only
            reads=[runtime.installed, *files, *account],
            account_password=args.account_password,
            after=[
                runtime.flow,
                *runtime.engine,
                args.server.ready,
                *([proxy.ready] if proxy else []),
                args.pool.ready,
            ],
        )
        self.ready = service.resource
        self.fingerprint = service.fingerprint
        self.pool_name = args.pool.pool_name
        self.flows_directory = runtime.flows_directory
        self.register_outputs({"flows_directory": self.flows_directory})
