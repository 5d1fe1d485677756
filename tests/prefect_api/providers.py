"""Providers as the engine would make them: out of their serialized form, configured from a stack's config."""

from typing import TypeVar

from pulumi.dynamic import Config, ConfigureRequest

from components.prefect_api.provider import PrefectProvider

Provider = TypeVar("Provider", bound=PrefectProvider)


def configured(kind: type[Provider], auth_string: str | None) -> Provider:
    """Make a provider with the credentials that the stack's config would hold."""
    provider = kind()
    config = {} if auth_string is None else {"prefect-selfhost:authString": auth_string}
    provider.configure(ConfigureRequest(Config(config, "prefect-selfhost")))
    return provider
