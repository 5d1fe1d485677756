"""SSH host keys that are known before there is a host."""

import base64
import io
import shutil
import subprocess
from pathlib import Path

import paramiko
import pytest
import yaml

from components.azure import cloud_init, host_keys

SEED = "5e" * 32


def test_the_private_key_is_the_other_half_of_the_public_one() -> None:
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(host_keys.private_key(SEED, "prod", "server-1")))

    assert f"ssh-ed25519 {key.get_base64()}" == host_keys.public_key(SEED, "prod", "server-1")


def test_openssh_reads_it(tmp_path: Path) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("needs ssh-keygen on PATH")
    file = tmp_path / "key"
    file.write_text(host_keys.private_key(SEED, "prod", "server-1"))
    file.chmod(0o600)

    read = subprocess.run(["ssh-keygen", "-y", "-f", file], check=True, capture_output=True, text=True).stdout
    assert read.split()[:2] == host_keys.public_key(SEED, "prod", "server-1").split()


def test_its_text_is_the_same_each_time_so_that_no_preview_shows_a_change() -> None:
    assert host_keys.private_key(SEED, "prod", "a") == host_keys.private_key(SEED, "prod", "a")


def test_each_host_of_each_stack_has_its_own() -> None:
    places = [("prod", "a"), ("prod", "b"), ("dev", "a"), ("dev/a", "b"), ("dev", "a/b")]
    keys = {host_keys.public_key(SEED, *place) for place in places[:3]}

    assert len(keys) == 3
    assert len({host_keys.public_key(seed * 32, "prod", "a") for seed in ("5e", "5f")}) == 2
    assert all(len(base64.b64decode(key.split()[1])) == 51 for key in keys)


def test_cloud_init_makes_it_the_only_one() -> None:
    private, public = (make(SEED, "prod", "a") for make in (host_keys.private_key, host_keys.public_key))
    told = cloud_init.user_data(private, public)

    assert told.startswith("#cloud-config\n")
    read = yaml.safe_load(told)
    assert read["ssh_keys"] == {"ed25519_private": private, "ed25519_public": public}
    assert read["ssh_deletekeys"] is True
    assert read["ssh_genkeytypes"] == []
    assert (read["disable_root"], read["ssh_pwauth"]) == (True, False)
