"""The transport: what it repeats, what it reports, and what it never says."""

import datetime
import ssl
import threading
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest

from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from tests.hosts.certificates import issue
from tests.loopback_ports import free_port, refusing_port
from tests.prefect_api.fake_server import Answer, FakeServer

PASSWORD = "top-secret-password"
AUTH = f"admin:{PASSWORD}"
FAILED_TRANSACTION = Answer(503, {"exception_message": "Service Unavailable"})


@pytest.fixture
def api(fake: FakeServer) -> Iterator[PrefectClient]:
    with PrefectClient(fake.api_url, AUTH, read_timeout=5, patience=5) as client:
        yield client


def failure(client: PrefectClient, method: str = "GET", path: str = "/work_pools/etl") -> PrefectApiError:
    with pytest.raises(PrefectApiError) as caught:
        client.request(method, path, {"name": "etl"} if method != "GET" else None)
    return caught.value


def test_answers_are_decoded_and_no_content_is_none(fake: FakeServer, api: PrefectClient) -> None:
    fake.answers = [Answer(200, {"name": "etl"}), Answer(204, "")]

    assert api.request("GET", "/work_pools/etl") == {"name": "etl"}
    assert api.request("DELETE", "/work_pools/etl") is None
    assert [request.target for request in fake.requests] == ["/api/work_pools/etl"] * 2


