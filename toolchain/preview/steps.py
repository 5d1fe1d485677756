"""The commands of a plan: what each does, and on which host."""

import re
from collections.abc import Iterator

from policies.resources import Resource
from policies.steps import Script, WrittenFile, step
from toolchain.preview.plan import Change, Plan

HOST = "prefect-selfhost:index:Host"


class Steps:
    """The changes of a plan by name, each with the host it happens on."""

    def __init__(self, plan: Plan) -> None:
        self.changes = {change.resource.name: change for change in plan.changes}
        self._done = {name: step(change.resource) for name, change in self.changes.items()}
        for name, done in self._done.items():
            # a Windows host is told in its input alone which script to run, and that may be secret
            if done is None and self._is_service(f"{name}-definition"):
                self._done[name] = Script(name="service")

    def done(self, name: str) -> WrittenFile | Script | None:
        """Return what the command of this name does; None for any other resource."""
        return self._done.get(name)

    def _is_service(self, definition: str) -> bool:
        done = self.done(definition)
        return isinstance(done, WrittenFile) and done.service is not None

    def host(self, resource: Resource) -> str | None:
        """Return the name of the host that a step happens on: each waits for its host to be prepared."""
        for name in (resource.name, *sorted(resource.depends_on)):
            parent = self.changes[name].resource.parent if name in self.changes else None
            if parent and parent in self.changes and self.changes[parent].resource.type == HOST:
                return parent
        return None

    def files(self) -> Iterator[tuple[Change, WrittenFile]]:
        """Yield every file that is written or removed."""
        for name, done in self._done.items():
            if isinstance(done, WrittenFile):
                yield self.changes[name], done

    def scripts(self, name: str) -> Iterator[tuple[Change, Script]]:
        """Yield every run of one script."""
        for resource, done in self._done.items():
            if isinstance(done, Script) and done.name == name:
                yield self.changes[resource], done

    def service(self, resource: Resource) -> str | None:
        """Return the unit that a run of the script `service` starts: it waits for the unit's definition."""
        for name in sorted(resource.depends_on):
            done = self.done(name)
            if isinstance(done, WrittenFile) and done.service:
                return done.service
        return None

    def environment(self, host: str, service: str) -> dict[str, str]:
        """Return what a service's plain environment files hold."""
        here = [file for change, file in self.files() if self.host(change.resource) == host]
        definition = next((file.content or "" for file in here if file.service == service), "")
        paths = re.findall(r'(?:\b[A-Za-z]:)?/[^\s"]+\.env\b', definition)
        read = {file.path: file.variables for file in here if file.path in paths}
        return {name: value for path in paths for name, value in read.get(path, {}).items()}
