"""Where Pulumi's plugins come from: the user, the official release, or the project's stand-ins."""

from pathlib import Path

import pytest

from tests.toolchain.checkout import Environ, Stub
from toolchain import pulumi_plugins, release
from toolchain.errors import ToolchainError
from toolchain.files import place_text
from toolchain.layout import Layout

INSTALL = """
directory="$PULUMI_HOME/plugins/resource-$4-v$5"
mkdir -p "$directory" && echo official >"$directory/pulumi-resource-$4"
"""


@pytest.fixture
def python(layout: Layout) -> Path:
    """Stand for the Python of the checkout, starting a plugin that tells its port and waits."""
    return write_python(layout, 'echo "$*" >"${0%/*}/arguments"; echo 40123; exec sleep 30')


def write_python(layout: Layout, script: str) -> Path:
    python = layout.venv / "bin" / "python"
    place_text(python, f"#!/bin/sh\n{script}\n", 0o755)
    return python


def reach(monkeypatch: pytest.MonkeyPatch, *, sources: bool) -> None:
    monkeypatch.setattr(release, "answers", lambda _urls, _trust: sources)


def ensure(layout: Layout, environ: Environ) -> None:
    pulumi_plugins.ensure(layout, layout.pulumi_home, environ)


def plugin(layout: Layout, name: str) -> Path:
    return pulumi_plugins.executable_of(layout, layout.pulumi_home, name)


def test_the_official_plugins_are_installed_where_they_can_be_had(
    layout: Layout, environ: Environ, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=True)
    stub("pulumi", INSTALL)
    ensure(layout, environ)
    assert [plugin(layout, name).read_text() for name in ("command", "postgresql")] == ["official\n"] * 2


def test_stand_ins_take_their_place_elsewhere_and_say_so_once(
    layout: Layout, environ: Environ, python: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(monkeypatch, sources=False)
    ensure(layout, environ)
    said = capsys.readouterr().err
    ensure(layout, environ)

    assert "Pulumi plugins command and postgresql cannot be downloaded here: stand-ins" in said
    assert capsys.readouterr().err == ""
    assert plugin(layout, "command").read_text() == pulumi_plugins.stand_in(layout, "command")
    assert (python.parent / "arguments").read_text() == "-m toolchain.plugins postgresql 127.0.0.1:1\n"


@pytest.mark.usefixtures("python")
def test_a_download_that_fails_ends_with_a_stand_in(
    layout: Layout, environ: Environ, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=True)
    stub("pulumi", "echo refused >&2; exit 1")
    ensure(layout, environ)
    assert plugin(layout, "command").read_text() == pulumi_plugins.stand_in(layout, "command")


def test_a_source_of_the_estate_is_tried_although_the_official_ones_are_out_of_reach(
    layout: Layout, environ: Environ, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=False)
    stub("pulumi", INSTALL)
    ensure(layout, {**environ, "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": "^.*$=http://mirror"})
    assert plugin(layout, "command").read_text() == "official\n"


def test_plugins_of_the_user_stay_as_they_are(layout: Layout, environ: Environ, stub: Stub) -> None:
    place_text(plugin(layout, "command"), "theirs")
    stub("pulumi-resource-postgresql", "")
    ensure(layout, environ)
    assert plugin(layout, "command").read_text() == "theirs"
    assert not plugin(layout, "postgresql").exists()


@pytest.mark.usefixtures("python")
def test_a_stand_in_of_another_checkout_is_replaced(
    layout: Layout, environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=False)
    other = Layout(layout.root.parent / "other")
    place_text(plugin(layout, "command"), pulumi_plugins.stand_in(other, "command"), 0o755)
    ensure(layout, environ)
    assert plugin(layout, "command").read_text() == pulumi_plugins.stand_in(layout, "command")


def test_a_stand_in_that_does_not_start_is_not_installed(
    layout: Layout, environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=False)
    write_python(layout, "echo 'ModuleNotFoundError: no grpc' >&2; exit 1")
    with pytest.raises(ToolchainError, match="the stand-in of the plugin command does not start"):
        ensure(layout, environ)
    assert not plugin(layout, "command").exists()
    assert "no grpc" in (layout.logs / "stand-in-command.log").read_text()


@pytest.fixture
def azure(layout: Layout) -> Path:
    """Lock the library for Azure; gives where its plugin belongs."""
    place_text(layout.azure_requirements, "pulumi-azure-native==3.29.0 \\\n")
    return layout.pulumi_home / "plugins" / "resource-azure-native-v3.29.0" / "pulumi-resource-azure-native"


def test_the_plugin_for_azure_is_left_to_pulumi_where_it_can_be_had(
    layout: Layout, environ: Environ, azure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=True)
    pulumi_plugins.check_azure(layout, layout.pulumi_home, environ)

    reach(monkeypatch, sources=False)
    place_text(azure, "a user's own")
    pulumi_plugins.check_azure(layout, layout.pulumi_home, environ)


@pytest.mark.usefixtures("azure")
def test_elsewhere_the_way_to_bring_it_is_told(
    layout: Layout, environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, sources=False)
    with pytest.raises(ToolchainError) as refused:
        pulumi_plugins.check_azure(layout, layout.pulumi_home, environ)

    text = str(refused.value)
    assert "needs Pulumi's plugin azure-native 3.29.0, which is not here" in text
    assert "/plugins/pulumi-resource-azure-native-v3.29.0-" in text
    assert "pulumi plugin install resource azure-native 3.29.0 --file pulumi-resource-azure-native-v3.29.0-" in text

    pulumi_plugins.check_azure(layout, layout.pulumi_home, {**environ, pulumi_plugins.OWN_SOURCE: "azure-native=x"})
