"""What a stack file keeps in the Prefect server: pools with their queues, variables, limits, blocks."""

import re
from typing import Any, ClassVar

import pytest
import yaml

from components.settings import WorkQueueSettings
from components.settings.automations import AutomationSettings
from components.settings.prefect_objects import (
    BlockSettings,
    GlobalConcurrencyLimitSettings,
    TagConcurrencyLimitSettings,
    VariableSettings,
)
from tests.settings.stack_file import CHECKOUT, parsed, problems, secret_keys, stack_file

DOCUMENT = CHECKOUT / "docs" / "prefect-objects.md"

OBJECTS: dict[str, Any] = {
    "variables": {"region": {"value": "eu"}, "tables": {"value": ["a", None], "tags": ["x"], "adopt": True}},
    "concurrencyLimits": {
        "warehouse": {"limit": 3},
        "API calls": {"limit": 10, "active": False, "slotDecayPerSecond": 0.5, "adopt": True},
    },
    "tagConcurrencyLimits": {"gpu": {"limit": 0, "adopt": True}},
    "blocks": {
        "s3-bucket/lake": {"data": {"bucket_name": "b"}, "references": {"credentials": "aws-credentials/z"}},
        "aws-credentials/z": {"secrets": {"aws_secret_access_key": "lake-key"}, "adopt": True},
    },
}
SECRETS = {"secretField-lake-key": "f1e1d-52"}


def test_the_stack_file_of_the_documents_is_a_good_one() -> None:
    example, *_ = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    tables = {key.removeprefix("prefect-selfhost:"): table for key, table in yaml.safe_load(example)["config"].items()}
    secrets = {"secretField-lake-password": "p", "secretField-slack-url": "https://slack.example.com"}

    settings = parsed(stack_file(**tables, **secrets))

    assert len(settings.objects.automations) == 3
    assert len(settings.objects.blocks) == 3


class TestJobVariables:
    """They are told of in the preview, so far as the job template is known there."""

    @pytest.mark.parametrize(
        ("pool", "told"),
        [
            ({"jobVariables": {"working_dri": "/srv"}}, {"working_dri": "did you mean working_dir?"}),
            ({"jobVariables": {"stream_output": 3}}, {"stream_output": "must be of type boolean"}),
            ({"type": "kubernetes", "jobVariables": {"image": "a", "working_dir": "b"}}, {"working_dir": "is unknown"}),
            (
                {
                    "baseJobTemplate": {"variables": {"properties": {"cpu": {"type": "integer"}}}},
                    "jobVariables": {"cpu": "1"},
                },
                {"cpu": "must be of type integer"},
            ),
        ],
    )
    def test_one_that_does_not_fit_is_told(self, pool: dict[str, Any], told: dict[str, str]) -> None:
        found = problems(
            stack_file(workPools={"default": {}, "other": pool}, workers={"default": {"workPool": "default"}})
        )

        keys = {f"workPools.other.jobVariables.{name}": text for name, text in told.items()}
        assert found.keys() == keys.keys()
        assert all(text in found[key].given for key, text in keys.items())

    @pytest.mark.parametrize("value", ["/srv/flows", None, "{{ prefect.variables.place }}", {"$ref": "block"}])
    def test_one_that_fits_or_that_only_a_flow_run_knows_is_taken(self, value: object) -> None:
        assert problems(stack_file(workPools={"default": {"jobVariables": {"working_dir": value}}})) == {}


