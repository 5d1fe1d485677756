"""A preview tells reviewers what a change means, from the plan that Pulumi makes."""

from tests.engine.stack import Stack


def test_an_unchanged_stack_means_nothing(stack: Stack) -> None:
    output = stack.make("preview").output

    assert "unchanged" in output
    assert "Nothing changes." in output
    assert " to " not in output.partition("What it means")[0].partition("Preview of")[2]


def test_another_version_tells_what_restarts_and_how_long_nobody_can_work(stack: Stack) -> None:
    stack.config_set("server.version", "3.8.7")
    try:
        output = " ".join(stack.make("preview").output.split())
    finally:
        stack.config_rm("server.version")

    assert "Prefect is taken back from 3.8.8 to 3.8.7" in output
    assert "The server stops while the schema goes back" in output
    assert "prefect-server restarts on this-machine: UI and API are away for about 5 s." in output
    assert "prefect-worker-default restarts on this-machine" in output
    assert "- lock=prefect-3.8.8 " in output
    assert "+ lock=prefect-3.8.7 " in output
    picture = (stack.layout.local / "preview" / stack.name / "topology.svg").read_text()
    assert "services: 2 changed, 1 unchanged" in picture


def test_a_changed_secret_is_told_of_but_not_shown(stack: Stack) -> None:
    old = stack.secret("databasePassword")
    stack.config_set_secret("databasePassword", "another-password-4711")
    try:
        output = stack.make("preview").output  # fails where it shows a secret
    finally:
        stack.config_set_secret("databasePassword", old)

    assert "The role prefect gets another password." in output
    assert "[secret]" in output


def test_a_stack_file_with_mistakes_is_refused_with_all_of_them(stack: Stack) -> None:
    stack.config_set("server.port", "70000")
    stack.config_set("server.logLevel", "LOUD")
    try:
        output = stack.make("preview", expect=2).output
    finally:
        stack.config_rm("server.logLevel")
        stack.config_set("server.port", str(stack.ports.server))

    assert "server.port: is 70000" in output
    assert "server.logLevel" in output
    assert "Traceback" not in output
