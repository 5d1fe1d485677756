"""Tells what `pulumi up` would do to a stack, and writes the comment and the picture of it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from policies.rules import findings
from toolchain.errors import ToolchainError
from toolchain.preview.comment import Review, markdown, terminal
from toolchain.preview.diagram import svg
from toolchain.preview.plan import Plan, read_plan
from toolchain.preview.topology import topology
from toolchain.process import say

BROKEN = 3
"""Exit status of a plan that breaks rules."""


def main() -> int:
    """Print the review of a stack's plan; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.preview", description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--only-diagram", action="store_true", help="write the picture and nothing else")
    parser.add_argument(
        "--expect", metavar="PLAN", help="refuse any plan but the one of this fingerprint, and say no more"
    )
    options = parser.parse_args()
    directory = Path(".local", "preview", options.stack)
    try:
        plan = make_plan(options.stack, directory / "plan.json")
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    if options.expect:
        return expect(plan, options.expect)
    drawn = topology(plan)
    picture = directory / "topology.svg"
    picture.write_text(svg(drawn, options.stack), encoding="utf-8")
    if options.only_diagram:
        sys.stdout.write(f"{picture}\n")
        return 0
    review = Review(
        stack=options.stack,
        plan=plan,
        topology=drawn,
        findings=findings(plan.resources),
        picture=str(picture),
    )
    comment = directory / "comment.md"
    comment.write_text(markdown(review), encoding="utf-8")
    sys.stdout.write(terminal(review, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    sys.stdout.write(f"\nComment   {comment}\nPlan      {plan.fingerprint}\n")
    (directory / "fingerprint").write_text(f"{plan.fingerprint}\n", encoding="utf-8")
    if review.findings:
        say(f"error: the plan breaks {len(review.findings)} rules, see Policies above; nothing was changed")
        return BROKEN
    return 0


def expect(plan: Plan, approved: str) -> int:
    """Refuse a plan that is not the approved one; returns the exit status."""
    if plan.fingerprint == approved:
        return 0
    say(
        f"error: the plan is {plan.fingerprint} now, but {approved} was approved: the hosts, the stack file or the "
        "program changed since. Nothing was done. Look at it again: make preview"
    )
    return 1


def make_plan(stack: str, file: Path) -> Plan:
    """Let Pulumi plan, keep the plan in `file` for `pulumi up --plan`, and read it.

    Raises ToolchainError with Pulumi's own words if there is no whole plan.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    say(f"Pulumi plans {stack}; no host is contacted, unless the stack's setting drift is true")
    command = ["pulumi", "preview", "--stack", stack, "--json", "--show-sames", "--non-interactive"]
    ended = subprocess.run([*command, "--save-plan", str(file)], capture_output=True, text=True, check=False)
    try:
        plan = read_plan(ended.stdout)
    except ValueError:
        raise ToolchainError(ended.stderr.strip() or f"pulumi preview ended with {ended.returncode}") from None
    if ended.returncode:
        problems = [problem.removeprefix("error: ") for problem in plan.problems if "unhandled error" not in problem]
        raise ToolchainError("\n".join(problems) or ended.stderr.strip() or "pulumi preview failed and did not say why")
    return plan


if __name__ == "__main__":
    sys.exit(main())
