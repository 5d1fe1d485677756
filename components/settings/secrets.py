"""What the secret values of a stack file must look like. No message says what a value is."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from components.prefect_api import blocks
from components.settings.table import Problems

SECRET_BLOCK_PREFIX = "secretBlock-"  # noqa: S105 - a key's prefix, not a secret

_PASSWORD = r"[!#%-&(-\[\]-~]{12,}"  # noqa: S105 - a pattern: printable ASCII that no file or shell takes for more
_PASSWORD_RULE = "at least 12 printable ASCII characters, no blanks and none of ' \" \\ $"  # noqa: S105 - a rule


@dataclass(frozen=True)
class SecretRule:
    """What a secret must be: in words, as a pattern, and as a command that prints one (nothing: Pulumi asks for it)."""

    allowed: str
    pattern: str
    example: str = ""


_DATABASE_PASSWORD = SecretRule(_PASSWORD_RULE, _PASSWORD, "openssl rand -hex 20")

REQUIRED_SECRETS = {
    "databasePassword": _DATABASE_PASSWORD,
    "databaseAdminPassword": _DATABASE_PASSWORD,
    "authString": SecretRule(
        f"user:password, the password of {_PASSWORD_RULE}",
        rf"[A-Za-z0-9._@-]+:{_PASSWORD}",
        "openssl rand -hex 20 | sed 's/^/admin:/'",
    ),
    "encryptionKey": SecretRule(
        "a Fernet key: 32 random bytes in URL-safe base64",
        "[A-Za-z0-9_-]{43}=",
        "openssl rand -base64 32 | tr '+/' '-_'",
    ),
}
_PEM = r"(?s)\s*-----BEGIN [A-Z ]+-----\n.+\n-----END [A-Z ]+-----\s*"
OPTIONAL_SECRETS = {
    "sshPrivateKey": SecretRule(
        "a private key as ssh-keygen writes it",
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----\n.+",
        "cat ~/.ssh/id_ed25519",
    ),
    "tlsCertificate": SecretRule("certificates in PEM, the server's first", _PEM, "cat fullchain.pem"),
    "tlsPrivateKey": SecretRule("a private key in PEM", _PEM, "cat privkey.pem"),
    "backupCopyEnvironment": SecretRule(
        "lines NAME=value, among them RESTIC_PASSWORD with at least 12 characters",
        r"(?=(.*\n)*RESTIC_PASSWORD=.{12})([A-Z_][A-Z0-9_]*=.+(\n|$))+",
    ),
    "databaseMonitoringPassword": _DATABASE_PASSWORD,
    "sshHostKeySeed": SecretRule("32 random bytes as hexadecimal digits", "[0-9a-f]{64}", "openssl rand -hex 32"),
    "backupAlertWebhook": SecretRule("an http or https URL without quotes and backslashes", r"https?://[^\s'\"\\]+"),
}
_SECRET_BLOCK = SecretRule("any text that is not blank", r"(?s).*\S.*")


def secret_block_names(keys: Set[str]) -> tuple[str, ...]:
    """Return the names of the Prefect blocks whose values stand under `secretBlock-NAME`."""
    return tuple(sorted(key.removeprefix(SECRET_BLOCK_PREFIX) for key in keys if key.startswith(SECRET_BLOCK_PREFIX)))


def check_secrets(problems: Problems, values: Mapping[str, str], secret_keys: Set[str]) -> None:
    """Note every secret that is missing, in clear text or of the wrong form, and every bad name of a block."""
    optional = {key: rule for key, rule in OPTIONAL_SECRETS.items() if key in values}
    for key, rule in {**REQUIRED_SECRETS, **optional}.items():
        check_secret(problems, key, rule, values.get(key), is_secret=key in secret_keys)
    for name in secret_block_names(values.keys()):
        key = SECRET_BLOCK_PREFIX + name
        if blocks.name_problem(name):
            problems.add_needless(key, "is no block name", "lower-case letters, digits and hyphens after the prefix")
        else:
            check_secret(problems, key, _SECRET_BLOCK, values[key], is_secret=key in secret_keys)


def check_secret(
    problems: Problems, key: str, rule: SecretRule, value: str | None, *, is_secret: bool, missing: str = "is missing"
) -> None:
    """Note a secret that is `missing`, in clear text or of the wrong form."""
    if not value:
        problems.add_secret(key, missing, rule.allowed, rule.example)
    elif not is_secret:
        # the same value: another encryption key would make the blocks unreadable
        same = f"pulumi config get --stack {problems.stack} {key}"
        problems.add_secret(key, "stands in the stack file in clear text", "a secret", same)
    elif not re.fullmatch(rule.pattern, value):
        problems.add_secret(key, "is a secret of the wrong form", rule.allowed, rule.example)
