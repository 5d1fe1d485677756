"""How a stack is made ready: created if missing, with the secrets it lacks."""

import base64
import json
import re
import sys
from pathlib import Path

import pytest

from tests.toolchain.checkout import Stub
from toolchain import release, stack
from toolchain.errors import ToolchainError

PULUMI = """
cd "${0%/*}"
echo "$*" >>calls
case "$1 $2" in
"config --json") [ -e exists ] || { echo "error: no stack named 'x' found" >&2; exit 255; }
    printf '{'; for key in $(cat keys); do printf '"example:%s": {}, ' "$key"; done; printf '"example:last": {}}' ;;
"stack init") touch exists keys ;;
"stack export") cat export ;;
"config set") cat >"value.$4"; echo "$4" >>keys ;;
esac
"""
EMPTY: dict[str, object] = {"deployment": {}}
DEPLOYED = {"deployment": {"resources": [{"urn": "urn:pulumi:x::example::pulumi:pulumi:Stack::example-x"}]}}
SECRETS = ["databasePassword", "databaseAdminPassword", "authString", "encryptionKey"]


@pytest.fixture
def pulumi(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for Pulumi with its configuration in files; gives their directory."""
    directory = stub("pulumi", PULUMI).parent
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    (directory / "export").write_text(json.dumps(EMPTY))
    return directory


def existing(pulumi: Path, *keys: str) -> None:
    (pulumi / "exists").touch()
    (pulumi / "keys").write_text("\n".join(keys) + "\n")


def keys_set(pulumi: Path) -> list[str]:
    return re.findall(r"config set --secret (\S+) --stack", (pulumi / "calls").read_text())


def value(pulumi: Path, key: str) -> str:
    return (pulumi / f"value.{key}").read_text()


def test_the_first_stack_of_a_newcomer_gets_all_secrets_and_an_example(pulumi: Path) -> None:
    stack.make_ready("dev")
    assert "stack init dev" in (pulumi / "calls").read_text()
    assert keys_set(pulumi) == ["secretBlock-example", *SECRETS]


def test_another_stack_gets_no_example(pulumi: Path) -> None:
    stack.make_ready("prod")
    assert keys_set(pulumi) == SECRETS


def test_a_stack_that_is_ready_is_only_looked_at(pulumi: Path) -> None:
    existing(pulumi, *SECRETS)
    stack.make_ready("dev")
    assert (pulumi / "calls").read_text() == "config --json --non-interactive --stack dev\n"


def test_an_interrupted_run_goes_on_with_what_is_missing(pulumi: Path) -> None:
    existing(pulumi, "secretBlock-example", "databasePassword")
    stack.make_ready("dev")
    assert keys_set(pulumi) == SECRETS[1:]


def test_generated_values_have_the_shape_that_their_readers_need(pulumi: Path) -> None:
    stack.make_ready("prod")
    assert re.fullmatch(r"[A-Za-z0-9]{40}", value(pulumi, "databasePassword"))
    assert re.fullmatch(r"[A-Za-z0-9]{40}", value(pulumi, "databaseAdminPassword"))
    assert re.fullmatch(r"admin:[A-Za-z0-9]{40}", value(pulumi, "authString"))
    assert len(base64.urlsafe_b64decode(value(pulumi, "encryptionKey"))) == 32
    assert len({value(pulumi, key) for key in SECRETS}) == len(SECRETS)


def test_no_secret_is_an_argument_or_printed(pulumi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.make_ready("prod")
    told = (pulumi / "calls").read_text() + "".join(capsys.readouterr())
    for key in SECRETS:
        assert value(pulumi, key).removeprefix("admin:") not in told, f"{key} can be seen"


def test_the_encryption_key_of_a_deployed_stack_is_never_replaced(pulumi: Path) -> None:
    existing(pulumi)
    (pulumi / "export").write_text(json.dumps(DEPLOYED))
    with pytest.raises(ToolchainError, match="a new one could not read the blocks that are stored"):
        stack.make_ready("prod")
    assert keys_set(pulumi) == []


def test_other_secrets_of_a_deployed_stack_are_generated(pulumi: Path) -> None:
    existing(pulumi, "encryptionKey")
    (pulumi / "export").write_text(json.dumps(DEPLOYED))
    stack.make_ready("dev")
    assert keys_set(pulumi) == SECRETS[:3]


@pytest.mark.parametrize("command", ["config --json", "config set", "stack export"])
def test_an_error_of_pulumi_is_told_in_one_line(
    pulumi: Path, stub: Stub, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    existing(pulumi)
    stub(
        "pulumi", PULUMI.replace(f'"{command}") ', f'"{command}") printf "error: wrong\\npassphrase\\n" >&2; exit 1; ')
    )
    monkeypatch.setattr(sys, "argv", ["stack", "prod"])
    assert stack.main() == 1
    assert re.fullmatch(r"error: .* stack prod .*: error: wrong passphrase\n", capsys.readouterr().err)


@pytest.mark.usefixtures("pulumi")
def test_a_stack_that_cannot_be_created_is_told_with_a_remedy(stub: Stub) -> None:
    stub("pulumi", PULUMI.replace("touch exists keys", "exit 255"))
    with pytest.raises(ToolchainError, match=r"stack dev cannot be created.*Pulumi\.dev\.yaml"):
        stack.make_ready("dev")


def test_without_pulumi_the_way_to_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["stack", "dev"])
    assert stack.main() == 1
    assert "pulumi is not on PATH. Run make" in capsys.readouterr().err


def test_a_stack_in_azure_gets_the_seed_of_its_host_keys_too(pulumi: Path) -> None:
    existing(pulumi, *SECRETS, "azure")
    stack.make_ready("prod")

    assert keys_set(pulumi) == ["sshHostKeySeed"]
    assert re.fullmatch("[0-9a-f]{64}", value(pulumi, "sshHostKeySeed"))


def test_a_stack_in_azure_whose_plugin_cannot_be_had_is_told_so_before_pulumi_tries(
    pulumi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    existing(pulumi, *SECRETS, "azure", "sshHostKeySeed")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.setattr(release, "answers", lambda _urls, _trust: False)
    monkeypatch.setattr(sys, "argv", ["stack", "prod"])

    assert stack.main() == 1
    assert "error: a stack with `azure` needs Pulumi's plugin azure-native" in capsys.readouterr().err


def test_a_table_that_is_told_with_its_empty_default_is_not_there(pulumi: Path, stub: Stub) -> None:
    keys = {f"example:{key}": {"value": "x"} for key in SECRETS} | {"example:azure": {"value": "{}", "objectValue": {}}}
    stub("pulumi", f'echo "$*" >>"${{0%/*}}/calls"\necho \'{json.dumps(keys)}\'')
    stack.make_ready("prod")

    assert keys_set(pulumi) == []
