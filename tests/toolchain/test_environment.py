"""What `make env` sets, and what it leaves to the user."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from toolchain import environment
from toolchain.errors import ToolchainError
from toolchain.layout import Layout


def backend_settings(layout: Layout, environ: dict[str, str]) -> set[str]:
    about = {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CREDENTIALS_PATH"}
    return about & environment.settings(layout, environ).keys()


def log_in(directory: Path, **credentials: str) -> None:
    directory.mkdir(parents=True)
    (directory / "credentials.json").write_text(json.dumps(credentials))


def test_without_any_setting_state_plugins_and_passphrase_are_in_the_checkout(layout: Layout) -> None:
    assert environment.settings(layout, {}) == {
        "PULUMI_HOME": str(layout.root / ".local" / "pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_RUN_PROGRAM": "true",
        "PULUMI_BACKEND_URL": f"file://{layout.root}/.local/state?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.root / ".local" / "passphrase"),
    }


@pytest.mark.parametrize(
    "name", ["PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_SKIP_UPDATE_CHECK", "PULUMI_RUN_PROGRAM"]
)
def test_a_variable_of_the_user_is_not_set_again(layout: Layout, name: str) -> None:
    assert name not in environment.settings(layout, {name: "theirs"})


@pytest.mark.parametrize("theirs", [{"PULUMI_BACKEND_URL": "s3://states"}, {"PULUMI_ACCESS_TOKEN": "pul-123"}])
def test_a_backend_of_the_user_comes_without_our_passphrase(layout: Layout, theirs: dict[str, str]) -> None:
    assert backend_settings(layout, theirs) == set()


def test_a_passphrase_of_the_user_encrypts_the_stacks_of_the_checkout(layout: Layout) -> None:
    assert backend_settings(layout, {"PULUMI_CONFIG_PASSPHRASE": "theirs"}) == {"PULUMI_BACKEND_URL"}


@pytest.mark.parametrize("variable", ["HOME", "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"])
def test_a_login_of_the_user_is_kept(layout: Layout, tmp_path: Path, variable: str) -> None:
    place = tmp_path / "home"
    log_in(place / ".pulumi" if variable == "HOME" else place, current="https://api.example.com")

    added = environment.settings(layout, {variable: str(place)})

    assert "PULUMI_BACKEND_URL" not in added
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in added
    if variable != "PULUMI_CREDENTIALS_PATH":
        assert added["PULUMI_CREDENTIALS_PATH"] == str(place / ".pulumi" if variable == "HOME" else place)


def test_a_user_who_has_logged_out_gets_the_backend_of_the_checkout(layout: Layout, tmp_path: Path) -> None:
    log_in(tmp_path / ".pulumi")
    assert "PULUMI_BACKEND_URL" in environment.settings(layout, {"HOME": str(tmp_path)})


def test_a_backend_in_the_project_file_is_kept(layout: Layout) -> None:
    with (layout.root / "Pulumi.yaml").open("a") as project:
        project.write("backend:\n  url: s3://states\n")
    assert backend_settings(layout, {}) == set()


def test_a_shell_that_has_the_settings_gets_the_same_again(layout: Layout) -> None:
    first = environment.settings(layout, {})
    assert environment.settings(layout, first) == first


def test_the_passphrase_is_generated_once_and_for_the_owner_only(layout: Layout) -> None:
    added = environment.settings(layout, {})
    environment.prepare(layout, added)
    first = layout.passphrase.read_text()
    environment.prepare(layout, added)

    assert layout.passphrase.read_text() == first
    assert len(first.strip()) >= 40
    assert stat.S_IMODE(layout.passphrase.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.state.stat().st_mode) == 0o700


def test_a_lost_passphrase_is_not_replaced_while_stacks_need_it(layout: Layout) -> None:
    stacks = layout.state / ".pulumi" / "stacks" / "example"
    stacks.mkdir(parents=True)
    (stacks / "dev.json").write_text("{}")

    with pytest.raises(ToolchainError, match="Put it back from a backup"):
        environment.prepare(layout, environment.settings(layout, {}))
    assert not layout.passphrase.exists()


def test_exports_survive_every_character_of_a_path(tmp_path: Path) -> None:
    odd = tmp_path / 'it\'s $(a) "clone" `with` \\ all; of & it'
    script = environment.exports({"PULUMI_HOME": str(odd)}, "/usr/bin", odd / "bin")

    shown = subprocess.run(
        ["/bin/sh", "-euc", f'{script}printf "%s\\n%s" "$PULUMI_HOME" "$PATH"'],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.splitlines() == [str(odd), f"{odd}/bin:/usr/bin:/bin"]


def test_path_does_not_grow_with_every_evaluation() -> None:
    assert "PATH" not in environment.exports({}, "/tools/bin:/usr/bin", Path("/tools/bin"))
    assert environment.with_first("/usr/bin:/tools/bin", Path("/tools/bin")) == "/tools/bin:/usr/bin"
