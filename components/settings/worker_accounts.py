"""Accounts of workers on Windows that others know, too: of the host, or of its domain, for what flows reach by network.

https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-service-accounts
"""

from collections.abc import Callable, Mapping, Set

import pulumi

from components.settings.secrets import SecretRule, check_secret
from components.settings.table import Problems, Table

PASSWORD_PREFIX = "workerAccountPassword-"  # noqa: S105 - a key's prefix, not a secret

_NAME = r"\w[\w.-]{0,19}"
_ACCOUNT = rf"\.\\{_NAME}|\w[\w.-]*\\{_NAME}\$?"
_RULE = (
    r"an account that logs on to Windows: DOMAIN\NAME, .\NAME for one of the host, or DOMAIN\NAME$ for a group managed "
    "service account, which has no password here"
)
_PASSWORD = SecretRule("the password of that account, one line of at most 256 characters", r"[^\r\n\0]{1,256}")


def password_key(worker: str) -> str:
    """Return the key of the password of the account of a worker."""
    return PASSWORD_PREFIX + worker


def has_password(account: str) -> bool:
    """Return whether somebody must tell the password of an account: the domain keeps that of a managed one."""
    return bool(account) and not account.endswith("$")


def read_account(worker: Table, *, on_windows: bool) -> str:
    """Return the account of a worker; empty for one of its own, as each has that is not on Windows."""
    if not on_windows:
        worker.refuse("account", "only for workers on Windows hosts; services on others have users of their own")
        return ""
    return worker.text("account", "", allowed=_RULE, example=r"CORP\svc-prefect$", pattern=f"|{_ACCOUNT}")


def account_passwords(
    accounts: Mapping[str, str], secret: Callable[[str], pulumi.Output[str]]
) -> dict[str, pulumi.Output[str]]:
    """Return the passwords of accounts that have one, by their workers; `secret` returns what stands under a key."""
    return {name: secret(password_key(name)) for name, account in accounts.items() if has_password(account)}


def check_account_passwords(
    problems: Problems, accounts: Mapping[str, str], values: Mapping[str, str], secret_keys: Set[str]
) -> None:
    """Note the passwords that are missing, of the wrong form, or without use; `accounts` has them by their workers."""
    told = {problem.key for problem in problems.found}
    unknown = {password_key(name) for name in accounts if f"workers.{name}.account" in told}
    needed = {password_key(name): account for name, account in accounts.items() if has_password(account)}
    for key in sorted(needed.keys() - unknown):
        missing = f"is missing, the password of {needed[key]}"
        check_secret(problems, key, _PASSWORD, values.get(key), is_secret=key in secret_keys, missing=missing)
    given = {key for key in values if key.startswith(PASSWORD_PREFIX)}
    for key in sorted(given - needed.keys() - unknown):
        allowed = f"only for a worker NAME with workers.NAME.account that has a password: {PASSWORD_PREFIX}NAME"
        problems.add_needless(key, "is set, but nobody uses it", allowed)
