"""Caddy in front of a server on a Windows host: the section `caddy` of a stack file, and the program that it needs."""

import copy
import shlex
from typing import Any

import pytest

from components.platforms import GivenFile
from components.settings.caddy import CaddySettings
from components.settings.https import PrivateCa, StackCertificate
from tests.settings.stack_file import parsed, problems, stack_file
from tests.settings.test_windows_hosts import LINUX, SHA256, WINDOWS

CADDY = {"executable": "D:/offline/caddy.exe", "sha256": SHA256}
URL = "https://prefect.example.com"
SECRETS = {
    "tlsCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "tlsPrivateKey": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
}


def stack(section: Any = None, *, caddy: Any = CADDY, **sections: Any) -> dict[str, str]:
    """Return a stack file with everything on one Windows host, which has Caddy unless told otherwise."""
    host = {**copy.deepcopy(WINDOWS), **({"caddy": caddy} if caddy else {})}
    return stack_file(hosts={"win": host}, **({"caddy": section} if section else {}), **sections)


def with_workers_elsewhere(section: Any = None, *, caddy: Any = CADDY) -> dict[str, str]:
    """Return a stack file with database and server on a Windows host, and a worker on a Linux host, too."""
    hosts = {"win": {**WINDOWS, **({"caddy": caddy} if caddy else {})}, "other": LINUX}
    workers = {"here": {"host": "win"}, "there": {"host": "other"}}
    rest = {"postgres": {"host": "win"}, "server": {"hosts": ["win"]}, "workers": workers}
    return stack_file(hosts=hosts, **({"caddy": section} if section else {}), **rest)


class TestWhereItIs:
    def test_the_program_alone_asks_for_it(self) -> None:
        settings = parsed(stack())
        assert settings.proxy == CaddySettings(
            public_url="https://203.0.113.30", certificate=PrivateCa(), https_port=443, http_port=80
        )
        (host,) = settings.hosts
        assert host.windows
        assert host.windows.caddy == GivenFile(path="D:/offline/caddy.exe", sha256=SHA256)

    def test_without_it_a_windows_server_is_for_its_own_host(self) -> None:
        settings = parsed(stack(caddy=None))
        assert (settings.proxy, settings.public_ports(settings.hosts[0])) == (None, ())

    def test_the_section_asks_for_the_program(self) -> None:
        found = problems(stack({"publicUrl": URL}, caddy=None))
        assert {key: problem.given for key, problem in found.items()} == {
            "hosts.win.caddy.executable": "is missing, and there is a section caddy"
        }

    def test_a_program_that_nobody_uses_is_told(self) -> None:
        hosts = {"db": LINUX, "win": {**{key: WINDOWS[key] for key in WINDOWS if key != "postgresql"}, "caddy": CADDY}}
        on_linux = {"postgres": {"host": "db"}, "server": {"hosts": ["db"]}, "workers": {"default": {"host": "win"}}}
        found = problems(stack_file(hosts=hosts, **on_linux))
        assert {key: problem.given for key, problem in found.items()} == {
            "hosts.win.caddy": "is set, but nobody uses it"
        }

    def test_a_server_on_linux_has_nginx(self) -> None:
        found = problems(stack_file(hosts={"db": LINUX}, caddy={"publicUrl": URL}))
        assert {key: problem.given for key, problem in found.items()} == {
            "caddy": "is for servers on Windows hosts; db is of platform 'linux'"
        }
        assert found["caddy"].allowed.startswith("the section nginx")

    def test_a_server_on_windows_has_no_nginx(self) -> None:
        found = problems(stack(nginx={"publicUrl": URL}, caddy=None))
        assert {key: problem.given for key, problem in found.items()} == {
            "nginx": "is for servers on Linux hosts; win is of platform 'windows'"
        }
        assert found["nginx"].allowed.startswith("the section caddy")

    def test_a_server_on_this_machine_has_neither(self) -> None:
        assert list(problems(stack_file(caddy={"publicUrl": URL}))) == ["caddy"]


