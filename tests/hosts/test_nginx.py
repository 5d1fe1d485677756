"""nginx on a booted host, before a stand-in for a Prefect server: what it shows, what changes and faults do to it."""

import ssl
import time
from dataclasses import replace
from typing import ClassVar

import httpx
import pytest

from tests.hosts.certificates import Certificate, issue
from tests.hosts.debian_host import DebianHost
from tests.hosts.drift_question import assert_told_and_put_back
from tests.hosts.nginx_host import NAME, PRIVATE_CA, RENEWAL, Proxy, another_site, asking_all_the_time, holds, seconds
from tests.hosts.pulumi_stack import CHECKOUT, stack_on
from tests.waiting import wait_until

DIRECTORY = "/etc/prefect/nginx"
PROGRAM = "/opt/prefect/nginx/renew-nginx-certificate"


@pytest.fixture(scope="module")
def proxy(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    """Bring the stack up on a bare host; every test leaves it up with `PRIVATE_CA`, save the last ones."""
    made = Proxy(stack_on(debian_host, "nginx_program", tmp_path_factory.mktemp("stack")), debian_host)
    made.put("/srv/upstream.py", (CHECKOUT / "tests" / "hosts" / "upstream.py").read_text())
    debian_host.run("systemd-run --quiet --unit upstream /usr/bin/python3 /srv/upstream.py 4200")
    made.up(**PRIVATE_CA)
    return made


class TestTheSite:
    def test_http_is_sent_to_https(self, proxy: Proxy) -> None:
        answer = proxy.http("/runs?state=failed")
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{NAME}/runs?state=failed")

    def test_other_names_get_what_the_distribution_shows(self, proxy: Proxy) -> None:
        assert "Welcome to nginx" in proxy.http("/", host="other.example.com").text

    def test_https_shows_the_server_with_a_certificate_thatholds(self, proxy: Proxy) -> None:
        asked = proxy.client().get("/api/flows/?limit=2").json()
        assert asked["path"] == "/api/flows/?limit=2"
        told = {name: asked["headers"].get(name) for name in ("host", "x-forwarded-proto", "x-forwarded-host")}
        assert told == {"host": NAME, "x-forwarded-proto": "https", "x-forwarded-host": NAME}
        assert "connection" not in asked["headers"] or asked["headers"]["connection"] == ""

    def test_nobody_can_pretend_to_come_from_elsewhere(self, proxy: Proxy) -> None:
        client = httpx.Client(verify=False, trust_env=False)  # noqa: S501 - of who asks, not of who answers
        with client:
            headers = {"Host": NAME, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
            told = client.get(f"https://{proxy.host.address}/api/x", headers=headers).json()["headers"]
        assert told["x-forwarded-for"] == proxy.host.address.rpartition(".")[0] + ".1"
        assert told["x-forwarded-proto"] == "https"

    @pytest.mark.parametrize("path", ["/api/events/in", "/api/logs/out", "/api/work_pools/etl/workers/connect"])
    def test_web_sockets_pass(self, proxy: Proxy, path: str) -> None:
        with proxy.client().web_socket(path) as opened:
            assert opened.status == 101
            assert [opened.echo("one"), opened.echo("two")] == ["one", "two"]

    @pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"])
    def test_what_prefect_shows_to_anybody_is_not_shown(self, proxy: Proxy, path: str) -> None:
        assert proxy.client().get(path).status_code == 404

    def test_health_and_ui_are_open(self, proxy: Proxy) -> None:
        client = proxy.client()
        paths = ["/api/health", "/api/ready", "/", "/ui-settings", "/docs-of-a-flow"]
        assert [client.get(path).json()["path"] for path in paths] == paths

    def test_what_prefect_takes_passes_and_more_does_not(self, proxy: Proxy) -> None:
        client = proxy.client()
        assert client.request("POST", "/api/logs/", content=bytes(4_000_000)).json()["length"] == 4_000_000
        assert client.request("POST", "/api/logs/", content=bytes(17 * 2**20)).status_code == 413
        assert client.get("/runs?" + "x" * 12_000).status_code == 200

    def test_browsers_are_told_to_be_careful(self, proxy: Proxy) -> None:
        headers = proxy.client().get("/").headers
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
        assert headers["Server"] == "nginx", "the version is for nobody"

    def test_old_versions_of_tls_are_refused(self, proxy: Proxy) -> None:
        ask = f"openssl s_client -connect 127.0.0.1:443 -servername {NAME} -cipher ALL:@SECLEVEL=0"
        for version, spoken in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            said = proxy.host.run(f"{ask} {version} </dev/null 2>&1", check=False).stdout
            assert ("Cipher is (NONE)" not in said) == spoken, f"{version}: {said}"

    def test_a_server_that_is_down_is_told_as_that(self, proxy: Proxy) -> None:
        proxy.host.run("systemctl stop upstream")
        try:
            assert proxy.client().get("/api/health").status_code == 502
        finally:
            proxy.host.run("systemd-run --quiet --unit upstream /usr/bin/python3 /srv/upstream.py 4200")
            wait_until(lambda: proxy.client().get("/api/health").status_code == 200, "the upstream to be back")

    def test_it_is_shown_after_a_reboot(self, proxy: Proxy) -> None:
        proxy.host.reboot()
        assert proxy.client().get("/api/health").status_code == 502
        assert proxy.host.is_active(f"{RENEWAL}.timer")
        proxy.host.run("systemd-run --quiet --unit upstream /usr/bin/python3 /srv/upstream.py 4200")
        wait_until(lambda: proxy.client().get("/api/health").status_code == 200, "the upstream to be back")


class TestAgain:
    def test_a_second_up_finds_nothing_to_do(self, proxy: Proxy) -> None:
        proxy.stack.assert_no_changes()

    def test_every_command_run_again_changes_nothing(self, proxy: Proxy) -> None:
        before = proxy.host.run("systemctl show --property MainPID nginx").stdout
        answers = {
            name: proxy.host.run(f"{inputs['create']} <<'END'\n{inputs['stdin']}\nEND").stdout
            for name, inputs in proxy.stack.commands().items()
            if name.startswith("proxy-") and "bash -c" in inputs["create"]
        }
        assert {"proxy-install", "proxy-redirect", "proxy-certificate", "proxy-site", "proxy-renewal"} <= set(answers)
        for name, answer in answers.items():
            assert answer.strip().splitlines()[-1].startswith("unchanged: "), f"{name}: {answer}"
        assert proxy.host.run("systemctl show --property MainPID nginx").stdout == before

    def test_what_somebody_changed_has_drifted_and_is_put_back(self, proxy: Proxy) -> None:
        site = "/etc/nginx/conf.d/prefect.conf"
        told = {"proxy-install": "nginx.service: disabled instead of enabled", "proxy-site": f"{site}: content"}
        damage = f"systemctl disable --quiet nginx; echo '# more' >>{site}"
        assert_told_and_put_back(proxy.stack, proxy.host, damage, told)
        stopped = "nginx.service: inactive instead of active"
        told = {"proxy-redirect": stopped, "proxy-site": stopped}
        assert_told_and_put_back(proxy.stack, proxy.host, "systemctl stop nginx", told)


class TestThePrivateCa:
    def test_the_expiry_is_an_output(self, proxy: Proxy) -> None:
        expiry = seconds(proxy.output("certificateExpiry"))
        assert expiry == ssl.cert_time_to_seconds(proxy.client().certificate()["notAfter"])
        assert expiry > time.time() + 60 * 24 * 3600

    def test_it_is_for_the_name_of_the_public_url(self, proxy: Proxy) -> None:
        assert proxy.client().certificate()["subjectAltName"] == (("DNS", NAME),)
        with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'other\.example\.com'"):
            proxy.client(host="other.example.com").certificate()

    def test_its_keys_are_for_root_alone_and_nowhere_else(self, proxy: Proxy) -> None:
        keys = proxy.host.run(f"grep --recursive --files-with-matches 'PRIVATE KEY' {DIRECTORY}").stdout.split()
        assert sorted(keys) == [f"{DIRECTORY}/authority/ca.key", f"{DIRECTORY}/server.pem"]
        assert proxy.host.permissions(keys[0]) == "600 root root"
        assert proxy.host.permissions(f"{DIRECTORY}/server.pem") in {"600 root root", "640 root root"}
        assert "PRIVATE KEY" not in proxy.stack.run("stack", "export").replace("OPENSSH", "")

    def test_the_hourly_look_leaves_a_fresh_certificate_alone(self, proxy: Proxy) -> None:
        before = proxy.client().certificate()
        assert "unchanged: " in proxy.renew()
        assert proxy.client().certificate() == before

    def test_renewal_is_shown_without_dropping_anybody(self, proxy: Proxy) -> None:
        client = proxy.client()
        before = client.certificate()
        with client.web_socket("/api/events/in") as opened, asking_all_the_time(client) as asked:
            # as good as expired: it is not there
            proxy.host.run(f"rm {DIRECTORY}/server.pem")
            assert "changed: " in proxy.renew()
            wait_until(lambda: client.certificate()["serialNumber"] != before["serialNumber"], "the new certificate")
            assert opened.echo("still here") == "still here"
        assert len(asked) > 10
        assert set(asked) == {200}

    def test_a_certificate_that_nginx_could_not_read_is_read_later(self, proxy: Proxy) -> None:
        before = proxy.client().certificate()
        with another_site(proxy, "nonsense;"):
            proxy.host.run(f"rm {DIRECTORY}/server.pem")
            said = proxy.renew()
            assert "error: nginx does not read its configuration, so it still shows the former certificate" in said
            assert proxy.client().certificate() == before
        proxy.renew()
        wait_until(lambda: proxy.client().certificate() != before, "the new certificate")


class TestFaults:
    def test_a_configuration_that_nginx_refuses_changes_nothing(self, proxy: Proxy) -> None:
        before = proxy.host.run("cat /etc/nginx/conf.d/prefect.conf").stdout
        with another_site(proxy, "nonsense;"):
            output = proxy.failed_up(publicUrl=f"https://{NAME}/prefect")
            assert "error: nginx refuses its configuration, so all was left as it was." in output
            assert 'unknown directive "nonsense" in /etc/nginx/conf.d/another.conf' in output
            assert proxy.host.run("cat /etc/nginx/conf.d/prefect.conf").stdout == before
            assert proxy.client().get("/api/health").status_code == 200
        proxy.up(**PRIVATE_CA)
        proxy.stack.assert_no_changes()

    def test_a_port_that_another_program_has_changes_nothing(self, proxy: Proxy) -> None:
        proxy.host.run("systemd-run --quiet --unit squatter /usr/bin/python3 -m http.server 8443")
        wait_until(lambda: "8443" in proxy.host.run("ss -ltn").stdout, "the other program")
        output = proxy.failed_up(**PRIVATE_CA, httpsPort=8443)
        assert f"error: nginx does not show {NAME} at port 8443. The port is taken by python3" in output
        assert proxy.client().get("/api/health").status_code == 200
        proxy.host.run("systemctl restart nginx")
        assert proxy.client().get("/api/health").status_code == 200, "what nginx reads when it starts was left broken"

        proxy.host.run("systemctl stop squatter")
        proxy.up(**PRIVATE_CA, httpsPort=8443)
        assert proxy.client(port=8443).get("/api/health").status_code == 200
        proxy.up(**PRIVATE_CA)

    def test_a_name_that_another_site_has_is_refused(self, proxy: Proxy) -> None:
        with another_site(proxy, "server { listen 80; server_name taken.example.com; return 204; }"):
            output = proxy.failed_up(publicUrl="https://taken.example.com")
            assert "error: another site of this nginx is for taken.example.com already." in output
        proxy.up(**PRIVATE_CA)
        assert proxy.client().get("/api/health").status_code == 200


class TestPublicUrls:
    def test_a_sub_path(self, proxy: Proxy) -> None:
        proxy.up(publicUrl=f"https://{NAME}/team/prefect")
        client = proxy.client()
        shown = {path: client.get(f"/team/prefect{path}").json()["path"] for path in ("/api/flows/", "/", "/v2/runs")}
        assert shown == {
            "/api/flows/": "/api/flows/",
            "/": "/team/prefect/",
            "/v2/runs": "/team/prefect/v2/runs",
        }
        home = f"https://{NAME}/team/prefect/"
        assert [client.get(path).headers["Location"] for path in ("/", "/team/prefect")] == [home, home]
        assert client.get("/team/prefect/api/slashless").headers["Location"] == f"{home}api/slashless/"
        assert [client.get(path).status_code for path in ("/api/health", "/other", "/docs")] == [404, 404, 404]
        with client.web_socket("/team/prefect/api/events/out") as opened:
            assert opened.echo("through") == "through"

    def test_an_address(self, proxy: Proxy) -> None:
        address = proxy.host.address
        proxy.up(publicUrl=f"https://{address}")
        client = proxy.client(host=address)
        assert client.certificate()["subjectAltName"] == (("IP Address", address),)
        assert client.get("/api/health").json()["headers"]["host"] == address
        assert proxy.http("/x", host=address).headers["Location"] == f"https://{address}/x"
        proxy.up(**PRIVATE_CA)
        assert proxy.client().certificate()["subjectAltName"] == (("DNS", NAME),)


CHAIN, KEY = "/srv/tls/fullchain.pem", "/srv/tls/privkey.pem"
FILES = {**PRIVATE_CA, "certificate": "files", "certificateFile": CHAIN, "privateKeyFile": KEY}
GOOD = issue(NAME)
BAD = {
    "of different pairs": (replace(GOOD, key=issue(NAME).key), "does not belong to the first certificate in"),
    "expired": (issue(NAME, days=-2), f"the certificate in {CHAIN} expired at 20"),
    "not valid yet": (issue(NAME, days=400), f"the certificate in {CHAIN} is not valid before 20"),
    "for another name": (issue("other.example.com"), f"is not for {NAME} but for DNS:other.example.com"),
    "no certificate": (replace(GOOD, chain="nothing"), f"{CHAIN} holds no certificate in PEM"),
    "no key": (replace(GOOD, key="nothing"), f"{KEY} holds no private key in PEM, or one with a passphrase"),
}


class TestGivenFiles:
    def give(self, proxy: Proxy, certificate: Certificate) -> None:
        proxy.put(CHAIN, certificate.chain)
        proxy.put(KEY, certificate.key)

    def test_an_up_without_them_fails_and_the_former_certificate_stays(self, proxy: Proxy) -> None:
        assert f"error: the certificate file {CHAIN} is not there." in proxy.failed_up(**FILES)
        assert proxy.client().get("/api/health").status_code == 200

    @pytest.mark.parametrize("what", BAD)
    def test_bad_ones_are_refused(self, proxy: Proxy, what: str) -> None:
        certificate, error = BAD[what]
        self.give(proxy, certificate)
        before = proxy.host.run(f"sha256sum {DIRECTORY}/server.pem").stdout
        ended = proxy.host.run(f"{PROGRAM} {DIRECTORY} {NAME} files {CHAIN} {KEY}", check=False)
        assert ended.returncode == 1
        assert error in ended.stderr
        assert proxy.host.run(f"sha256sum {DIRECTORY}/server.pem").stdout == before

    def test_ones_that_the_hourly_look_could_not_read_are_refused(self, proxy: Proxy) -> None:
        self.give(proxy, GOOD)
        proxy.host.run(f"chown ops {KEY}")
        ended = proxy.host.run(f"{PROGRAM} {DIRECTORY} {NAME} files {CHAIN} {KEY}", check=False)
        assert f"error: the certificate file {KEY} does not belong to root" in ended.stderr

    def test_good_ones_are_shown_and_followed(self, proxy: Proxy) -> None:
        self.give(proxy, GOOD)
        proxy.up(**FILES)
        shown = proxy.client(GOOD.authority).certificate()
        assert ssl.cert_time_to_seconds(shown["notAfter"]) == seconds(proxy.output("certificateExpiry"))
        assert proxy.output("caCertificate") == ""

        renewed = issue(NAME, days=60)
        self.give(proxy, renewed)
        assert "changed: " in proxy.renew()
        wait_until(lambda: holds(proxy, renewed), "the renewed certificate to be shown")
        assert "unchanged: " in proxy.renew()


class TestACertificateOfTheStack:
    SECTION: ClassVar = {**PRIVATE_CA, "certificate": "stack"}

    def test_it_is_shown_and_its_key_is_a_secret(self, proxy: Proxy) -> None:
        first = issue(NAME)
        proxy.stack.configure({"tlsCertificate": first.chain, "tlsPrivateKey": first.key}, secret=True)
        proxy.up(**self.SECTION)
        assert holds(proxy, first)
        assert seconds(proxy.output("certificateExpiry")), "the expiry is no secret"
        state = [path.read_text(errors="replace") for path in proxy.stack.state.rglob("*") if path.is_file()]
        line = first.key.splitlines()[1]
        assert not any(line in text for text in state)
        assert proxy.host.permissions(f"{DIRECTORY}/tls-private-key.pem") == "600 root root"

    def test_another_one_takes_its_place(self, proxy: Proxy) -> None:
        second = issue(NAME)
        proxy.stack.configure({"tlsCertificate": second.chain, "tlsPrivateKey": second.key}, secret=True)
        proxy.up(**self.SECTION)
        wait_until(lambda: holds(proxy, second), "the other certificate to be shown")

    def test_the_private_ca_that_was_trusted_before_comes_back(self, proxy: Proxy) -> None:
        proxy.up(**PRIVATE_CA)
        assert proxy.client().get("/api/health").status_code == 200
        assert proxy.host.run(f"ls {DIRECTORY}/tls-*", check=False).stdout == ""


class TestDestroy:
    """In this order: a host that was bare, then one whose nginx shows another site."""

    def test_a_bare_host_listens_no_more(self, proxy: Proxy) -> None:
        proxy.stack.run("destroy", "--yes", "--skip-preview")
        assert not proxy.host.is_active("nginx")
        assert proxy.host.run("ls /etc/nginx/conf.d /etc/nginx/sites-enabled").stdout.split() == [
            "/etc/nginx/conf.d:",
            "/etc/nginx/sites-enabled:",
            "default",
        ]
        # systemd itself remembers when a timer last ran and, before version 250, what was mounted into a service
        own = "-not -name 'stamp-*.timer' -not -path '/run/systemd/propagate/*'"
        find = f"find /etc /opt /run /var -xdev -name '*prefect*' -not -path '/var/log/*' {own}"
        left = proxy.host.run(find).stdout
        assert left == ""

    def test_another_site_goes_on(self, proxy: Proxy) -> None:
        site = "server { listen 80; server_name other.example.com; return 200 'another site'; }"
        proxy.put("/etc/nginx/conf.d/another.conf", site)
        proxy.host.run("systemctl enable --now nginx")
        files = "sha256sum /etc/nginx/conf.d/another.conf /etc/nginx/sites-enabled/* /etc/nginx/nginx.conf"
        before = proxy.host.run(files).stdout

        proxy.up(**PRIVATE_CA)
        assert proxy.http("/", host="other.example.com").text == "another site"
        assert proxy.client().get("/api/health").status_code == 200

        proxy.stack.run("destroy", "--yes", "--skip-preview")
        assert proxy.http("/", host="other.example.com").text == "another site"
        assert proxy.host.run(files).stdout == before
        assert "443" not in proxy.host.run("ss --no-header --listening --tcp --numeric").stdout
