"""Starts the policy pack, as Pulumi does for `--policy-pack policies`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    from pulumi_policy import PolicyPack
except ModuleNotFoundError:
    sys.exit("error: the policy pack needs the library pulumi-policy in an environment of its own: make policypack")

from policies.pack import NAME, policies

PolicyPack(NAME, policies())
