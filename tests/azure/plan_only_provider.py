"""A test double of the plugin azure-native: it answers what the preview of a new stack asks, and nothing else.

It knows no Azure: it takes whatever it is given, for names and types of properties are judged by mypy and the library.
It makes nothing, and says so when it is asked to.
"""

from collections.abc import Sequence
from typing import NoReturn

import pulumi_azure_native

from toolchain.plugins.properties import UNKNOWN, Properties
from toolchain.plugins.provider import Call, Checked, Difference, Provider, ProviderError, State
from toolchain.plugins.server import serve


class PlanOnlyProvider(Provider):
    """Plans, and refuses all else."""

    name = "azure-native"
    version = "3.29.0"
    accepts_secrets = True

    def check_config(self, name: str, new: Properties) -> Checked:  # noqa: ARG002 - as for any account
        """Demand what says where things would be made."""
        missing = [(key, "is missing") for key in ("subscriptionId", "tenantId") if not new.get(key)]
        return Checked(new, missing)

    def diff_config(self, old: Properties, new: Properties) -> Difference:  # noqa: ARG002
        """Find nothing."""
        return Difference()

    def configure(self, new: Properties) -> None:
        """Contact nobody."""

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:  # noqa: ARG002
        """Take what the library has let through, of the types that it has."""
        provider, module, name = call.token.split(":")
        known = provider == self.name and hasattr(getattr(pulumi_azure_native, module, None), name)
        return Checked(new, [] if known else [("", f"{call.token} is no type of azure-native {self.version}")])

    def create(self, call: Call, new: Properties) -> State:
        """Say what the outputs would be: the inputs, and what only Azure knows."""
        if not call.preview:
            _refuse()
        identity = {"identity": {**new["identity"], "principalId": UNKNOWN}} if new.get("identity") else {}
        name = {} if "name" in new else {"name": UNKNOWN}
        return State("", {**new, **name, **identity})

    def diff(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Difference:  # noqa: ARG002
        """Refuse: nothing was ever made."""
        _refuse()

    def read(self, call: Call, state: State) -> State:  # noqa: ARG002
        """Refuse: nothing was ever made."""
        _refuse()

    def update(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Properties:  # noqa: ARG002
        """Refuse: nothing was ever made."""
        _refuse()

    def delete(self, call: Call, state: State) -> None:  # noqa: ARG002
        """Refuse: nothing was ever made."""
        _refuse()


def _refuse() -> NoReturn:
    raise ProviderError("this is a test double, which only plans: nothing can be made in Azure with it")


if __name__ == "__main__":
    serve(PlanOnlyProvider(), None)
