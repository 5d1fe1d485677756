"""The section `nginx` of a stack file."""

from typing import Any

import pytest

from components.settings import HostSettings
from components.settings.https import PrivateCa, StackCertificate, check_certificate_secrets
from components.settings.nginx import Acme, CertificateFiles, NginxSettings, read_nginx
from components.settings.table import Problem, Problems, Table

SERVER = HostSettings(name="box", platform="linux")
URL = "https://prefect.example.com"


def read(*hosts: HostSettings, **values: Any) -> tuple[NginxSettings, dict[str, Problem]]:
    """Return the section's settings and problems, by key."""
    problems = Problems("prod")
    settings = read_nginx(Table(problems, "nginx", values), hosts or (SERVER,))
    found = {problem.key: problem for problem in problems.found}
    assert len(found) == len(problems.found), f"a key is told of twice: {problems.found}"
    return settings, found


def good(**values: Any) -> NginxSettings:
    settings, problems = read(**{"publicUrl": URL, **values})
    assert problems == {}
    return settings


class TestThePublicUrl:
    def test_all_else_follows_from_it(self) -> None:
        settings = good()
        assert settings == NginxSettings(public_url=URL, certificate=PrivateCa(), https_port=443, http_port=80)
        assert (settings.host, settings.server_name, settings.authority, settings.path) == (
            *("prefect.example.com",) * 3,
            "",
        )
        assert settings.ports == (("nginx.httpPort", 80), ("nginx.httpsPort", 443))

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("https://Prefect.Example.COM/", "https://prefect.example.com"),
            ("https://prefect.example.com:443", "https://prefect.example.com"),
            ("https://intranet", "https://intranet"),
            ("https://203.0.113.10:8443/", "https://203.0.113.10:8443"),
            ("https://[2001:DB8:0::1]/a/b/", "https://[2001:db8::1]/a/b"),
            ("https://example.com/Team_A/prefect-3.8~x", "https://example.com/Team_A/prefect-3.8~x"),
        ],
    )
    def test_it_is_kept_in_its_shortest_form(self, given: str, kept: str) -> None:
        assert good(publicUrl=given).public_url == kept

    def test_an_ipv6_address_has_brackets_only_in_urls(self) -> None:
        settings = good(publicUrl="https://[2001:db8::1]:8443/prefect")
        assert (settings.host, settings.server_name, settings.authority, settings.path) == (
            "2001:db8::1",
            "[2001:db8::1]",
            "[2001:db8::1]:8443",
            "/prefect",
        )

    def test_nginx_listens_where_it_says_unless_told_otherwise(self) -> None:
        assert good(publicUrl=f"{URL}:8443").https_port == 8443
        assert good(publicUrl=URL, httpsPort=8443).https_port == 8443

    @pytest.mark.parametrize(
        "given",
        [
            "http://prefect.example.com",
            "prefect.example.com",
            "https://",
            "https://user:password@prefect.example.com",
            "https://prefect_1.example.com",
            "https://-prefect.example.com",
            "https://prefect..example.com",
            "https://prefect.example.com.",
            "https://prefect.example.com:0",
            "https://prefect.example.com:65536",
            "https://203.0.113.300",
            "https://203.0.113",
            "https://[2001:db8::1::2]",
            "https://[203.0.113.10]",
            f"https://{'a.' * 127}com",
            "https://prefect.example.com/a b",
            "https://prefect.example.com/a//b",
            "https://prefect.example.com/?a=b",
            'https://prefect.example.com/";',
            "https://prefect.example.com/$host",
            "https://prefect.example.com\n",
            4200,
            True,
        ],
    )
    def test_anything_else_is_refused(self, given: object) -> None:
        _, problems = read(publicUrl=given)
        assert set(problems) == {"nginx.publicUrl"}
        problem = problems["nginx.publicUrl"]
        assert problem.given == f"is {given!r}"
        assert problem.allowed == "https://HOST[:PORT][/PATH], HOST being a name or an IP address"
        assert problem.command.endswith("nginx.publicUrl https://prefect.example.com")

    @pytest.mark.parametrize(
        ("address", "url"),
        [
            ("203.0.113.10", "https://203.0.113.10"),
            ("2001:db8::1", "https://[2001:db8::1]"),
            ("box.example.com", "https://box.example.com"),
        ],
    )
    def test_it_is_the_address_of_the_server_unless_told_otherwise(self, address: str, url: str) -> None:
        settings, problems = read(HostSettings(name="box", platform="linux", address=address))
        assert (settings.public_url, problems) == (url, {})

    def test_it_is_required_where_there_are_several_servers(self) -> None:
        _, problems = read(SERVER, HostSettings(name="another", platform="linux", address="203.0.113.11"))
        assert problems["nginx.publicUrl"].given == "is missing"

    @pytest.mark.parametrize("path", ["/api", "/api/x", "/docs", "/redoc", "/openapi.json", "/x/v2", "/v2", "/a/../b"])
    def test_a_path_that_is_prefects_own_is_refused(self, path: str) -> None:
        _, problems = read(publicUrl=URL + path)
        assert "which are Prefect's own" in problems["nginx.publicUrl"].allowed
        assert problems["nginx.publicUrl"].command.endswith("https://prefect.example.com/prefect")


