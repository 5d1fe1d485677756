"""Self-hosted Prefect: a database, a server, work pools, secret blocks and workers on the hosts of one stack file."""

import pulumi

from components import postgres_host
from components.azure.on_demand import make_in_azure
from components.caddy_proxy import CaddyProxy, CaddyProxyArgs
from components.database_backups import DatabaseBackups, DatabaseBackupsArgs
from components.drift import find_repairs
from components.existing_postgres import ExistingPostgres, ExistingPostgresArgs
from components.firewall import HostFirewall, HostFirewallArgs
from components.host import Host, HostArgs
from components.nginx_proxy import NginxProxy, NginxProxyArgs
from components.postgres_host import PostgresHost, PostgresHostArgs
from components.prefect_api.resources import CanaryRun
from components.prefect_objects import PrefectObjects, PrefectObjectsArgs
from components.prefect_runtime import PrefectRuntime, PrefectRuntimeArgs
from components.prefect_server_host import PrefectServerHost, PrefectServerHostArgs
from components.prefect_worker_host import (
    PrefectWorkerHost,
    PrefectWorkerHostArgs,
    drain_before_another_password,
)
from components.public_url import public_url_variables
from components.secret_blocks import SecretBlocks, SecretBlocksArgs
from components.settings import NginxSettings, load_settings, ssh_private_key
from components.work_pool import WorkPool, WorkPoolArgs

config = pulumi.Config()
settings, secrets = load_settings(config)
repairs = find_repairs(settings.hosts, ssh_private_key(config)) if settings.drift else {}

azure = make_in_azure(settings, secrets)

hosts = {
    host.name: Host(
        host.name,
        HostArgs(
            settings=host,
            purpose=settings.purpose(host),
            ssh_private_key=secrets.ssh_private_key,
            purge_on_destroy=settings.purge_on_destroy,
            after=azure.hosts.get(host.name, ()) if azure else (),
            machine=azure.machines.get(host.name) if azure else None,
            repairs=repairs,
        ),
    )
    for host in settings.hosts
    if host.is_used
}

postgres = (
    ExistingPostgres(
        "postgres",
        ExistingPostgresArgs(
            settings=settings.postgres.existing,
            port=settings.postgres.port,
            admin_password=secrets.database_admin_password,
            password=secrets.database_password,
            reached_through=hosts.get(settings.postgres.existing.reached_through),
            after=azure.database if azure else (),
            protect=settings.protect,
            purge_on_destroy=settings.purge_on_destroy,
        ),
    )
    if settings.postgres.existing
    else PostgresHost(
        "postgres",
        PostgresHostArgs(
            host=hosts[settings.postgres.host],
            port=settings.postgres.port,
            max_connections=settings.postgres.max_connections,
            version=settings.postgres.version,
            apt_source=settings.postgres.apt_source,
            clients=settings.database_clients,
            monitoring_from=settings.postgres.monitoring_from,
            monitoring_password=secrets.database_monitoring_password,
            memory_mib=settings.postgres.memory_mib,
            memory_share=settings.database_memory_share,
            settings=dict(settings.postgres.settings),
            protect=settings.protect,
            admin_password=secrets.database_admin_password,
            password=secrets.database_password,
        ),
    )
)

backups = (
    DatabaseBackups(
        "backups",
        DatabaseBackupsArgs(
            host=hosts[settings.postgres.host],
            settings=settings.backups,
            connection=postgres.by_socket,
            ready=[postgres.ready, *(azure.backups if azure else ())],
            database_service=postgres_host.SERVICE,
            copy_environment=secrets.backup_copy_environment,
            alert_webhook=secrets.backup_alert_webhook,
            protect=settings.protect,
            purge_on_destroy=settings.purge_on_destroy,
        ),
    )
    if settings.backups and isinstance(postgres, PostgresHost)
    else None
)

runtimes = {
    host.name: PrefectRuntime(
        f"{host.name}-prefect",
        PrefectRuntimeArgs(
            host=hosts[host.name],
            version=settings.server.version,
            wheel_directory=settings.wheel_directory(host),
            docker=host.name in settings.docker_hosts,
        ),
    )
    for host in settings.hosts
    if host.name in settings.prefect_hosts
}