class TestObjects:
    def test_a_stack_file_that_names_none_has_none(self) -> None:
        assert not parsed(stack_file()).objects

    def test_every_key_arrives(self) -> None:
        objects = parsed(stack_file(**OBJECTS, **SECRETS)).objects

        assert objects.variables == (
            VariableSettings(name="region", value="eu", tags=(), adopt=False),
            VariableSettings(name="tables", value=["a", None], tags=("x",), adopt=True),
        )
        assert objects.global_concurrency_limits == (
            GlobalConcurrencyLimitSettings(
                name="API calls", limit=10, active=False, slot_decay_per_second=0.5, adopt=True
            ),
            GlobalConcurrencyLimitSettings(
                name="warehouse", limit=3, active=True, slot_decay_per_second=0, adopt=False
            ),
        )
        assert objects.tag_concurrency_limits == (TagConcurrencyLimitSettings(tag="gpu", limit=0, adopt=True),)
        assert objects.secret_fields == ("lake-key",)

    def test_a_block_comes_after_those_that_it_refers_to(self) -> None:
        credentials, bucket = parsed(stack_file(**OBJECTS, **SECRETS)).objects.blocks

        assert credentials == BlockSettings(
            type="aws-credentials",
            name="z",
            data={},
            secrets={"aws_secret_access_key": "lake-key"},
            references={},
            adopt=True,
        )
        assert (bucket.key, bucket.references) == ("s3-bucket/lake", {"credentials": "aws-credentials/z"})

    @pytest.mark.parametrize("value", ["", 0, 1.5, False, None, [], {}])
    def test_a_variable_may_be_anything(self, value: object) -> None:
        (variable,) = parsed(stack_file(variables={"v": {"value": value}})).objects.variables

        assert variable.value == value

    @pytest.mark.parametrize(
        ("tables", "key", "given"),
        [
            ({"variables": {"Region": {"value": 1}}}, "variables.Region", "is no good name"),
            ({"variables": {"v": {}}}, "variables.v.value", "is missing"),
            ({"variables": {"v": {"value": "x" * 5000}}}, "variables.v.value", "is too long"),
            ({"variables": {"v": {"value": 1, "tags": "x"}}}, "variables.v.tags", "is 'x'"),
            ({"variables": {"v": {"value": 1, "tag": "x"}}}, "variables.v.tag", "did you mean tags?"),
            ({"variables": {"v": "eu"}}, "variables.v", "is 'eu'"),
            ({"concurrencyLimits": {"a/b": {"limit": 1}}}, 'concurrencyLimits["a/b"]', "is no good name"),
            ({"concurrencyLimits": {"a": {}}}, "concurrencyLimits.a.limit", "is missing"),
            ({"concurrencyLimits": {"a": {"limit": -1}}}, "concurrencyLimits.a.limit", "is -1"),
            ({"concurrencyLimits": {"a": {"limit": 1, "active": 1}}}, "concurrencyLimits.a.active", "is 1"),
            (
                {"concurrencyLimits": {"a": {"limit": 1, "slotDecayPerSecond": -1}}},
                "concurrencyLimits.a.slotDecayPerSecond",
                "is -1",
            ),
            ({"tagConcurrencyLimits": {"a": {"limit": "x"}}}, "tagConcurrencyLimits.a.limit", "is 'x'"),
            ({"blocks": {"lake": {}}}, "blocks.lake", "is no good name"),
            ({"blocks": {"a/b": {"data": 1}}}, 'blocks["a/b"].data', "is 1"),
            ({"blocks": {"a/b": {"references": {"c": "a/d"}}, "a/c": {}}}, 'blocks["a/b"].references.c', "is 'a/d'"),
            ({"blocks": {"a/b": {"secrets": {"c": "not good"}}}}, 'blocks["a/b"].secrets.c', "is 'not good'"),
        ],
    )
    def test_what_is_wrong_is_told_where_it_stands(self, tables: dict[str, Any], key: str, given: str) -> None:
        found = problems(stack_file(**tables))

        assert key in found
        assert given in found[key].given

    def test_blocks_that_refer_to_each_other_are_a_circle(self) -> None:
        blocks = {"a/b": {"references": {"x": "a/c"}}, "a/c": {"references": {"x": "a/b"}}}

        ((key, problem),) = problems(stack_file(blocks=blocks)).items()

        assert key in {'blocks["a/b"]', 'blocks["a/c"]'}
        assert "refers to itself" in problem.given

    def test_the_only_block_can_refer_to_none(self) -> None:
        blocks = {"a/b": {"references": {"x": "a/c"}}}

        assert problems(stack_file(blocks=blocks)).keys() == {'blocks["a/b"].references.x'}


