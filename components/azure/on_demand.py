"""The one way into what needs pulumi-azure-native: nobody else imports it, and no stack without `azure` loads it."""

from typing import TYPE_CHECKING

import pulumi

from components.settings import Secrets, Settings

if TYPE_CHECKING:
    from components.azure.topology import Made


def make_in_azure(settings: Settings, secrets: Secrets) -> "Made | None":
    """Make what the stack file wants in Azure; None if it wants nothing there.

    Raises:
        pulumi.RunError: the library for Azure is not installed.
    """
    if settings.azure is None:
        return None
    try:
        from components.azure.topology import AzureTopology, AzureTopologyArgs  # noqa: PLC0415 - large, and seldom used
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("pulumi_azure_native"):
            raise
        raise pulumi.RunError(
            f"Pulumi.{settings.stack}.yaml has `azure`, but the library for it, pulumi-azure-native, is not installed: "
            "it is large, so only stacks that use it get it. make installs it (`make preview STACK="
            f"{settings.stack}`), and so does: pip install --no-compile -r components/azure/requirements.txt"
        ) from None
    return AzureTopology("azure", AzureTopologyArgs(settings=settings, azure=settings.azure, secrets=secrets)).made
