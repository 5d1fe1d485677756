"""Accounts that workers on Windows log on as, and the secrets that belong to them."""

from typing import Any

import pytest

from tests.settings.stack_file import parsed, problems, stack_file
from tests.settings.test_windows_hosts import LINUX, WINDOWS

KEY = "workers.etl.account"
PASSWORD = "workerAccountPassword-etl"


def on_windows(account: Any = None, **secrets: Any) -> dict[str, str]:
    worker = {} if account is None else {"account": account}
    return stack_file(hosts={"win": WINDOWS}, workers={"etl": worker}, **secrets)


def accounts(values: dict[str, str]) -> list[str]:
    return [worker.account for worker in parsed(values).workers]


def test_a_worker_has_an_account_of_its_own() -> None:
    assert accounts(on_windows()) == [""]


@pytest.mark.parametrize("account", ["CORP\\svc-prefect$", "corp.example.com\\gmsa_1$"])
def test_a_managed_account_has_no_password(account: str) -> None:
    assert accounts(on_windows(account)) == [account]


@pytest.mark.parametrize("account", ["CORP\\svc-prefect", ".\\svc-prefect", "corp.example.com\\o.brien"])
@pytest.mark.parametrize("password", ["x", "two words, \"quotes\" and '$HOME'", "pässwörter"])
def test_any_other_has_one(account: str, password: str) -> None:
    assert accounts(on_windows(account, **{PASSWORD: password})) == [account]


@pytest.mark.parametrize(
    "account",
    [
        *("svc-prefect", "svc@corp.example.com", "CORP/svc", "CORP\\", "\\svc", "CORP\\a\\b", "CORP\\two words"),
        *(".\\managed$", "NT AUTHORITY\\SYSTEM", "LocalSystem", "CORP\\" + "x" * 21, "CORP\\svc$$", 5, ["CORP\\svc$"]),
    ],
)
@pytest.mark.parametrize("secrets", [{}, {PASSWORD: "given"}])
def test_anything_else_is_told_alone_with_one_that_is_good(account: Any, secrets: dict[str, str]) -> None:
    found = problems(on_windows(account, **secrets))
    assert list(found) == [KEY]
    assert found[KEY].given == f"is {account!r}"
    assert found[KEY].command == f"pulumi config set --stack dev --path {KEY} 'CORP\\svc-prefect$'"


def test_a_password_that_is_missing_is_told_with_the_command_that_asks_for_it() -> None:
    found = problems(on_windows("CORP\\svc"))
    assert list(found) == [PASSWORD]
    assert found[PASSWORD].given == "is missing, the password of CORP\\svc"
    assert found[PASSWORD].command == f"pulumi config set --stack dev --secret {PASSWORD}"


@pytest.mark.parametrize("account", [None, "CORP\\managed$"])
def test_a_password_that_nobody_uses_is_told(account: str | None) -> None:
    found = problems(on_windows(account, **{PASSWORD: "given"}))
    assert list(found) == [PASSWORD]
    assert found[PASSWORD].command == f"pulumi config rm --stack dev {PASSWORD}"


def test_so_is_one_of_a_worker_that_is_not_there() -> None:
    assert list(problems(on_windows(**{"workerAccountPassword-other": "given"}))) == ["workerAccountPassword-other"]


@pytest.mark.parametrize("password", ["two\nlines", "x" * 257])
def test_a_password_of_the_wrong_form_is_told_and_not_shown(password: str) -> None:
    found = problems(on_windows("CORP\\svc", **{PASSWORD: password}))
    assert list(found) == [PASSWORD]
    assert password not in str(found[PASSWORD])


def test_one_in_clear_text_is_told() -> None:
    values = on_windows("CORP\\svc", **{PASSWORD: "a-clear-password"})
    secrets = {"databasePassword", "databaseAdminPassword", "authString", "encryptionKey"}
    found = problems(values, secrets)
    assert list(found) == [PASSWORD]
    assert "clear text" in found[PASSWORD].given
    assert "a-clear-password" not in str(found[PASSWORD])


@pytest.mark.parametrize("host", [LINUX, {"platform": "local"}])
def test_workers_elsewhere_have_none(host: dict[str, Any]) -> None:
    values = stack_file(hosts={"box": host}, workers={"etl": {"account": "CORP\\svc$"}})
    found = problems(values)
    assert list(found) == [KEY]
    assert "only for workers on Windows hosts" in found[KEY].allowed
    assert found[KEY].command == f"pulumi config rm --stack dev --path {KEY}"
