"""Machines, a network and managed services of Microsoft Azure, for the rest of the stack to use as any others.

`topology` and what it is made of need the library pulumi-azure-native, which is large: nothing imports them but a stack
that has `azure`. `names`, `host_keys`, `cloud_init` and `security_rules` are pure and need it not.
"""
