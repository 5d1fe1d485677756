"""No secret is where somebody else could see it, and only what should answer does.

What commands print is searched whenever a test runs one.
"""

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.scan import (
    answering,
    exposed_by_systemd,
    exposed_in_files,
    exposed_in_state,
    guarded_in_files,
    listening,
)

pytestmark = pytest.mark.short


def test_a_preview_shows_secrets_as_such_and_none_of_them(vps: Deployment) -> None:
    vps.config_set_secret("secretBlock-another", "what a preview may not show")
    output = vps.pulumi("preview", "--diff").output
    vps.config_rm("secretBlock-another")
    assert "[secret]" in output


def test_no_process_had_a_secret_in_its_command_line_during_up(vps: Deployment) -> None:
    lines = "\n".join(vps.seen_command_lines)
    assert "sudo" in lines, "the watcher saw nothing"
    assert vps.shown_secrets(lines) == set()


def test_neither_journal_nor_units_show_a_secret(vps: Deployment) -> None:
    assert exposed_by_systemd(vps, vps.hosts["vps"]) == set()


def test_no_file_that_everybody_may_read_holds_a_secret(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    assert guarded_in_files(vps, host), "not even the files that hold secrets were found to"
    assert exposed_in_files(vps, host) == {}


def test_the_state_holds_secrets_only_encrypted(vps: Deployment) -> None:
    assert exposed_in_state(vps) == {}


def test_from_outside_only_ssh_and_https_answer(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    assert listening(host) >= {22, 80, 443, 4200, 4210, 5432}
    assert answering(host) == {22, 80, 443}
