"""The official release of the Pulumi CLI, checked against its published checksum."""

import hashlib
import platform
import ssl
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj

from toolchain import files
from toolchain.errors import ToolchainError
from toolchain.layout import Layout
from toolchain.process import say

DOWNLOADS = "https://github.com/pulumi/pulumi/releases/download"
FIRST_ANSWER = 10.0
"""Seconds in which a server has to answer, else this network counts as one that does not reach it."""
STALL = 30.0
"""Seconds without a byte after which a download counts as broken."""


def install(layout: Layout, version: str) -> bool:
    """Put the released CLI and its Python language host into the checkout; False if it cannot be had.

    Raises ToolchainError if what arrived is not what was published.
    """
    trust = trusted(layout)
    checksums = layout.temporary / f"pulumi-{version}-checksums.txt"
    archive = layout.temporary / f"pulumi-v{version}-{system()}.tar.gz"
    if not answers([DOWNLOADS], trust):
        return False
    say(f"Pulumi CLI {version}, official release (about 1 minute)")
    try:
        for file in (checksums, archive):
            fetch(f"{DOWNLOADS}/v{version}/{file.name}", file, trust)
    except OSError as error:
        say(f"  not downloaded: {error}")
        return False
    verify(archive, checksums.read_text(encoding="utf-8"))
    unpack(archive, layout.bin)
    return True


def system() -> str:
    """Name this machine as Pulumi's archives do, such as `linux-x64`."""
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x64"
    return f"{platform.system().lower()}-{machine}"


def trusted(layout: Layout) -> ssl.SSLContext:
    """Trust what the system trusts, and the public authorities, which some Pythons come without."""
    context = ssl.create_default_context()
    for bundle in layout.venv.glob("lib/python3.*/site-packages/certifi/cacert.pem"):
        context.load_verify_locations(bundle)
    return context


def answers(urls: Sequence[str], trust: ssl.SSLContext) -> bool:
    """Tell whether one of these servers answers soon, whatever it says.

    Asks in threads, because looking up a name has no time-out of its own.
    """
    answer = threading.Event()

    def ask(url: str) -> None:
        try:
            urllib.request.urlopen(url, timeout=FIRST_ANSWER, context=trust).close()  # noqa: S310 - only https
        except urllib.error.HTTPError:
            pass
        except OSError:
            return
        answer.set()

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    end = time.monotonic() + FIRST_ANSWER
    while not answer.wait(0.05) and time.monotonic() < end and any(thread.is_alive() for thread in threads):
        pass
    return answer.is_set()


def fetch(url: str, target: Path, trust: ssl.SSLContext) -> None:
    """Download a file. Raises OSError."""
    with (
        urllib.request.urlopen(url, timeout=STALL, context=trust) as response,  # noqa: S310 - only https
        target.open("wb") as file,
    ):
        copyfileobj(response, file)


def verify(file: Path, checksums: str) -> None:
    """Compare a file with the list of SHA-256 sums published beside it.

    Raises ToolchainError if it is not listed or differs.
    """
    entries = (line.split() for line in checksums.splitlines() if line.strip())
    published = {name: value for value, name in entries}.get(file.name, "none")
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    if published != actual:
        raise ToolchainError(
            f"{file.name} arrived with SHA-256 {actual}, published is {published}: it was changed on the way. "
            "Install the Pulumi CLI yourself, from a source that you trust."
        )


def unpack(archive: Path, target: Path) -> None:
    """Put the CLI and what it needs for Python into the directory `target`."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            content = tar.extractfile(member) if wanted(name) else None
            if content is not None:
                files.place(target / name, content, files.EXECUTABLE)


def wanted(name: str) -> bool:
    """Tell whether a file of the archive is needed: the CLI, and all that is for Python."""
    return name == "pulumi" or (name.startswith("pulumi-") and "python" in name)
