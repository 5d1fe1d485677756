"""One comment is kept up to date in a pull request, by the API of its forge, which a local server plays."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.loopback_server import LoopbackServer
from tests.settings.stack_file import CHECKOUT

PAGE = 100
MARKER = "<!-- prefect-selfhost preview of prod -->"
SECRET = "token-5e9c1f"
OUR_ID = 41


class Played(NamedTuple):
    """A forge, as far as comments go."""

    name: str
    comments: str
    comment: str
    update: str
    header: str
    environment: dict[str, str]

    def author(self, *, is_us: bool) -> dict[str, Any]:
        if self.name == "github":
            return {"user": {"login": "github-actions[bot]" if is_us else "ada"}}
        return {"author": {"id": OUR_ID if is_us else 1}}


FORGES = (
    Played(
        name="github",
        comments="/repos/ada/stack/issues/7/comments",
        comment="/repos/ada/stack/issues/comments",
        update="PATCH",
        header="Authorization",
        environment={"GITHUB_REPOSITORY": "ada/stack", "PULL_REQUEST": "7", "GITHUB_TOKEN": SECRET},
    ),
    Played(
        name="gitlab",
        comments="/projects/3/merge_requests/7/notes",
        comment="/projects/3/merge_requests/7/notes",
        update="PUT",
        header="PRIVATE-TOKEN",
        environment={"CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "7", "COMMENT_TOKEN": SECRET},
    ),
)


class Server:
    """Keeps the comments of one pull request, hands them out in pages, and refuses who has no token."""

    def __init__(self, forge: Played, comments: list[dict[str, Any]]) -> None:
        self.forge = forge
        self.comments = comments
        self.requests: list[str] = []
        self.url = ""

    def answer(self, method: str, url: str, token: str, body: dict[str, Any] | None) -> tuple[int, Any, str]:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self.requests.append(f"{method} {path}")
        if not token.endswith(SECRET):
            return 403, {"message": "Resource not accessible by integration"}, ""
        if path == "/user":
            return 200, {"id": OUR_ID}, ""
        if path == self.forge.comments and method == "GET":
            assert query["per_page"] == [str(PAGE)]
            page = int(query.get("page", ["1"])[0])
            rest = self.comments[page * PAGE :]
            following = f'<{self.url}{path}?per_page={PAGE}&page={page + 1}>; rel="next", <{self.url}>; rel="last"'
            return 200, self.comments[(page - 1) * PAGE : page * PAGE], following if rest else ""
        if path == self.forge.comments and method == "POST" and body:
            self.comments.append({"id": 9000, **body, **self.forge.author(is_us=True)})
            return 201, self.comments[-1], ""
        found = [one for one in self.comments if path == f"{self.forge.comment}/{one['id']}"]
        if method == self.forge.update and found and body:
            found[0].update(body)
            return 200, found[0], ""
        return 404, {}, ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get(server.forge.header, "")
            status, answer, link = server.answer(self.command, self.path, token, json.loads(sent) if sent else None)
            self.send_response(status)
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with LoopbackServer(Handler) as listening:
        server.url = listening.url
        yield server


@pytest.fixture(params=FORGES, ids=lambda forge: forge.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(Server(request.param, [])) as started:
        yield started


def post(server: Server, text: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script by itself, as the workflows do."""
    (directory / "comment.md").write_text(text)
    script = CHECKOUT / "toolchain" / "preview" / "post.py"
    environ = {"GITHUB_API_URL": server.url, "CI_API_V4_URL": server.url, **server.forge.environment, **environment}
    command = [sys.executable, "-I", str(script), server.forge.name, str(directory / "comment.md")]
    return subprocess.run(command, env=environ, cwd=directory, capture_output=True, text=True, check=False, timeout=60)


def comment(server: Server, number: int, text: str, *, is_us: bool) -> dict[str, Any]:
    return {"id": number, "body": text, **server.forge.author(is_us=is_us)}


def test_the_first_run_writes_a_comment(server: Server, tmp_path: Path) -> None:
    server.comments.append(comment(server, 1, "Looks good to me", is_us=False))

    ended = post(server, f"{MARKER}\nfirst\n", tmp_path)

    assert ended.stdout == "Comment 9000 is written\n", ended.stderr
    assert [one["body"] for one in server.comments] == ["Looks good to me", f"{MARKER}\nfirst\n"]


def test_the_next_run_writes_over_it(server: Server, tmp_path: Path) -> None:
    post(server, f"{MARKER}\nfirst\n", tmp_path)
    post(server, f"{MARKER}\nsecond ✅\n", tmp_path)

    assert [one["body"] for one in server.comments] == [f"{MARKER}\nsecond ✅\n"]


def test_it_is_found_on_whichever_page_it_stands(server: Server, tmp_path: Path) -> None:
    server.comments += [comment(server, number, "talk", is_us=False) for number in range(2 * PAGE)]
    server.comments.append(comment(server, 5000, f"{MARKER}\r\nfirst", is_us=True))

    ended = post(server, f"{MARKER}\nsecond\n", tmp_path)

    assert ended.stdout == "Comment 5000 is written anew\n", ended.stderr
    assert server.requests.count(f"GET {server.forge.comments}") == 3
    assert len(server.comments) == 2 * PAGE + 1


def test_what_others_and_other_stacks_wrote_is_left_alone(server: Server, tmp_path: Path) -> None:
    theirs = [
        comment(server, 1, f"{MARKER}\nsomebody quotes it", is_us=False),
        comment(server, 2, "<!-- prefect-selfhost preview of staging -->\n", is_us=True),
    ]
    server.comments += [dict(one) for one in theirs]

    post(server, f"{MARKER}\nfirst\n", tmp_path)

    assert server.comments[:2] == theirs
    assert len(server.comments) == 3


@pytest.mark.parametrize("token", ["", None], ids=["empty", "of somebody who may not write"])
def test_a_fork_has_no_token_that_may_write(server: Server, tmp_path: Path, token: str | None) -> None:
    name = "GITHUB_TOKEN" if server.forge.name == "github" else "COMMENT_TOKEN"

    ended = post(server, f"{MARKER}\nfirst\n", tmp_path, **{name: "read-only" if token is None else token})

    assert server.comments == []
    if token is None:
        assert ended.returncode == 1
        assert f"answers 403 Forbidden: may {name} write comments there?" in ended.stderr
        assert "read-only" not in ended.stderr
    else:
        assert (ended.returncode, server.requests) == (0, [])
        assert f"there is no {name} here, as in a fork" in ended.stdout


def test_a_forge_that_is_away_is_told_in_one_line(server: Server, tmp_path: Path) -> None:
    nowhere = {"GITHUB_API_URL": "http://127.0.0.1:9", "CI_API_V4_URL": "http://127.0.0.1:9"}

    ended = post(server, f"{MARKER}\nfirst\n", tmp_path, **nowhere)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the comment was not written: ")
    assert "Traceback" not in ended.stderr