class TestTheCertificate:
    def test_it_is_from_a_private_ca_unless_told_otherwise(self) -> None:
        assert good().certificate == PrivateCa()
        assert good(certificate="privateCa").certificate == PrivateCa()

    def test_it_can_be_of_the_stack(self) -> None:
        assert good(certificate="stack").certificate == StackCertificate()

    def test_it_can_be_of_another_tool(self) -> None:
        files = {"certificateFile": "/etc/ssl/a+b/full~chain.pem", "privateKeyFile": "/etc/ssl/key.pem"}
        assert good(certificate="files", **files).certificate == CertificateFiles(
            chain="/etc/ssl/a+b/full~chain.pem", key="/etc/ssl/key.pem"
        )

    def test_it_can_be_from_an_acme_authority(self) -> None:
        asked = {"certificate": "acme", "acmeEmail": "ops@example.com"}
        assert good(**asked).certificate == Acme(email="ops@example.com", directory="")
        directory = "https://ca.example.com:9000/acme/acme/directory"
        assert good(**asked, acmeDirectory=directory).certificate == Acme(email="ops@example.com", directory=directory)

    @pytest.mark.parametrize("given", ["acmee", "self-signed", "", ["acme"], 1])
    def test_any_other_source_is_refused(self, given: object) -> None:
        _, problems = read(publicUrl=URL, certificate=given)
        assert "one of privateCa, files, stack, acme" in problems["nginx.certificate"].allowed

    def test_what_a_source_needs_is_required(self) -> None:
        _, problems = read(publicUrl=URL, certificate="files")
        assert {key: problem.given for key, problem in problems.items()} == {
            "nginx.certificateFile": "is missing",
            "nginx.privateKeyFile": "is missing",
        }
        _, problems = read(publicUrl=URL, certificate="acme")
        assert {key: problem.given for key, problem in problems.items()} == {"nginx.acmeEmail": "is missing"}
        assert "agrees to the authority's terms of service" in problems["nginx.acmeEmail"].allowed

    @pytest.mark.parametrize("source", ["privateCa", "stack"])
    def test_what_belongs_to_another_source_is_refused(self, source: str) -> None:
        others = {
            "certificateFile": "/a",
            "privateKeyFile": "/b",
            "acmeEmail": "ops@example.com",
            "acmeDirectory": "https://ca.example.com",
        }
        _, problems = read(publicUrl=URL, certificate=source, **others)
        assert {key: problem.allowed for key, problem in problems.items()} == {
            "nginx.certificateFile": "only beside certificate 'files'",
            "nginx.privateKeyFile": "only beside certificate 'files'",
            "nginx.acmeEmail": "only beside certificate 'acme'",
            "nginx.acmeDirectory": "only beside certificate 'acme'",
        }

    @pytest.mark.parametrize("key", ["certificateFile", "privateKeyFile"])
    @pytest.mark.parametrize("path", ["tls.pem", "~/tls.pem", "/etc/a b.pem", "/etc/$x.pem", "/", "/a//b", 7])
    def test_a_path_that_is_none_is_refused(self, key: str, path: object) -> None:
        files = {"certificateFile": "/etc/chain.pem", "privateKeyFile": "/etc/key.pem", key: path}
        _, problems = read(publicUrl=URL, certificate="files", **files)
        assert set(problems) == {f"nginx.{key}"}

    @pytest.mark.parametrize("key", ["certificateFile", "privateKeyFile"])
    @pytest.mark.parametrize("place", ["/home/ops", "/root", "/run/user/0", "/tmp", "/var/tmp"])  # noqa: S108
    def test_a_place_that_scheduled_tasks_do_not_see_is_refused(self, key: str, place: str) -> None:
        files = {"certificateFile": "/etc/chain.pem", "privateKeyFile": "/etc/key.pem", key: f"{place}/tls.pem"}
        _, problems = read(publicUrl=URL, certificate="files", **files)
        assert "not below /home" in problems[f"nginx.{key}"].allowed

    @pytest.mark.parametrize("email", ["ops", "ops@example", "ops@example.com --dry-run", "@example.com", None])
    def test_an_address_that_is_none_is_refused(self, email: object) -> None:
        _, problems = read(publicUrl=URL, certificate="acme", acmeEmail=email)
        assert set(problems) == {"nginx.acmeEmail"}

    @pytest.mark.parametrize("directory", ["http://ca.example.com", "ca.example.com", "https://a b", 1])
    def test_a_directory_that_is_none_is_refused(self, directory: object) -> None:
        _, problems = read(publicUrl=URL, certificate="acme", acmeEmail="ops@example.com", acmeDirectory=directory)
        assert set(problems) == {"nginx.acmeDirectory"}

    @pytest.mark.parametrize("url", ["https://203.0.113.10", "https://[2001:db8::1]", "https://intranet"])
    def test_acme_is_for_public_names(self, url: str) -> None:
        _, problems = read(publicUrl=url, certificate="acme", acmeEmail="ops@example.com")
        assert "only for a public DNS name" in problems["nginx.certificate"].allowed


