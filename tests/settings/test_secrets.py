"""The secrets of a stack file: which are demanded, which forms are taken, and that no message shows one."""

import base64

import pytest

from components.settings import SECTIONS, SWITCHES, parse_settings
from components.settings.secrets import OPTIONAL_SECRETS, REQUIRED_SECRETS
from components.settings.table import SettingsError
from tests.settings.stack_file import SECRETS, parsed, problems, stack_file

_LABEL = "OPENSSH PRIVATE" + " KEY"
PRIVATE_KEY = f"-----BEGIN {_LABEL}-----\nb3BlbnNzaC1rZXktdjE\n-----END {_LABEL}-----\n"
FORBIDDEN = [
    "short",
    "eleven-char",
    "two words here",
    'double"quotes',
    "single'quotes",
    "back\\slash-1",
    "dollar$sign12",
]

BAD: list[tuple[str, str]] = [
    *(("databasePassword", value) for value in [*FORBIDDEN, "pässwörter-123", "line-one\nline-two"]),
    *(("databaseAdminPassword", value) for value in FORBIDDEN),
    *(("authString", value) for value in ["no-colon-at-all", ":password-only-1", "admin:", "two words:password-123"]),
    *(("authString", f"admin:{value}") for value in FORBIDDEN),
    ("encryptionKey", "not base64 at all"),
    ("encryptionKey", "ключ-шифрования-кириллицей"),
    ("encryptionKey", "é" * 44),
    ("encryptionKey", "\ud800" * 44),
    ("encryptionKey", base64.urlsafe_b64encode(bytes(31)).decode()),
    ("encryptionKey", base64.urlsafe_b64encode(bytes(33)).decode()),
    ("encryptionKey", base64.b64encode(b"\xff" * 32).decode()),
    ("encryptionKey", base64.urlsafe_b64encode(bytes(32)).decode() + "\n"),
    ("sshPrivateKey", "ssh-ed25519 AAAA the public half"),
    ("secretBlock-token", " \n"),
    ("backupAlertWebhook", "hooks.example.com/T0K3N-51c2"),
    ("backupAlertWebhook", "https://hooks.example.com/'T0K3N-51c2'"),
]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("databasePassword", "twelve-chars"),
        ("databasePassword", "!#%&()*+,-./:;<=>?@[]^_`{|}~"),
        ("databaseAdminPassword", "0" * 200),
        ("authString", "first.last@example.com:with:colons:inside"),
        ("encryptionKey", base64.urlsafe_b64encode(b"\xff" * 32).decode()),
        ("encryptionKey", base64.urlsafe_b64encode(bytes(range(32))).decode()),
        ("sshPrivateKey", PRIVATE_KEY),
        ("secretBlock-token", "anything: $HOME 'quoted' \\ é\nand a second line"),
        ("secretBlock-a-b-1", "x"),
    ],
)
def test_a_good_secret_is_taken(key: str, value: str) -> None:
    assert problems(stack_file(**{key: value})) == {}


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_secret_of_the_wrong_form_is_told_with_what_is_allowed(key: str, value: str) -> None:
    found = problems(stack_file(**{key: value}))

    assert list(found) == [key]
    assert found[key].given == "is a secret of the wrong form"
    assert found[key].command.endswith(f"pulumi config set --stack dev --secret {key}")


@pytest.mark.parametrize("key", REQUIRED_SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_secret_is_told_with_a_command_that_makes_one(key: str, value: str | None) -> None:
    found = problems(stack_file(**{key: value}))

    assert list(found) == [key]
    assert found[key].given == "is missing"
    assert "openssl rand" in found[key].command


@pytest.mark.parametrize("key", ["sshPrivateKey", "secretBlock-token"])
def test_an_optional_secret_that_is_named_has_a_value(key: str) -> None:
    assert problems(stack_file(**{key: ""}))[key].given == "is missing"


def test_the_ssh_key_is_optional_for_an_agent_may_hold_it() -> None:
    assert "sshPrivateKey" in OPTIONAL_SECRETS
    assert "sshPrivateKey" not in stack_file()
    assert problems(stack_file()) == {}


@pytest.mark.parametrize("key", [*SECRETS, "sshPrivateKey", "secretBlock-token"])
def test_a_secret_in_clear_text_is_refused_and_the_command_keeps_its_value(key: str) -> None:
    """Above all the encryption key: another one would make every stored block unreadable."""
    values = stack_file(sshPrivateKey=PRIVATE_KEY, **{"secretBlock-token": "hunter2"})
    found = problems(values, secrets={*values} - {key, *SECTIONS, *SWITCHES})

    assert list(found) == [key]
    assert found[key].given == "stands in the stack file in clear text"
    same = f"pulumi config get --stack dev {key}"
    assert found[key].command == f"{same} | pulumi config set --stack dev --secret {key}"


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "dot.ted", "sla/sh", "spa ce", "é"])
def test_a_bad_block_name_is_told_with_the_command_that_removes_it(name: str) -> None:
    (problem,) = problems(stack_file(**{f"secretBlock-{name}": "value"})).values()

    assert problem.given == "is no block name"
    assert problem.command.startswith("pulumi config rm --stack dev ")


def test_the_blocks_are_named_in_order() -> None:
    assert parsed(stack_file(**{"secretBlock-b": "2", "secretBlock-a": "1"})).secret_blocks == ("a", "b")


@pytest.mark.parametrize("key", [*SECTIONS, *SWITCHES])
def test_a_table_that_holds_a_secret_is_refused_and_not_shown(key: str) -> None:
    """Pulumi makes a whole table secret when one value in it is: every preview would hide it."""
    values = stack_file(**{key: '{"port": "hunter2-hunter2"}'})
    found = problems(values, secrets={*SECRETS, key})

    assert list(found) == [key]
    assert found[key].given == "holds a secret"
    assert "hunter2" not in str(found[key])


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, value in BAD if len(value) > 6])
def test_no_message_shows_a_secret(key: str, value: str) -> None:
    values = stack_file(
        **{key: value, "secretBlock-Bad": "block-value-1234", "databse": "misspelled-secret", "server": "[]"}
    )
    for secret_keys in (set(values) - {"server"}, set(SECRETS), set[str]()):
        with pytest.raises(SettingsError) as caught:
            parse_settings(values, secret_keys, "dev", 1000)
        for secret in (value, *SECRETS.values(), "block-value-1234", "misspelled-secret"):
            assert secret not in str(caught.value)