class TestAutomations:
    BLOCKS: ClassVar[dict[str, Any]] = {"slack-webhook/alerts": {}, "webhook/pager": {}}

    def of(self, **automation: Any) -> AutomationSettings:
        (found,) = parsed(stack_file(blocks=self.BLOCKS, automations={"Told!": automation})).objects.automations
        return found

    def test_a_preset_needs_one_line_and_a_block_to_tell_it_through(self) -> None:
        automation = self.of(when="flow-run-failed", notify="slack-webhook/alerts")

        assert automation.name == "Told!"
        assert automation.trigger["expect"] == ["prefect.flow-run.Failed"]
        (action,) = automation.actions
        assert (action["type"], action["block"]) == ("send-notification", "slack-webhook/alerts")

    def test_a_webhook_is_called_and_other_blocks_send(self) -> None:
        (action,) = self.of(when="flow-run-late", notify="webhook/pager").actions

        assert (action["type"], action["block"]) == ("call-webhook", "webhook/pager")

    def test_a_preset_that_does_something_by_itself_need_not_tell(self) -> None:
        (action,) = self.of(when="flow-run-zombie").actions

        assert action["type"] == "change-flow-run-state"

    def test_it_may_be_written_out(self) -> None:
        trigger = {"posture": "Reactive", "expect": ["prefect.flow-run.Completed"]}
        actions = [{"type": "do-nothing"}, {"type": "send-notification", "block": "slack-webhook/alerts", "body": "!"}]

        automation = self.of(trigger=trigger, actions=actions, description="d", enabled=False, tags=["x"], adopt=True)

        assert automation == AutomationSettings(
            name="Told!",
            trigger=trigger,
            actions=tuple(actions),
            description="d",
            enabled=False,
            tags=("x",),
            adopt=True,
        )

    @pytest.mark.parametrize(
        ("automation", "key", "given"),
        [
            ({}, "when", "is missing"),
            ({"when": "flow-run-fail", "notify": "webhook/pager"}, "when", "did you mean flow-run-failed?"),
            ({"when": "flow-run-failed"}, "notify", "is missing"),
            ({"when": "flow-run-failed", "notify": "webhook/pagers"}, "notify", "did you mean webhook/pager?"),
            ({"when": "flow-run-zombie", "actions": [{}]}, "actions", "has no meaning here"),
            ({"trigger": {}, "notify": "webhook/pager"}, "notify", "has no meaning here"),
            ({"trigger": []}, "trigger", "is []"),
            ({"trigger": {}}, "actions[0].type", "is missing"),
            ({"trigger": {}, "actions": {}}, "actions", "is {}"),
            ({"trigger": {}, "actions": []}, "actions", "is []"),
            ({"trigger": {}, "actions": [{"block": "webhook/x"}]}, "actions[0].block", "is 'webhook/x'"),
            ({"trigger": {}, "actions": [], "colour": 1}, "colour", "is not a setting"),
        ],
    )
    def test_what_is_wrong_is_told_where_it_stands(self, automation: dict[str, Any], key: str, given: str) -> None:
        found = problems(stack_file(blocks=self.BLOCKS, automations={"a": automation}))

        assert given in found[f"automations.a.{key}"].given

    def test_nothing_can_be_told_through_a_block_where_there_is_none(self) -> None:
        automations = {"a": {"when": "flow-run-zombie", "notify": "webhook/pager"}}

        assert problems(stack_file(automations=automations)).keys() == {"automations.a.notify"}


