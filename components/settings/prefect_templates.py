"""The `{{ ... }}` of a prefect.yaml: what a worker fills in stays, what a deploying machine would is refused.

https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml#templating-options
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from components.settings.table import Problems

# prefect.utilities.templating (3.8.8)
_PLACEHOLDER = re.compile(r"{{\s*([\w.\-\[\]$]+)\s*}}")


class Templates:
    """Fills in what the build and push steps would put out, as far as it is given.

    Args:
        problems: where all others are noted.
        file_name: by which the stack file names the prefect.yaml.
        outputs: of its steps, by the step's `id`.
    """

    def __init__(self, problems: Problems, file_name: str, outputs: Mapping[str, Any]) -> None:
        self._problems, self._file_name, self._outputs = problems, file_name, outputs

    def filled(self, key: str, value: Any, at_run_time: Sequence[str] = ()) -> Any:
        """Return a value with what is known filled in; names that begin with one of `at_run_time` stay."""
        if isinstance(value, Mapping):
            return {name: self.filled(f"{key}.{name}", inner, at_run_time) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(f"{key}[{index}]", inner, at_run_time) for index, inner in enumerate(value)]
        return self._text(key, value, tuple(at_run_time)) if isinstance(value, str) else value

    def _text(self, key: str, text: str, at_run_time: tuple[str, ...]) -> Any:
        whole = _PLACEHOLDER.fullmatch(text)
        if whole and not whole[1].startswith(at_run_time):
            return self._value(key, whole[1])
        return _PLACEHOLDER.sub(
            lambda found: found[0] if found[1].startswith(at_run_time) else str(self._value(key, found[1])), text
        )

    def _value(self, key: str, name: str) -> Any:
        value: Any = self._outputs
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            self._refuse(key, name)
            return ""
        return value

    def _refuse(self, key: str, name: str) -> None:
        if name.startswith("$"):
            given = f"is filled in from the environment of whoever deploys: {name}"
            allowed = "a value: two people would deploy different things from one file"
        elif name.startswith(("prefect.blocks.", "prefect.variables.")):
            given = f"holds {name}, which Prefect fills in here only when `prefect deploy` runs"
            allowed = "a value; in pull steps and job variables blocks and variables may stand, and flows read both"
        else:
            given = f"needs {name}, which a build or push step puts out, and Pulumi runs none"
            allowed = f"a value; or what the step put out, as prefectFiles.{self._file_name}.stepOutputs.{name}"
        self._problems.add(key, given, allowed, "")
