"""What Prefect's settings should be on a server and on a worker: pure values, no Pulumi.

Names and defaults: https://docs.prefect.io/v3/api-ref/settings-ref. Prefect silently ignores a name it does not know,
so every name below is checked against the real settings in the tests.
"""

from collections.abc import Mapping

from components.platforms import HostFile, Platform

# Nobody can answer a prompt of a service; nothing is reported to anyone.
EVERYWHERE = {
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}


def server_variables(
    *,
    home: str,
    ui_directory: str,
    address: str,
    port: int,
    log_level: str,
    database: Mapping[str, str],
    database_ca_file: str = "",
    public: Mapping[str, str],
    settings: Mapping[str, str],
) -> dict[str, str]:
    """Return the server's settings that are no secret.

    `database` has host, port, name and user; where there is a `database_ca_file`, the connection to it is encrypted and
    the database must prove who it is; `public` is what follows from the URL under which a proxy shows it, and
    `settings` is what the stack file says on top.
    """
    return {
        **EVERYWHERE,
        "PREFECT_HOME": home,
        "PREFECT_LOGGING_LEVEL": log_level,
        # at DEBUG, uvicorn logs what comes over web sockets, the password of each among it
        "PREFECT_SERVER_LOGGING_LEVEL": "INFO" if log_level == "DEBUG" else log_level,
        "PREFECT_SERVER_API_HOST": address,
        "PREFECT_SERVER_API_PORT": str(port),
        # what the browser is told; the default follows PREFECT_API_URL, which is not for browsers
        "PREFECT_SERVER_UI_API_URL": f"http://{address}:{port}/api",
        # the UI's pages are written anew at each start; their default place, the installation, is not writable
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": ui_directory,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_DATABASE_DRIVER": "postgresql+asyncpg",
        **{f"PREFECT_SERVER_DATABASE_{name.upper()}": value for name, value in database.items()},
        **(_verified_tls(database_ca_file) if database_ca_file else {}),
        # the migration is a step of its own, before the server starts
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        # else runs stay for ever; events are kept for 7 days, runs for 90, unless `settings` say otherwise
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        **public,
        **settings,
    }


def _verified_tls(ca_file: str) -> dict[str, str]:
    prefix = "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS_"
    return {f"{prefix}ENABLED": "true", f"{prefix}CA_FILE": ca_file, f"{prefix}CHECK_HOSTNAME": "true"}


def server_secrets(*, database_password: str, auth_string: str, encryption_key: str) -> dict[str, str]:
    """Return the server's secret settings.

    The encryption key is set from birth: without it Prefect keeps one in the database, beside what it protects.
    """
    return {
        "PREFECT_SERVER_DATABASE_PASSWORD": database_password,
        "PREFECT_SERVER_API_AUTH_STRING": auth_string,
        "PREFECT_SERVER_ENCRYPTION_KEY": encryption_key,
    }


def worker_variables(*, home: str, api_url: str, ca_file: str, health_port: int) -> dict[str, str]:
    """Return a worker's settings that are no secret; its flow runs inherit them. An empty `ca_file` trusts as usual."""
    return {
        **EVERYWHERE,
        "PREFECT_HOME": home,
        "PREFECT_API_URL": api_url,
        **({"PREFECT_API_SSL_CERT_FILE": ca_file} if ca_file else {}),
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": str(health_port),
    }


def worker_secrets(*, auth_string: str) -> dict[str, str]:
    """Return a worker's secret settings."""
    return {"PREFECT_API_AUTH_STRING": auth_string}


def environment_file(platform: Platform, service: str, variables: Mapping[str, str]) -> HostFile:
    """Return the environment file of a service that anyone may read."""
    return HostFile(path=platform.path("configuration", f"{service}.env"), content=platform.environment_file(variables))


def secrets_file(platform: Platform, service: str, account: str = "") -> HostFile:
    """Return the environment file of a service that only its user may read, still empty; see `Service.account`."""
    path = platform.path("configuration", f"{service}.secrets.env")
    return HostFile(path=path, content="", mode="0600", owner="prefect", service=service, account=account)
