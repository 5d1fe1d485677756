"""What is the same on every POSIX host, whoever keeps its services."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from components.platforms import bash
from components.platforms.contract import Area, HostFile


class Posix(ABC):
    """Where programs stand below the area `runtime`, and files that are written as they are."""

    @abstractmethod
    def path(self, area: Area, *parts: str) -> str:
        """Return the full path of something of kind `area`."""

    def python(self, environment: str) -> str:
        """Return the Python of a virtual environment."""
        return self.path("runtime", environment, "bin", "python")

    def current(self, service: str) -> str:
        """Return the Python behind a link that the service's start moves."""
        return self.python(f"current/{service}")

    def postgresql(self, program: str) -> str:
        """Return a program behind the link that the installation makes."""
        return self.path("runtime", "postgresql", program)

    def home(self, service: str) -> str:  # noqa: ARG002 - the same for all
        """Return the one of the user `prefect`."""
        return self.path("data", "prefect")

    def file_payload(self, file: HostFile, content: str) -> str:  # noqa: ARG002 - what else there is to it is in the command
        """Return the content."""
        return content

    def caddy(self) -> str:
        """Return none: the proxy is nginx here, or there is none."""
        return ""

    def stop_file(self, service: str) -> str:  # noqa: ARG002 - the same for all
        """Return none: a signal tells the program alone."""
        return ""

    def environment_file(self, variables: Mapping[str, str]) -> str:
        """Return NAME=value lines, taken literally: plain values by systemd's EnvironmentFile=, all by launch.sh."""
        return bash.environment_lines(variables)
