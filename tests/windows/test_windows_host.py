"""A Windows server brought up, changed and destroyed by the real Pulumi, over real SSH. Windows itself is played."""

import contextlib
import secrets
from pathlib import Path

import pytest

from components.platforms.windows_service import service_sid
from tests.hosts.pulumi_stack import PulumiError, PulumiStack
from tests.windows.story import Story, assert_in_this_order
from tests.windows.windows_host import windows_host

PROGRAM = Path(__file__).parent / "program"
SECRETS = {"token": f"token-{secrets.token_hex(8)}", "password": f"password-{secrets.token_hex(8)}"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Let it happen once, for all tests to look at."""
    told = Story()
    with windows_host() as host:
        stack = PulumiStack(PROGRAM, tmp_path_factory.mktemp("stack"))
        stack.configure({**SECRETS, "sshPrivateKey": host.key}, secret=True)
        told.keep("first up", host, stack.up(page="one", **host.configuration))
        told.keep("second up", host, stack.up(page="one"))
        told.keep("preview of a change", host, stack.preview(page="two"))
        told.keep("change", host, stack.up(page="two"))
        told.state = "".join(path.read_text() for path in stack.state.rglob("*.json"))
        with host.losing_input(), pytest.raises(PulumiError) as failed:
            stack.up(page="three")
        told.keep("lost input", host, str(failed.value))
        with host.in_constrained_language(), pytest.raises(PulumiError) as failed:
            stack.up(page="three")
        told.keep("constrained language", host, str(failed.value))
        with host.rebooting(after="page.env"), contextlib.suppress(PulumiError):
            told.keep("reboot", host, stack.up(page="three"))
        told.keep("up after the reboot", host, stack.up(page="three"))
        told.keep("destruction", host, stack.run("destroy", "--yes", "--skip-preview"))
    return told


@pytest.mark.parametrize(
    "order",
    [
        ["preflight", "prepare-host", "file D:/Prefect/runtime/launch.py", "service web"],
        ["prepare-host", "file D:/Prefect/runtime/requirements/prefect-3.8.8.txt", "install-runtime", "service web"],
        ["prepare-host", "file D:/Prefect/configuration/services/web.json", "service web"],
    ],
    ids=["host", "runtime", "service"],
)
def test_everything_is_done_in_its_order(story: Story, order: list[str]) -> None:
    assert_in_this_order(story.parts["first up"].names, order)


def test_a_second_up_does_nothing(story: Story) -> None:
    second = story.parts["second up"]
    assert (second.steps, second.logins) == ([], 0)
    assert "unchanged" in second.printed


def test_a_preview_shows_the_difference_of_a_file_and_goes_to_no_host(story: Story) -> None:
    preview = story.parts["preview of a change"]
    assert "PAGE=one" in preview.printed
    assert "PAGE=two" in preview.printed
    assert preview.logins == 0


def test_a_change_is_written_and_its_service_restarted_and_nothing_else(story: Story) -> None:
    assert story.parts["change"].names == ["file D:/Prefect/configuration/page.env", "service web"]


def test_input_that_is_lost_on_the_way_ends_the_update_and_says_so(story: Story) -> None:
    lost = story.parts["lost input"]
    assert "error: the script did not arrive whole" in lost.printed
    assert lost.steps == []


def test_a_constrained_language_is_told_in_the_words_of_the_bootstrap(story: Story) -> None:
    constrained = story.parts["constrained language"]
    assert "PowerShell is in a constrained language mode here" in constrained.printed
    assert constrained.steps == []


def test_after_a_reboot_in_between_another_up_ends_what_was_begun(story: Story) -> None:
    parts = [story.parts[part] for part in ("reboot", "up after the reboot") if part in story.parts]
    names = [name for part in parts for name in part.names]
    assert "file D:/Prefect/configuration/page.env" in names
    assert names[-1] == "service web"


@pytest.mark.parametrize(
    "order",
    [
        ["service web", "install-runtime", "prepare-host"],
        ["service web", "file D:/Prefect/configuration/services/web.json", "prepare-host"],
    ],
    ids=["runtime", "service"],
)
def test_destroying_removes_services_before_what_they_run_from(story: Story, order: list[str]) -> None:
    destruction = story.parts["destruction"]
    assert {step.function for step in destruction.steps} == {"delete"}
    assert_in_this_order(destruction.names, order)


def test_a_secret_is_for_its_service_alone(story: Story) -> None:
    first = story.parts["first up"]
    step = first.steps[first.names.index("file D:/Prefect/configuration/web.secrets.env")]
    assert step.settings["readers"] == service_sid("web")
    assert step.settings["content"] == f"TOKEN={SECRETS['token']}\n"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_in_no_command_line_no_output_and_no_state(story: Story, name: str) -> None:
    assert [part for part, told in story.parts.items() if SECRETS[name] in told.printed] == []
    assert not any(SECRETS[name] in step.command for part in story.parts.values() for step in part.steps)
    assert story.state
    assert SECRETS[name] not in story.state


def test_there_is_one_command_line_for_all_that_is_made_and_one_for_all_that_is_removed(story: Story) -> None:
    steps = [step for part in story.parts.values() for step in part.steps]
    assert len({(step.function, step.command) for step in steps}) == 2
