"""What reviewers read: the comment of a pull request in Markdown, and the same for a terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from policies.rules import Finding
from toolchain.preview.differences import difference
from toolchain.preview.mermaid import mermaid
from toolchain.preview.nodes import Topology
from toolchain.preview.plan import Operation, Plan
from toolchain.preview.risk import risks
from toolchain.preview.risk_words import Risk

COMMENT_CHARACTERS = 60_000
"""Of 65,536 that GitHub takes; GitLab takes more."""
TERMINAL_CHARACTERS = 110
COUNTED: tuple[Operation, ...] = ("create", "update", "replace", "delete")
MARKS = {"high": "🔴", "medium": "🟠", "low": "🟢"}
COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[1m"}
BOLD, RED, PLAIN = "\033[1m", "\033[31m", "\033[0m"


@dataclass(frozen=True, kw_only=True)
class Review:
    """All that is told of one plan."""

    stack: str
    plan: Plan
    topology: Topology
    findings: Sequence[Finding]
    picture: str
    """Where the topology's picture was written."""

    @property
    def counts(self) -> str:
        """What happens to how many: `3 to update, 34 unchanged`."""
        counted = [(len(self.plan.of(operation)), operation) for operation in COUNTED]
        words = [f"{number} to {operation}" for number, operation in counted if number]
        return ", ".join([*words, f"{len(self.plan.of('same'))} unchanged"])

    @property
    def difference(self) -> list[str]:
        """The lines of the diff, without what a rule says is a secret in clear."""
        return difference(self.plan, hide={one.resource for one in self.findings if one.rule == "no-secret-in-clear"})

    @property
    def risks(self) -> list[Risk]:
        """What it means for those who use Prefect."""
        return risks(self.plan)


def marker(stack: str) -> str:
    """Return the comment's first line, by which the next run finds it and writes it anew."""
    return f"<!-- prefect-selfhost preview of {stack} -->"


def markdown(review: Review) -> str:
    """Return the comment."""
    means = [f"- {MARKS[risk.level]} {_escaped(risk.text)}" for risk in review.risks] or ["Nothing changes."]
    kept = ["All kept. ✅"]
    broken = [f"- ❌ **{_escaped(one.resource)}** {_escaped(one.message)} `{one.rule}`" for one in review.findings]
    head = [
        marker(review.stack),
        f"## Preview of `{review.stack}`",
        f"**{review.counts}** · plan `{review.plan.fingerprint}`",
        "### What it means",
        "\n".join(means),
        "### Policies",
        "\n".join(broken or kept),
        "### Topology",
        f"```mermaid\n{mermaid(review.topology)}\n```",
    ]
    text = "\n\n".join(head)
    room = COMMENT_CHARACTERS - len(text)
    lines = _fitting(review.difference, room)
    body = "\n".join(lines).replace("```", "'''")
    folded = f"<details><summary>The diff, secrets masked</summary>\n\n```diff\n{body}\n```\n\n</details>"
    return "\n\n".join([text, *([folded] if lines else [])]) + "\n"


def terminal(review: Review, *, colour: bool) -> str:
    """Return the same for a terminal, the diff first, so that what matters stands at the end."""
    diff = review.difference
    lines = [_painted(line) for line in diff] if colour else diff
    bold, red, plain = (BOLD, RED, PLAIN) if colour else ("", "", "")
    means = [_wrapped(risk.text, f"  {risk.level:<8}") for risk in review.risks] or ["  Nothing changes."]
    broken = [_wrapped(str(one), "  refused ").replace("refused", f"{red}refused{plain}", 1) for one in review.findings]
    return "\n".join(
        [
            *lines,
            *([""] if lines else []),
            f"{bold}Preview of {review.stack}{plain}  {review.counts}",
            "",
            f"{bold}What it means{plain}",
            *means,
            "",
            f"{bold}Policies{plain}",
            *(broken or ["  all kept"]),
            "",
            f"{bold}Topology{plain}  {review.picture}",
        ]
    )


def _wrapped(text: str, head: str) -> str:
    """Return text in lines that a terminal has room for, aligned behind its head."""
    return textwrap.fill(text, TERMINAL_CHARACTERS, initial_indent=head, subsequent_indent=" " * len(head))


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """Return as many lines as there is room for, and how many more there are."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 500:
            return [*kept, f"… and {len(lines) - number} more lines: make preview shows them"]
        kept.append(line)
    return kept


def _painted(line: str) -> str:
    colour = COLOURS.get(line[:1])
    return f"{colour}{line}{PLAIN}" if colour else line


def _escaped(text: str) -> str:
    """Return text that Markdown takes for text: names come from stack files."""
    for character in "\\`*_[]<>|@":
        text = text.replace(character, f"\\{character}" if character != "@" else "@\u200b")
    return text
