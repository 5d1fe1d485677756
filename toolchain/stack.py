"""Makes a stack ready to be brought up: creates it, and generates the secrets that it lacks."""

import base64
import json
import os
import secrets
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from toolchain import interrupted_creations, pulumi_plugins, stale_lock
from toolchain.errors import ToolchainError
from toolchain.layout import Layout
from toolchain.process import say
from toolchain.pulumi_command import failed, pulumi

LENGTH = 40
"""Characters of a generated password: 238 bits of chance."""
ENCRYPTION_KEY = "encryptionKey"
DEV = "dev"


def password() -> str:
    """Generate a password of letters and digits, which no shell, URL or configuration file has to quote."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


def fernet_key() -> str:
    """Generate a Fernet key: 32 random bytes, in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


GENERATED: dict[str, Callable[[], str]] = {
    "databasePassword": password,
    "databaseAdminPassword": password,
    "authString": lambda: f"admin:{password()}",
    ENCRYPTION_KEY: fernet_key,
}
GENERATED_FOR_AZURE: dict[str, Callable[[], str]] = {"sshHostKeySeed": lambda: secrets.token_hex(32)}
EXAMPLE = "secretBlock-example"
"""A secret block to look at, for the first stack of a newcomer."""


def main() -> int:
    """Accept the name of a stack; returns the exit status. An expected error is told in one line."""
    layout = Layout(Path(__file__).resolve().parent.parent)
    try:
        if "azure" in make_ready(sys.argv[1]):
            home = os.environ.get("PULUMI_HOME", str(layout.pulumi_home))
            pulumi_plugins.check_azure(layout, Path(home), os.environ)
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    except FileNotFoundError:
        say('error: pulumi is not on PATH. Run make, or first: eval "$(make -s env)"')
        return 1
    return 0


def make_ready(stack: str) -> set[str]:
    """Create a stack unless it exists, and set each generated secret that it lacks; returns the keys that it had.

    Raises ToolchainError if the encryption key is missing although the stack is deployed, or if Pulumi fails.
    """
    if stale_lock.release(stack, os.environ):
        interrupted_creations.settle(stack, os.environ)
    keys = configured(stack)
    if keys is None:
        create(stack)
        keys = configured(stack) or set()
    generated = {**GENERATED, **(GENERATED_FOR_AZURE if "azure" in keys else {})}
    missing = [key for key in generated if key not in keys]
    if ENCRYPTION_KEY in missing and deployed(stack):
        raise ToolchainError(
            f"stack {stack} is deployed, but its configuration has no {ENCRYPTION_KEY}, and a new one could not "
            "read the blocks that are stored. Put the stack's file back as it was, or set the key: "
            f"pulumi config set --secret {ENCRYPTION_KEY} --stack {stack}"
        )
    if stack == DEV and missing == list(GENERATED):
        missing.insert(0, EXAMPLE)  # first, so that an interrupted run that has set any other has set it
    for key in missing:
        set_secret(stack, key, generated.get(key, password)())
    if missing:
        say(f"Secrets of stack {stack} generated and stored encrypted: {', '.join(missing)}")
    return keys


def configured(stack: str) -> set[str] | None:
    """Tell the keys of the stack's configuration, without the project's name; None if there is no such stack."""
    result = pulumi("config", "--json", "--non-interactive", "--stack", stack)
    if result.returncode != 0:
        if "no stack named" in result.stderr:
            return None
        raise failed(f"the configuration of stack {stack} cannot be read", result)
    told = json.loads(result.stdout).items()
    # a key that the stack file leaves out is told with its default; tables have empty ones
    return {key.partition(":")[2] for key, entry in told if entry.get("value") != "{}"}


def create(stack: str) -> None:
    """Create and select a stack; Pulumi asks what it has to know, such as the passphrase of a user's own backend."""
    command = ["pulumi", "stack", "init", stack]
    if subprocess.run(command, check=False).returncode != 0:
        raise ToolchainError(
            f"stack {stack} cannot be created, for the reason above. If its file Pulumi.{stack}.yaml is left from a "
            "state that is gone, and nothing of it is deployed, remove that file."
        )


def deployed(stack: str) -> bool:
    """Tell whether anything of the stack exists."""
    result = pulumi("stack", "export", "--stack", stack)
    if result.returncode != 0:
        raise failed(f"the state of stack {stack} cannot be read", result)
    return bool(json.loads(result.stdout)["deployment"].get("resources"))


def set_secret(stack: str, key: str, value: str) -> None:
    """Set a secret of the configuration; it travels on standard input."""
    result = pulumi("config", "set", "--secret", key, "--stack", stack, standard_input=value)
    if result.returncode != 0:
        raise failed(f"{key} of stack {stack} cannot be set", result)


if __name__ == "__main__":
    sys.exit(main())
