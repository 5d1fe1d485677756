"""The official release is used only if it is the one that was published."""

import functools
import hashlib
import http.server
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_server import LoopbackServer
from tests.toolchain.checkout import names
from toolchain import release
from toolchain.errors import ToolchainError
from toolchain.layout import Layout

VERSION = "3.259.0"
ARCHIVED = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-language-nodejs")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a release as Pulumi does; gives its directory."""
    directory = tmp_path / "releases" / f"v{VERSION}"
    directory.mkdir(parents=True)
    archive = directory / f"pulumi-v{VERSION}-{release.system()}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ARCHIVED:
            member = tarfile.TarInfo(f"pulumi/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    (directory / f"pulumi-{VERSION}-checksums.txt").write_text(
        f"{'0' * 64}  other.tar.gz\n{checksum}  {archive.name}\n"
    )
    handler = functools.partial(Quiet, directory=str(directory.parent))
    with LoopbackServer(handler) as server:
        monkeypatch.setattr(release, "DOWNLOADS", server.url)
        yield directory


@pytest.mark.usefixtures("published")
def test_the_release_is_unpacked_without_what_other_languages_need(layout: Layout) -> None:
    assert release.install(layout, VERSION)
    assert names(layout.bin) == set(ARCHIVED) - {"pulumi-language-nodejs"}
    assert all((layout.bin / name).stat().st_mode & 0o777 == 0o755 for name in names(layout.bin))


def test_an_archive_that_is_not_the_published_one_is_refused(layout: Layout, published: Path) -> None:
    next(published.glob("*.tar.gz")).write_bytes(b"something else")
    with pytest.raises(ToolchainError, match="it was changed on the way"):
        release.install(layout, VERSION)
    assert names(layout.bin) == set()


def test_an_archive_that_is_not_listed_is_refused(layout: Layout, published: Path) -> None:
    next(published.glob("*.txt")).write_text("")
    with pytest.raises(ToolchainError, match="published is none"):
        release.install(layout, VERSION)


@pytest.mark.usefixtures("published")
def test_a_version_that_is_not_there_is_no_error(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert not release.install(layout, "3.0.0")
    assert "not downloaded: HTTP Error 404" in capsys.readouterr().err


def test_a_network_that_does_not_reach_the_release_is_no_error(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "DOWNLOADS", "http://127.0.0.1:9")
    assert not release.install(layout, VERSION)
    assert capsys.readouterr().err == ""