class TestPorts:
    @pytest.mark.parametrize("key", ["httpPort", "httpsPort"])
    @pytest.mark.parametrize("port", [0, 65536, "8080", True, 8.5])
    def test_what_is_no_port_is_refused(self, key: str, port: object) -> None:
        _, problems = read(publicUrl=URL, **{key: port})
        assert set(problems) == {f"nginx.{key}"}
        assert problems[f"nginx.{key}"].allowed == "a whole number from 1 to 65535"

    def test_both_on_one_are_refused(self) -> None:
        _, problems = read(publicUrl=URL, httpsPort=80)
        assert problems["nginx.httpPort"].given == "is 80, as httpsPort"


def test_it_is_for_linux_hosts() -> None:
    _, problems = read(HostSettings(name="desk", platform="local"), publicUrl=URL)
    assert problems["nginx"].given == "is for servers on Linux hosts; desk is of platform 'local'"


def test_what_nobody_knows_is_told() -> None:
    _, problems = read(publicUrl=URL, publicURL=URL)
    assert "did you mean publicUrl?" in problems["nginx.publicURL"].given


class TestTheCertificateOfTheStack:
    SECRETS = {"tlsCertificate": "PEM", "tlsPrivateKey": "PEM"}  # noqa: RUF012 - never changed

    def check(self, nginx: NginxSettings | None, values: dict[str, str]) -> dict[str, str]:
        problems = Problems("prod")
        check_certificate_secrets(problems, nginx, values, set(values))
        return {problem.key: problem.given for problem in problems.found}

    def test_it_is_required_where_it_is_used(self) -> None:
        settings = good(certificate="stack")
        assert self.check(settings, self.SECRETS) == {}
        missing = "is missing; nginx.certificate is 'stack'"
        assert self.check(settings, {}) == dict.fromkeys(self.SECRETS, missing)

    def test_it_is_refused_where_nobody_uses_it(self) -> None:
        unused = dict.fromkeys(self.SECRETS, "is set, but nobody uses it")
        assert self.check(good(), self.SECRETS) == unused
        assert self.check(None, self.SECRETS) == unused
        assert self.check(good(), {}) == {}
