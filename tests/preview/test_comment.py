"""The comment of a pull request: all that reviewers need, nothing secret, short enough to be posted."""

from policies.rules import findings
from tests.policies.plans import environment, plan, step
from tests.preview.stacks import changed_stack
from toolchain.preview.comment import COMMENT_CHARACTERS, Review, markdown, marker, terminal
from toolchain.preview.plan import Plan, read_plan
from toolchain.preview.topology import topology


def review(of: Plan) -> Review:
    return Review(
        stack="prod", plan=of, topology=topology(of), findings=findings(of.resources), picture=".local/picture.svg"
    )


CHANGED = changed_stack(
    prefect_server=("update", {"stdin": "PREFECT_LOGGING_LEVEL=DEBUG\nPREFECT_HOME=/srv\n"}),
    prefect_server_service=("update", {"stdin": "[unknown]"}),
)


def test_it_begins_with_the_mark_by_which_it_is_found_again() -> None:
    assert markdown(review(CHANGED)).startswith(marker("prod") + "\n")


def test_it_has_counts_meaning_policies_picture_and_diff() -> None:
    text = markdown(review(CHANGED))
    for part in (
        "**2 to update, ",
        f"plan `{CHANGED.fingerprint}`",
        "- 🟠 prefect-server restarts",
        "### Policies",
        "```mermaid\nflowchart LR",
        "```diff",
    ):
        assert part in text
    assert "\n+ PREFECT_LOGGING_LEVEL=DEBUG\n" in text


def test_a_terminal_gets_the_same_without_markup() -> None:
    text = terminal(review(CHANGED), colour=False)
    for part in ("2 to update", "prefect-server restarts", "+ PREFECT_LOGGING_LEVEL=DEBUG", ".local/picture.svg"):
        assert part in text
    assert "\033" not in text
    assert "```" not in text


def test_colours_are_for_terminals() -> None:
    assert "\033[32m+ PREFECT_LOGGING_LEVEL=DEBUG" in terminal(review(CHANGED), colour=True)


def test_secrets_are_masked() -> None:
    old, new = {"name": "prefect", "password": "[secret]"}, {"name": "other", "password": "[secret]"}
    role = step("postgresql:index/role:Role", "role", new, operation="update", old=old)
    role["diffReasons"] = ["name", "password"]

    text = markdown(review(read_plan(plan(role))))

    assert "password: [secret], another one" in text
    assert "+ name: other" in text


def test_a_secret_of_an_object_in_prefect_may_be_another_one() -> None:
    block = {"type": "slack-webhook", "name": "ops", "secrets": "[secret]"}
    update = step("pulumi-python:dynamic/prefect:Block", "ops", block, operation="update", old=block)

    text = markdown(review(read_plan(plan(update))))

    assert "@@ ~ ops: block slack-webhook/ops @@\n  secrets: [secret], perhaps another one" in text
    assert "The block slack-webhook/ops changes: flows and automations use it" in text


def test_a_secret_in_clear_is_refused_and_not_repeated() -> None:
    leaked = environment("settings", {"PREFECT_SERVER_DATABASE_PASSWORD": "dR9-xx81-kk20"}, operation="update")
    leaked["oldState"]["inputs"] = {**leaked["oldState"]["inputs"], "stdin": ""}

    text = markdown(review(read_plan(plan(leaked)))) + terminal(review(read_plan(plan(leaked))), colour=False)

    assert "no-secret-in-clear" in text
    assert "left out: it holds a secret in clear" in text
    assert "dR9-xx81-kk20" not in text


def test_a_long_diff_is_cut_where_the_comment_would_be_too_long() -> None:
    lines = "".join(f"SETTING_{number}={'x' * 50}\n" for number in range(3000))
    text = markdown(review(changed_stack(prefect_server=("update", {"stdin": lines}))))
    assert len(text.encode()) < COMMENT_CHARACTERS + 2000
    assert "more lines: make preview shows them" in text
    assert text.rstrip().endswith("</details>")


def test_checksums_of_locks_are_left_out() -> None:
    lock = "httpx==0.28.1 \\\n    --hash=sha256:00\n"
    text = markdown(review(changed_stack(prefect_server=("update", {"stdin": lock}))))
    assert "httpx==0.28.1" in text
    assert "--hash" not in text


def test_nothing_of_a_diff_ends_its_block() -> None:
    text = markdown(review(changed_stack(prefect_server=("update", {"stdin": "A=1\n```\n<script>\n"}))))
    assert text.count("```") == 4


def test_names_are_no_markdown() -> None:
    plan_ = changed_stack(pool_etl=("delete", {}))
    (pool,) = [change for change in plan_.changes if change.resource.name == "pool-etl"]
    assert pool.old
    object.__setattr__(pool.old, "inputs", {**pool.old.inputs, "name": "<img> @everyone"})
    text = markdown(review(plan_))
    assert "work pool <img>" not in text.partition("```diff")[0]
    assert "pool \\<img\\> @\u200beveryone" in text
