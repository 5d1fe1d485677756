"""What a Linux machine is told at its first boot, as cloud-init reads it."""

import json


def user_data(private_key: str, public_key: str) -> str:
    """Return user data that makes these the machine's only SSH host key.

    cloud-init writes keys, https://cloudinit.readthedocs.io/en/latest/reference/modules.html#ssh, before sshd starts:
    at no time does another key answer. JSON is YAML too.
    """
    told = {
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": private_key, "ed25519_public": public_key},
        "disable_root": True,
        "ssh_pwauth": False,
    }
    return f"#cloud-config\n{json.dumps(told, indent=2)}\n"
