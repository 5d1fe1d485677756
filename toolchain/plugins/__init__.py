"""Stand-ins for the two Pulumi plugins that no package registry serves.

`pulumi-resource-command` and `pulumi-resource-postgresql` are published only where Pulumi hosts them, out of
reach for networks with nothing but package mirrors. These stand-ins speak the same protocol and follow the
real plugins for the resources this project uses; `tests/plugins` runs one suite against either.
"""