drained = {
    worker.name: drain_before_another_password(worker, runtimes[worker.host], secrets.auth_string)
    for worker in settings.workers
}

server = PrefectServerHost(
    "server",
    PrefectServerHostArgs(
        runtime=runtimes[settings.server.hosts[0]],
        postgres=postgres,
        port=settings.server.port,
        log_level=settings.server.log_level,
        settings=settings.server.settings,
        backups=backups,
        public_variables=public_url_variables(settings.proxy) if settings.proxy else {},
        auth_string=secrets.auth_string,
        drained=[*drained.values()],
        encryption_key=secrets.encryption_key,
    ),
)

proxy = (
    NginxProxy(
        "proxy",
        NginxProxyArgs(
            host=hosts[settings.server.hosts[0]],
            settings=settings.proxy,
            upstream_port=settings.server.port,
            tls_certificate=secrets.tls_certificate,
            tls_private_key=secrets.tls_private_key,
        ),
    )
    if isinstance(settings.proxy, NginxSettings)
    else CaddyProxy(
        "proxy",
        CaddyProxyArgs(
            host=hosts[settings.server.hosts[0]],
            settings=settings.proxy,
            upstream_port=settings.server.port,
            tls_certificate=secrets.tls_certificate,
            tls_private_key=secrets.tls_private_key,
        ),
    )
    if settings.proxy
    else None
)

for host in settings.firewalled_hosts:
    HostFirewall(
        f"{host.name}-firewall",
        HostFirewallArgs(
            host=hosts[host.name],
            ssh_port=host.port,
            openings=settings.openings(host),
        ),
    )

pools = {
    pool.name: WorkPool(
        f"pool-{pool.name}",
        WorkPoolArgs(
            server=server, settings=pool, is_served=any(worker.work_pool == pool.name for worker in settings.workers)
        ),
    )
    for pool in settings.work_pools
}

blocks = SecretBlocks("secrets", SecretBlocksArgs(server=server, values=secrets.secret_blocks))

if settings.objects or settings.deployments:
    PrefectObjects(
        "objects",
        PrefectObjectsArgs(
            server=server,
            settings=settings.objects,
            secret_fields=secrets.secret_fields,
            pools=pools,
            deployments=settings.deployments,
            secrets=[blocks],
        ),
    )

workers = {
    worker.name: PrefectWorkerHost(
        f"worker-{worker.name}",
        PrefectWorkerHostArgs(
            settings=worker,
            runtime=runtimes[worker.host],
            server=server,
            drained=drained[worker.name],
            proxy=proxy,
            account_password=secrets.worker_account_passwords.get(worker.name),
            pool=pools[worker.work_pool],
        ),
    )
    for worker in settings.workers
}

canaries = {
    pool.name: CanaryRun(
        f"canary-{pool.name}",
        api_url=server.api_url_here,
        work_pool=pool.name,
        path=members[0].flows_directory,
        entrypoint="canary.py:canary",
        # an image may have to be pulled first
        timeout_seconds=900 if pool.runs_containers else 180,
        triggers=[server.fingerprint, *(worker.fingerprint for worker in members)],
        opts=server.holds(None, *(worker.ready for worker in members)),
    )
    for pool in settings.work_pools
    if (members := [worker for worker in workers.values() if worker.pool_name == pool.name])
}

pulumi.export("uiUrl", proxy.public_url if proxy else server.ui_url)
pulumi.export("apiUrl", proxy.api_url if proxy else server.api_url)
pulumi.export("authString", server.auth_string)
pulumi.export("workPools", sorted(pools))
pulumi.export("versions", {"prefect": settings.server.version, "postgresql": postgres.version})
if proxy:
    pulumi.export("certificateExpiry", proxy.certificate_expiry)
    pulumi.export("caCertificate", proxy.ca_certificate)
pulumi.export("canaryRuns", {pool: canary.state for pool, canary in canaries.items()})