class TestRepeats:
    def test_a_server_that_comes_up_late_is_waited_for_even_by_a_post(self) -> None:
        port = free_port()
        late: list[FakeServer] = []

        def come_up() -> None:
            late.append(FakeServer(port).__enter__())

        timer = threading.Timer(0.5, come_up)
        timer.start()
        try:
            with PrefectClient(f"http://127.0.0.1:{port}/api", AUTH) as client:
                client.request("POST", "/flows/", {"name": "canary"})
        finally:
            timer.join()
            late[0].__exit__(None, None, None)
        assert [request.body for request in late[0].requests] == [{"name": "canary"}]

    def test_a_server_that_stays_away_is_an_error_with_its_url(self) -> None:
        url = f"http://127.0.0.1:{refusing_port()}/api"
        started = time.monotonic()
        with PrefectClient(url, AUTH, patience=1) as client:
            error = failure(client)

        assert 0.5 < time.monotonic() - started < 3, "the wait is bounded by the patience"
        assert error.status is None
        assert url in str(error)
        assert "refused" in str(error)
        assert "Check that the Prefect server runs" in error.remedy

    @pytest.mark.parametrize(
        "passing",
        [
            Answer(500, {"exception_message": "Internal Server Error"}),
            Answer(502, "<html>"),
            Answer(503, "<html>"),
            Answer(504, "<html>"),
            Answer(0),
            Answer(cut_short=True),
        ],
    )
    def test_a_passing_fault_is_overcome_when_repeating_is_harmless(
        self, fake: FakeServer, api: PrefectClient, passing: Answer
    ) -> None:
        fake.answers = [passing, passing, Answer(200, {"name": "etl"})]

        assert api.request("GET", "/work_pools/etl") == {"name": "etl"}

    @pytest.mark.parametrize(
        "passing", [Answer(500), Answer(503, "<html>"), Answer(504, "<html>"), Answer(0), Answer(cut_short=True)]
    )
    def test_a_post_that_may_have_happened_is_never_sent_again(
        self, fake: FakeServer, api: PrefectClient, passing: Answer
    ) -> None:
        fake.answers = [passing, Answer(201)]

        failure(api, "POST", "/work_pools/")

        assert len(fake.requests) == 1

    @pytest.mark.parametrize("refusal", [Answer(429), FAILED_TRANSACTION])
    def test_a_post_that_the_server_has_not_carried_out_is_sent_again(
        self, fake: FakeServer, api: PrefectClient, refusal: Answer
    ) -> None:
        fake.answers = [refusal, Answer(201, {"id": "1"})]

        assert api.request("POST", "/work_pools/", {"name": "etl"}) == {"id": "1"}

    def test_a_post_said_to_be_repeatable_is_repeated(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [Answer(0), Answer(200, [])]

        assert api.request("POST", "/logs/filter", {}, repeatable=True) == []

    def test_the_server_says_how_long_to_wait(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [Answer(429, headers={"Retry-After": "1"}), Answer(200)]
        started = time.monotonic()

        api.request("GET", "/work_pools/etl")

        assert time.monotonic() - started >= 1

    def test_the_server_may_say_so_by_a_date(self, fake: FakeServer, api: PrefectClient) -> None:
        in_an_hour = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        fake.answers = [Answer(429, headers={"Retry-After": format_datetime(in_an_hour, usegmt=True)})]

        assert failure(api).retry_after == pytest.approx(3600, abs=10)

    def test_a_wait_that_makes_no_sense_is_the_usual_one(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [Answer(429, headers={"Retry-After": "soon"}), Answer(200)]

        assert api.request("GET", "/work_pools/etl") == {}

    def test_a_wait_beyond_the_patience_is_not_begun(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [Answer(429, headers={"Retry-After": "3600"})]

        error = failure(api)

        assert (error.status, len(fake.requests)) == (429, 1)
        assert "limits the rate" in error.remedy

    def test_a_slow_answer_is_given_up(self, fake: FakeServer) -> None:
        fake.answers = [Answer(delay=1)]
        with PrefectClient(fake.api_url, AUTH, read_timeout=0.2) as client:
            error = failure(client)

        assert error.status is None
        assert "timed out" in error.detail


class TestErrors:
    @pytest.fixture
    def api(self, fake: FakeServer) -> Iterator[PrefectClient]:
        with PrefectClient(fake.api_url, AUTH, patience=0) as client:
            yield client

    @pytest.mark.parametrize(
        ("answer", "detail", "remedy"),
        [
            (Answer(401, {"exception_message": "Unauthorized"}), "Unauthorized", "authString"),
            (Answer(403, {"detail": "reserved for internal use"}), "reserved", "forbids"),
            (Answer(404, {"detail": "Work pool 'etl' not found."}), "not found", "pulumi refresh"),
            (Answer(409, {"detail": "A work pool with this name already exists."}), "exists", "another name"),
            (Answer(500, {"exception_message": "Internal Server Error"}), "Internal", "log of the Prefect server"),
            (Answer(200, "<html>Log in</html>"), "text/html, not JSON", "ends in /api"),
            (Answer(404, "<html>nginx</html>"), "text/html, not JSON", "ends in /api"),
            (Answer(307, "", {"Location": "https://other/api"}), "https://other/api", "Set the API URL"),
        ],
    )
    def test_it_says_what_was_asked_what_came_and_what_to_do(
        self, fake: FakeServer, api: PrefectClient, answer: Answer, detail: str, remedy: str
    ) -> None:
        fake.answers = [answer]

        error = failure(api)

        assert (error.method, error.path, error.status) == ("GET", "/work_pools/etl", answer.status)
        assert detail in error.detail
        assert remedy in error.remedy
        assert str(error).startswith(f"GET /work_pools/etl: {answer.status}: {error.detail.rstrip('.')}. ")

    def test_a_refused_value_is_named_but_never_repeated(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [
            Answer(
                422,
                {
                    "exception_message": "Invalid request received.",
                    "exception_detail": [
                        {"loc": ["body", "data", "value"], "msg": "Input should be a string", "input": PASSWORD}
                    ],
                    "request_body": {"data": {"value": PASSWORD}},
                },
            )
        ]

        error = failure(api, "POST", "/block_documents/")

        assert error.detail == "data.value: Input should be a string"
        assert PASSWORD not in repr(error) + str(error)

    def test_no_secret_is_in_an_error_or_a_representation(self, fake: FakeServer, api: PrefectClient) -> None:
        fake.answers = [Answer(401, {"exception_message": "Unauthorized"})]

        error = failure(api)

        assert PASSWORD not in repr(error) + str(error) + repr(api) + repr(vars(error))

    @pytest.mark.parametrize("url", ["prefect.example.com/api", "ftp://prefect.example.com", "http://", ""])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"must look like https://"):
            PrefectClient(url)

    def test_credentials_in_the_address_are_refused_and_not_shown(self) -> None:
        with pytest.raises(ValueError, match="as auth_string") as caught:
            PrefectClient(f"https://{AUTH}@prefect.example.com/api")
        assert PASSWORD not in str(caught.value)

    def test_an_auth_string_without_a_user_is_refused_and_not_shown(self) -> None:
        with pytest.raises(ValueError, match="user:password") as caught:
            PrefectClient("https://prefect.example.com/api", PASSWORD)
        assert PASSWORD not in str(caught.value)


class TestAbsence:
    NO_POOL = Answer(404, {"detail": 'Work pool "etl" not found.'})

    def test_an_object_that_is_not_there_is_found_as_none_and_counts_as_removed(
        self, fake: FakeServer, api: PrefectClient
    ) -> None:
        fake.answers = [self.NO_POOL]

        assert api.find("/work_pools/etl") is None
        api.remove("/work_pools/etl")

    @pytest.mark.parametrize("answer", [Answer(404, {"detail": "Not Found"}), Answer(404, "<html>nginx</html>")])
    def test_a_404_that_is_no_word_on_the_object_is_an_error(
        self, fake: FakeServer, api: PrefectClient, answer: Answer
    ) -> None:
        fake.answers = [answer]

        with pytest.raises(PrefectApiError):
            api.find("/work_pools/etl")
        with pytest.raises(PrefectApiError):
            api.remove("/work_pools/etl")


class TestNetwork:
    def test_the_credentials_are_sent(self, fake: FakeServer, api: PrefectClient) -> None:
        api.request("GET", "/work_pools/etl")

        assert fake.requests[0].headers["Authorization"] == "Basic YWRtaW46dG9wLXNlY3JldC1wYXNzd29yZA=="

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_loopback_goes_past_the_proxy_of_the_environment(
        self, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port()}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with PrefectClient(f"http://{host}:{fake.port}/api", AUTH) as client:
            client.request("GET", "/work_pools/etl")

        assert fake.requests[0].target == "/api/work_pools/etl"

    def test_everything_else_goes_through_it(self, fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{fake.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with PrefectClient("http://prefect.example.com/api", AUTH) as client:
            client.request("GET", "/work_pools/etl")

        assert fake.requests[0].target == "http://prefect.example.com/api/work_pools/etl"

    def test_headers_go_with_every_request_and_into_no_error(self, fake: FakeServer) -> None:
        fake.answers = [Answer(403, "<html>gateway</html>")]
        with PrefectClient(fake.api_url, AUTH, headers={"X-Gateway-Token": PASSWORD}) as client:
            error = failure(client)

        assert fake.requests[0].headers["X-Gateway-Token"] == PASSWORD
        assert PASSWORD not in repr(error) + str(error)

    @pytest.mark.parametrize("headers", [{"X Token": PASSWORD}, {"X-Token": f"{PASSWORD}\r\nX-Other: 1"}])
    def test_headers_that_http_cannot_carry_are_refused_and_not_shown(self, headers: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="printable ASCII") as caught:
            PrefectClient("https://prefect.example.com/api", headers=headers)
        assert PASSWORD not in str(caught.value)

    def test_a_path_below_which_the_server_stands_is_kept(self, fake: FakeServer) -> None:
        with PrefectClient(f"http://127.0.0.1:{fake.port}/tools/prefect/api/", AUTH) as client:
            client.request("GET", "/work_pools/etl")

        assert fake.requests[0].target == "/tools/prefect/api/work_pools/etl"

    def test_a_private_authority_that_is_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="-----BEGIN CERTIFICATE-----"):
            PrefectClient("https://prefect.example.com/api", ca_certificate="not PEM")

    def test_an_untrusted_certificate_is_reported_at_once_and_can_be_trusted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate = issue("127.0.0.1")
        chain, key, authority = (tmp_path / f"{name}.pem" for name in ("chain", "key", "authority"))
        chain.write_text(certificate.chain)
        key.write_text(certificate.key)
        authority.write_text(certificate.authority)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(chain, key)
        with FakeServer(tls=tls) as server:
            started = time.monotonic()
            with PrefectClient(server.api_url, AUTH) as client:
                error = failure(client)
            assert time.monotonic() - started < 5, "waiting does not mend a certificate"
            assert "apiCaCertificate" in error.remedy

            with PrefectClient(server.api_url, AUTH, ca_certificate=certificate.authority) as client:
                assert client.request("GET", "/work_pools/etl") == {}

            monkeypatch.setenv("SSL_CERT_FILE", str(authority))
            with PrefectClient(server.api_url, AUTH) as client:
                assert client.request("GET", "/work_pools/etl") == {}
