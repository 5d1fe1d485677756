"""How everything in Azure is called: what it is, the stack's own name, and which one it is.

The words for what it is are Microsoft's,
https://learn.microsoft.com/en-us/azure/cloud-adoption-framework/ready/azure-best-practices/resource-abbreviations
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rg", "vnet", "snet", "nsg", "ng", "nic", "pip", "vm", "osdisk", "psql", "kv"]

DOMAIN = "cloudapp.azure.com"
"""Of the names of public addresses, in Azure's public cloud."""
DATABASE_DOMAIN = "postgres.database.azure.com"
"""Of the names of PostgreSQL servers, there."""


@dataclass(frozen=True)
class Names:
    """The names of one stack: `vm-NAME-server-1`, `rg-NAME`; a storage account's has no hyphens."""

    name: str
    """Lower-case letters, digits and hyphens, at most 18 characters. Names of databases, vaults, storage accounts and
    public addresses are in use all over Azure by somebody, so that this one has to be the stack's own."""

    def of(self, kind: Kind, which: str = "") -> str:
        """Return the name of the one thing of a `kind`, or of `which` of them."""
        return "-".join(part for part in (kind, self.name, which) if part)

    @property
    def storage_account(self) -> str:
        """At most 24 letters and digits, by Azure's rule."""
        return f"st{self.name.replace('-', '')}"

    def domain_label(self, host: str) -> str:
        """Return the first part of the name of a host's public address."""
        return f"{self.name}-{host}"

    def public_name(self, host: str, location: str) -> str:
        """Return the name of a host's public address, known before the address is."""
        return f"{self.domain_label(host)}.{location}.{DOMAIN}"

    @property
    def database_address(self) -> str:
        """The name of the PostgreSQL server, for which its certificate is too."""
        return f"{self.of('psql')}.{DATABASE_DOMAIN}"

    @property
    def database_zone(self) -> str:
        """The private DNS zone in which the network finds it; by Azure's rule not the server's own name."""
        return f"{self.name}.private.{DATABASE_DOMAIN}"
