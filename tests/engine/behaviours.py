"""Writes the table of docs/prefect-objects.md that tells which test of which object ran.

After `make test ARGS="tests/engine/test_objects_in_prefect.py --junit-xml results.xml"` the command
`python -m tests.engine.behaviours results.xml` puts it there.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.engine.prefect_objects import KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "prefect-objects.md"
BEGIN, END = "<!-- behaviours: written by tests/engine/behaviours.py -->\n", "<!-- end of behaviours -->\n"

_OF_A_KIND = re.compile(r"test_(\w+)\[(\w+)\]")


def passed(report: Path) -> list[str]:
    """Return the names of the tests that passed according to a JUnit report, in the order they ran."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - a report that we had written ourselves
    return [case.attrib["name"] for case in cases if not [*case.iter("failure"), *case.iter("error")]]


def table(tests: Iterable[str]) -> str:
    """Return, as Markdown, a row for each behaviour and a column for each kind of object that a test was about."""
    ran = [match.groups() for test in tests if (match := _OF_A_KIND.fullmatch(test))]
    behaviours = [*dict.fromkeys(behaviour for behaviour, _ in ran)]
    head = ["", *KINDS]
    rows = [
        [behaviour.replace("_", " "), *("yes" if (behaviour, kind) in ran else "**no**" for kind in KINDS)]
        for behaviour in behaviours
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *rows])


def written(document: str) -> str:
    """Return the table that stands in a document."""
    return document.partition(BEGIN)[2].partition(END)[0]


def main(arguments: Sequence[str]) -> int:
    """Put the table of a report into the document; returns the exit status."""
    (report,) = arguments
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text.replace(BEGIN + written(text) + END, BEGIN + table(passed(Path(report))) + END))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