class TestSecretFields:
    BLOCKS: ClassVar[dict[str, Any]] = {
        "blocks": {"aws-credentials/z": {"secrets": {"aws_secret_access_key": "lake-key"}}}
    }

    def test_a_secret_that_a_block_names_must_be_there(self) -> None:
        problem = problems(stack_file(**self.BLOCKS))["secretField-lake-key"]

        assert problem.given == "is missing"
        assert problem.command == "pulumi config set --stack dev --secret secretField-lake-key"

    def test_it_must_be_a_secret_and_is_not_shown(self) -> None:
        values = stack_file(**self.BLOCKS, **SECRETS)
        problem = problems(values, secrets=secret_keys(values) - SECRETS.keys())["secretField-lake-key"]

        assert "clear text" in problem.given
        assert SECRETS["secretField-lake-key"] not in str(problem)

    def test_one_that_no_block_names_is_told(self) -> None:
        assert problems(stack_file(**SECRETS))["secretField-lake-key"].given == "is named by no block"


class TestWorkPools:
    def test_every_key_arrives_and_the_queue_that_is_served_first_is_the_first(self) -> None:
        pool_table = {
            "type": "docker",
            "description": "Nightly",
            "paused": True,
            "jobVariables": {"image": "i", "env": {"A": None}},
            "adopt": True,
            "workQueues": {
                "default": {},
                "Low!": {"priority": 9, "description": "later", "concurrencyLimit": 1, "paused": True, "adopt": True},
                "urgent": {"priority": 1},
            },
        }
        pools = {pool.name: pool for pool in parsed(pools_file(nightly=pool_table)).work_pools}
        pool = pools["nightly"]

        assert (pool.type, pool.description, pool.paused, pool.adopt) == ("docker", "Nightly", True, True)
        assert pool.job_variables == {"image": "i", "env": {"A": None}}
        assert [queue.name for queue in pool.queues] == ["urgent", "Low!", "default"]
        assert pool.queues[1] == WorkQueueSettings(
            name="Low!", description="later", concurrency_limit=1, priority=9, paused=True, adopt=True
        )
        assert pools["default"].job_variables is None

    @pytest.mark.parametrize(
        ("pool", "key", "given"),
        [
            ({"paused": "no"}, "paused", "is 'no'"),
            ({"description": 1}, "description", "is 1"),
            ({"jobVariables": ["image"]}, "jobVariables", "is ['image']"),
            ({"workQueues": {"a/b": {}}}, 'workQueues["a/b"]', "is no good name"),
            ({"workQueues": {"a": {"priority": 0}}}, "workQueues.a.priority", "is 0"),
            ({"workQueues": {"a": {"colour": 0}}}, "workQueues.a.colour", "is not a setting"),
        ],
    )
    def test_what_is_wrong_is_told_where_it_stands(self, pool: dict[str, Any], key: str, given: str) -> None:
        assert given in problems(pools_file(nightly=pool))[f"workPools.nightly.{key}"].given

    def test_two_queues_of_a_pool_have_two_priorities(self) -> None:
        queues = {"a": {"priority": 1}, "b": {"priority": 1}, "c": {"priority": 2}}

        problem = problems(pools_file(nightly={"workQueues": queues}))["workPools.nightly.workQueues.b.priority"]

        assert "another queue" in problem.given

    def test_the_worker_of_a_stack_serves_the_one_pool_that_it_can(self) -> None:
        settings = parsed(stack_file(workPools={"default": {}, "k8s": {"type": "kubernetes"}}))

        assert [worker.work_pool for worker in settings.workers] == ["default"]

    def test_it_serves_no_pool_of_another_type(self) -> None:
        pools = {"k8s": {"type": "kubernetes"}, "etl": {}}

        problem = problems(stack_file(workPools=pools, workers={"w": {"workPool": "k8s"}}))["workers.w.workPool"]

        assert "another type" in problem.given
        assert problem.command.endswith("workers.w.workPool etl")

    def test_a_stack_whose_workers_have_no_pool_to_serve_needs_one(self) -> None:
        workers = {"a": {"healthPort": 4211}, "b": {}}

        ((key, problem),) = problems(stack_file(workPools={"k8s": {"type": "kubernetes"}}, workers=workers)).items()

        assert key == "workPools.k8s.type"
        assert problem.command.endswith("workPools.k8s.type process")


def pools_file(**pools: Any) -> dict[str, str]:
    return stack_file(workPools={"default": {}, **pools}, workers={"w": {"workPool": "default"}})
