"""The doorway itself: what a running program gets from Pulumi's configuration."""

from collections.abc import Iterator, Set

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.config import set_all_config

from components.settings import load_settings
from tests.settings.stack_file import PROJECT, SECRETS, secret_keys, stack_file


class Nothing(mocks.Mocks):
    """An engine that is asked for nothing: reading the settings makes no resource."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, str], None]:
        raise AssertionError(f"settings call {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, str]]:
        raise AssertionError(f"settings make {args.name}")


@pytest.fixture(autouse=True)
def running_stack(isolated_pulumi: None) -> Iterator[None]:
    pass
