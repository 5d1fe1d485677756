"""What a stack file says, as frozen values."""

from components.settings.azure import AzureSettings
from components.settings.hosts import HostSettings
from components.settings.loading import (
    SECTIONS,
    SWITCHES,
    Secrets,
    Settings,
    load_settings,
    parse_settings,
    ssh_private_key,
)
from components.settings.nginx import NginxSettings
from components.settings.postgres import PostgresSettings
from components.settings.prefect_objects import PrefectObjects
from components.settings.server import ServerSettings, supported_versions
from components.settings.workers import WorkerSettings, WorkPoolSettings, WorkQueueSettings

__all__ = [
    "SECTIONS",
    "SWITCHES",
    "AzureSettings",
    "HostSettings",
    "NginxSettings",
    "PostgresSettings",
    "PrefectObjects",
    "Secrets",
    "ServerSettings",
    "Settings",
    "WorkPoolSettings",
    "WorkQueueSettings",
    "WorkerSettings",
    "load_settings",
    "parse_settings",
    "ssh_private_key",
    "supported_versions",
]
