"""That the check of requests against the server's own description can fail."""

from typing import Any

import pytest

from components.prefect_api.client import PrefectClient
from tests.prefect_api.server_description import ServerDescription


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (("POST", "/variables/", {}, {"name": "a", "value": 1}), None),
        (("POST", "/variables/", {}, {"name": "a"}), "'value' is a required property"),
        (("POST", "/variables/", {}, {"name": "a", "value": 1, "tag": "b"}), "'tag' was unexpected"),
        (("PATCH", "/work_pools/etl", {}, {"is_paused": "perhaps"}), "not valid under any"),
        (("GET", "/variables/name/a", {}, None), None),
        (("GET", "/variables/name/a", {"secrets": "true"}, None), "no parameter secrets"),
        (("GET", "/variables/name/a", {}, {}), "wants no body"),
        (("PUT", "/variables/name/a", {}, {}), "no PUT /variables/name/a"),
    ],
)
def test_it_names_what_is_not_as_the_server_describes_it(
    description: ServerDescription, request_: tuple[str, str, dict[str, str], Any], problem: str | None
) -> None:
    problems = description.problems(*request_)

    assert bool(problems) == (problem is not None), problems
    assert problem is None or problem in problems[0]


def test_a_request_that_the_server_takes_but_does_not_describe_fails_its_test(client: PrefectClient) -> None:
    with pytest.raises(AssertionError, match="no parameter misspelt"):
        client.request("GET", "/admin/version", query={"misspelt": "true"})
