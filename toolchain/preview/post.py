"""Writes the comment of a pull request, over the one that an earlier run wrote there.

Needs nothing but Python, as it is run from a checkout of the branch that a pull request is for: what may write comments
runs nothing of the pull request. https://docs.github.com/en/rest/issues/comments, https://docs.gitlab.com/api/notes/
"""

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 30
SECRETS = {"github": "GITHUB_TOKEN", "gitlab": "COMMENT_TOKEN"}
GITHUB_BOT = "github-actions[bot]"
"""Whom GITHUB_TOKEN writes as."""


@dataclass(frozen=True, kw_only=True)
class Forge:
    """Where the comments of a pull request are, and how they are written."""

    comments: str
    """URL of all of them."""
    comment: str
    """URL of one of them, without its id."""
    update: str
    """Method that writes over one."""
    headers: Mapping[str, str]
    is_ours: Callable[[Mapping[str, Any]], bool]
    """Tells whether a comment is by us: those of others are left alone."""


def main() -> int:
    """Post the comment in a file; returns the exit status."""
    parser = argparse.ArgumentParser(prog="post.py", description=__doc__)
    parser.add_argument("forge", choices=sorted(SECRETS))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    secret = SECRETS[options.forge]
    if not os.environ.get(secret):
        sys.stdout.write(
            f"No comment is written: there is no {secret} here, as in a fork. It stands in {options.file}\n"
        )
        return 0
    try:
        forge = github(os.environ) if options.forge == "github" else gitlab(os.environ)
        sys.stdout.write(f"{post(forge, options.file.read_text(encoding='utf-8'))}\n")
    except urllib.error.HTTPError as error:
        sys.stderr.write(
            f"error: {error.url} answers {error.code} {error.reason}: may {secret} write comments there?\n"
        )
        return 1
    except OSError as error:
        sys.stderr.write(f"error: the comment was not written: {error}. Run the job again.\n")
        return 1
    return 0


def github(environ: Mapping[str, str]) -> Forge:
    """Return the pull request of a run of GitHub Actions."""
    repository = f"{environ['GITHUB_API_URL']}/repos/{environ['GITHUB_REPOSITORY']}/issues"
    return Forge(
        comments=f"{repository}/{environ['PULL_REQUEST']}/comments",
        comment=f"{repository}/comments",
        update="PATCH",
        headers={"Authorization": f"Bearer {environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"},
        is_ours=lambda comment: comment["user"]["login"] == GITHUB_BOT,
    )


def gitlab(environ: Mapping[str, str]) -> Forge:
    """Return the merge request of a pipeline of GitLab."""
    api, headers = environ["CI_API_V4_URL"], {"PRIVATE-TOKEN": environ["COMMENT_TOKEN"]}
    notes = f"{api}/projects/{environ['CI_PROJECT_ID']}/merge_requests/{environ['CI_MERGE_REQUEST_IID']}/notes"
    us, _ = _request("GET", f"{api}/user", headers)
    return Forge(
        comments=notes,
        comment=notes,
        update="PUT",
        headers=headers,
        is_ours=lambda comment: comment["author"]["id"] == us["id"],
    )


def post(forge: Forge, body: str) -> str:
    """Write a comment, over our own with the same first line if there is one; returns what was done."""
    for comment in _all(forge):
        if forge.is_ours(comment) and _first_line(comment["body"]) == _first_line(body):
            _request(forge.update, f"{forge.comment}/{comment['id']}", forge.headers, {"body": body})
            return f"Comment {comment['id']} is written anew"
    created, _ = _request("POST", forge.comments, forge.headers, {"body": body})
    return f"Comment {created['id']} is written"


def _all(forge: Forge) -> Iterator[dict[str, Any]]:
    """Yield every comment, page by page."""
    page: str | None = f"{forge.comments}?per_page=100"
    while page:
        comments, link = _request("GET", page, forge.headers)
        yield from comments
        following = re.search(r'<([^>]+)>; rel="next"', link)
        page = following[1] if following else None


def _request(
    method: str, url: str, headers: Mapping[str, str], content: Mapping[str, str] | None = None
) -> tuple[Any, str]:
    """Return what an API answers, and its header Link, which names the next page.

    Raises OSError, of which urllib.error.HTTPError is one.
    """
    data = None if content is None else json.dumps(content).encode()
    told = {**headers, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, told, method=method)  # noqa: S310 - the forge's own address
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer), answer.headers.get("Link", "")


def _first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


if __name__ == "__main__":
    sys.exit(main())
