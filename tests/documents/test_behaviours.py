"""The table of what was tested of each object in Prefect tells of the tests that there are, each of them passed."""

import re
import subprocess
import sys
from pathlib import Path

from tests.engine.behaviours import BEGIN, DOCUMENT, END, passed, table, written
from tests.engine.prefect_objects import KINDS
from tests.settings.stack_file import CHECKOUT


def test_it_is_what_would_be_written_if_all_tests_passed() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/engine/test_objects_in_prefect.py"]
    collected = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    tests = re.findall(r"::(test_\w+\[\w+\])$", collected, re.MULTILINE)

    assert len(tests) >= 9 * len(KINDS)
    document = DOCUMENT.read_text()
    assert document.count(BEGIN) == document.count(END) == 1
    assert written(document) == table(tests)


def test_a_test_that_failed_or_never_ran_is_no_yes(tmp_path: Path) -> None:
    report = tmp_path / "results.xml"
    report.write_text(
        '<testsuites><testsuite><testcase name="test_it_lives[WorkPool]"/>'
        '<testcase name="test_it_lives[Variable]"><failure/></testcase>'
        '<testcase name="test_it_lives[Block]"><error/></testcase><testcase name="test_else"/></testsuite></testsuites>'
    )
    columns = ["it lives", "yes", *["**no**"] * (len(KINDS) - 1)]
    assert table(passed(report)).splitlines()[2] == f"| {' | '.join(columns)} |"
