"""Every script is clean by shellcheck, in its own directory and joined to what travels with it."""

import subprocess
from pathlib import Path

import pytest

from components.platforms import SCRIPTS, Linux, Local, Platform

PLATFORMS: dict[str, Platform] = {"linux": Linux(), "local": Local("/srv/host")}


def scripts(platform: str) -> list[Path]:
    return [path for path in sorted((SCRIPTS / platform).glob("*.sh")) if path.stem != "prelude"]


def test_the_files_are_clean() -> None:
    check(*map(str, sorted(SCRIPTS.rglob("*.sh"))))


@pytest.mark.parametrize(
    ("platform", "script"),
    [(platform, path.stem) for platform in PLATFORMS for path in scripts(platform)],
)
def test_a_payload_is_clean(platform: str, script: str, tmp_path: Path) -> None:
    payload = tmp_path / f"{script}.sh"
    _settings, _, text = f"\n{PLATFORMS[platform].payload(script, {})}".partition("\n\n")
    payload.write_text(f"# shellcheck shell=bash\n{text}")
    # create and delete, and words that this script has no use for, are not called in the payload itself
    check("--exclude=SC2329,SC2317", str(payload))


def test_both_platforms_have_the_scripts_of_a_host() -> None:
    names = {platform: {path.stem for path in scripts(platform)} for platform in PLATFORMS}
    assert {"preflight", "prepare-host", "service"} <= names["linux"] & names["local"]


def check(*arguments: str) -> None:
    result = subprocess.run(["shellcheck", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