class TestTheSection:
    def test_all_of_it_can_be_said(self) -> None:
        told = {"publicUrl": f"{URL}:8443/Team/", "certificate": "stack", "httpsPort": 9443, "httpPort": 8080}
        assert parsed(stack(told, **SECRETS)).proxy == CaddySettings(
            public_url=f"{URL}:8443/Team", certificate=StackCertificate(), https_port=9443, http_port=8080
        )

    @pytest.mark.parametrize(
        ("key", "value", "allowed"),
        [
            (
                "publicUrl",
                "http://prefect.example.com",
                "HOST being a name or an IP address",
            ),
            ("publicUrl", f"{URL}/api", "which are Prefect's own"),
            ("certificate", "acme", "one of privateCa, stack"),
            ("certificate", "files", "one of privateCa, stack"),
            ("httpsPort", 0, "a whole number from 1 to 65535"),
            ("httpPort", "80", "a whole number from 1 to 65535"),
        ],
    )
    def test_a_bad_value_is_told_alone(self, key: str, value: Any, allowed: str) -> None:
        found = problems(stack({"publicUrl": URL, key: value}))
        assert list(found) == [f"caddy.{key}"]
        assert allowed in found[f"caddy.{key}"].allowed

    def test_everything_that_is_wrong_is_told_at_once(self) -> None:
        bad = {"publicUrl": "x", "certificate": "x", "httpsPort": "x", "httpPort": "x", "acmeEmail": "x"}
        found = problems(stack(bad, caddy={"sha256": "x", "version": 2}))
        program = [f"hosts.win.caddy.{key}" for key in ("executable", "sha256", "version")]
        assert sorted(found) == sorted([*(f"caddy.{key}" for key in bad), *program])

    def test_its_ports_are_none_of_another_service(self) -> None:
        found = problems(stack({"publicUrl": f"{URL}:4200"}))
        assert {key: problem.given for key, problem in found.items()} == {
            "caddy.httpsPort": "is 4200, the same as server.port"
        }

    def test_its_ports_are_two(self) -> None:
        found = problems(stack({"publicUrl": URL, "httpPort": 443}))
        assert found["caddy.httpPort"].given == "is 443, as httpsPort"

    def test_its_ports_are_open_to_everybody(self) -> None:
        settings = parsed(stack({"publicUrl": f"{URL}:8443"}))
        (host,) = settings.hosts
        assert {opening.port for opening in settings.openings(host) if opening.sources is None} == {80, 8443}
        assert {("caddy.httpPort", 80), ("caddy.httpsPort", 8443)} <= set(host.ports)

    def test_the_certificate_of_the_stack_is_required(self) -> None:
        found = problems(stack({"certificate": "stack"}))
        assert {key: problem.given for key, problem in found.items()} == dict.fromkeys(
            SECRETS, "is missing; caddy.certificate is 'stack'"
        )
        assert list(problems(stack(**SECRETS))) == [*SECRETS]


class TestTheProgram:
    @pytest.mark.parametrize(
        ("key", "value", "said", "example"),
        [
            ("executable", None, "is missing", "D:/offline/caddy.exe"),
            ("executable", "caddy.exe", "is 'caddy.exe'", "D:/offline/caddy.exe"),
            ("sha256", None, "is missing", "0" * 64),
            ("sha256", "abc", "is 'abc'", "0" * 64),
        ],
    )
    def test_a_bad_value_is_told_alone(self, key: str, value: Any, said: str, example: str) -> None:
        found = problems(stack(caddy={name: told for name, told in {**CADDY, key: value}.items() if told}))
        assert list(found) == [f"hosts.win.caddy.{key}"]
        assert said in found[f"hosts.win.caddy.{key}"].given
        assert found[f"hosts.win.caddy.{key}"].command.endswith(shlex.quote(example))


class TestWorkersOnOtherHosts:
    def test_they_come_by_caddy(self) -> None:
        settings = parsed(with_workers_elsewhere({"publicUrl": URL}))
        names = {host.name: settings.purpose(host)["names"] for host in settings.hosts}
        assert names == {"win": "", "other": "prefect.example.com"}

    def test_without_it_they_are_refused(self) -> None:
        found = problems(with_workers_elsewhere(caddy=None))
        assert {key: problem.given for key, problem in found.items()} == {
            "hosts.win.caddy.executable": "is missing, and workers.there would come over the network"
        }

    def test_with_half_of_it_each_key_is_told_once(self) -> None:
        assert list(problems(with_workers_elsewhere({"publicUrl": URL}, caddy=None))) == ["hosts.win.caddy.executable"]
        assert list(problems(with_workers_elsewhere(caddy={"executable": "D:/caddy.exe"}))) == [
            "hosts.win.caddy.sha256"
        ]
