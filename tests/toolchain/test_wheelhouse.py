"""Which wheels a host without a package index needs, found out on a machine that may be of another kind."""

import re

import pytest

from components.platforms import SCRIPTS, prefect_locks
from components.settings.server import supported_versions
from toolchain.wheelhouse import PYTHON_VERSIONS, Target, requirements

LINUX = Target("linux", "3.11")
WINDOWS = Target("windows", "3.12")


def names(lock: str, target: Target) -> list[str]:
    return re.findall(r"^([\w.-]+)==", requirements(lock, target), re.MULTILINE)


def test_what_only_another_system_needs_is_left_out() -> None:
    lock = "pywin32==312 ; sys_platform == 'win32'\nuvloop==0.23.0 ; sys_platform != 'win32'\nclick==8.4.0\n"

    assert names(lock, LINUX) == ["uvloop", "click"]
    assert names(lock, WINDOWS) == ["pywin32", "click"]


def test_what_any_patch_release_of_python_needs_is_there() -> None:
    assert names("async-timeout==5.0.1 ; python_full_version < '3.11.3'\n", LINUX) == ["async-timeout"]
    assert names("tomli==2.5.0 ; python_full_version < '3.11'\n", LINUX) == []


def test_hashes_stay_and_comments_extras_and_markers_go() -> None:
    lock = (
        "# a comment\n"
        "sqlalchemy[asyncio]==2.1.4 ; python_full_version >= '3.11' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    )

    assert requirements(lock, LINUX) == "sqlalchemy==2.1.4 --hash=sha256:aa --hash=sha256:bb\n"


@pytest.mark.parametrize("version", supported_versions())
@pytest.mark.parametrize("python_version", PYTHON_VERSIONS)
@pytest.mark.parametrize("platform", ["linux", "windows"])
def test_one_version_of_each_library_is_taken(version: str, python_version: str, platform: str) -> None:
    locks = prefect_locks(version, docker=True)
    text = "".join((SCRIPTS / "runtime" / f"{lock}.txt").read_text() for lock in locks)
    found = names(text, Target(platform, python_version))

    assert len(set(found)) == len(found)
    assert {"prefect", "sqlalchemy", "asyncpg", "prefect-docker"} <= set(found)
    assert ("pywin32" in found) == (platform == "windows")


def test_wheels_for_old_and_new_glibc_and_for_the_processor_are_taken() -> None:
    assert {"manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64"} <= set(LINUX.wheel_platforms)
    assert "manylinux_2_28_aarch64" in Target("linux", "3.11", "aarch64").wheel_platforms
    assert WINDOWS.wheel_platforms == ("win_amd64",)
