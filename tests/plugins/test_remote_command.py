"""Commands on another host, over a real SSH connection."""

from __future__ import annotations

import concurrent.futures
import socket
import time
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.plugins import ssh_agent, ssh_keys, ssh_server
from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.plugin_under_test import PluginUnderTest
from tests.plugins.ssh_server import SshServer, private_key_text
from toolchain.plugins.properties import Properties, Secret, reveal

REMOTE = "command:remote:Command"


@pytest.fixture(scope="module")
def rsa_key() -> paramiko.RSAKey:
    return paramiko.RSAKey.generate(2048)


def _inputs(plugin: PluginProcess, connection: dict[str, Any], **inputs: Any) -> Properties:
    given = {name: value for name, value in connection.items() if value is not None}
    checked = plugin.check(REMOTE, {"connection": given, **inputs})
    assert checked.failures == []
    return checked.inputs


def _made(plugin: PluginProcess, connection: dict[str, Any], **inputs: Any) -> Properties:
    return plugin.create(REMOTE, _inputs(plugin, connection, **inputs)).outputs


def _failure(plugin: PluginProcess, connection: dict[str, Any], **inputs: Any) -> str:
    with pytest.raises(PluginError) as failure:
        _made(plugin, connection, **{"create": "echo hi", **inputs})
    return str(failure.value)


def _wait_until_running(server: SshServer, command: str) -> None:
    deadline = time.monotonic() + 10
    while command not in server.running.values():
        assert time.monotonic() < deadline, f"{command!r} never started"
        time.sleep(0.02)


def _wait_until_ended(server: SshServer, command: str) -> None:
    deadline = time.monotonic() + 10
    while command in server.running.values():
        assert time.monotonic() < deadline, f"{command!r} still runs on the host"
        time.sleep(0.02)


class TestRun:
    def test_captures_output_and_hides_the_connection(self, command: PluginProcess, ssh: SshServer) -> None:
        outputs = _made(command, ssh.connection, create="echo out; echo err >&2")
        assert (outputs["stdout"], outputs["stderr"]) == ("out", "err")
        assert isinstance(outputs["connection"], Secret)
        assert reveal(outputs["connection"])["host"] == "127.0.0.1"

    def test_feeds_standard_input_to_create_update_and_delete(self, command: PluginProcess, ssh: SshServer) -> None:
        inputs = _inputs(command, ssh.connection, create="cat", update="cat; echo", delete="cat; exit 9", stdin="ïn'")
        state = command.create(REMOTE, inputs)
        assert state.outputs["stdout"] == "ïn'"
        assert command.update(REMOTE, state, inputs).outputs["stdout"] == "ïn'"
        with pytest.raises(PluginError, match='Process exited with status 9: running "cat; exit 9":\nïn\''):
            command.delete(REMOTE, state)

    def test_feeds_more_input_than_a_window_holds(self, command: PluginProcess, ssh: SshServer) -> None:
        assert _made(command, ssh.connection, create="wc -c", stdin="x" * 3_000_000)["stdout"].strip() == "3000000"

    def test_without_update_create_runs_again(self, command: PluginProcess, ssh: SshServer) -> None:
        inputs = _inputs(command, ssh.connection, create="echo again")
        state = State("id", {**inputs, "stdout": "", "stderr": ""}, inputs)
        assert command.update(REMOTE, state, inputs).outputs["stdout"] == "again"

    def test_without_a_command_nobody_connects(self, command: PluginProcess, ssh: SshServer) -> None:
        before = ssh.logins
        command.delete(REMOTE, command.create(REMOTE, _inputs(command, ssh.connection)))
        assert ssh.logins == before

    def test_sets_what_the_server_accepts(self, command: PluginProcess, ssh: SshServer) -> None:
        outputs = _made(command, ssh.connection, create='printf %s "$LC_A"', environment={"LC_A": "v'\"é"})
        assert outputs["stdout"] == "v'\"é"

    def test_a_variable_that_the_server_refuses_is_an_error(self, command: PluginProcess, ssh: SshServer) -> None:
        told = _failure(command, ssh.connection, environment={"SECRET": "hush"})
        assert told == 'could not set environment variable "SECRET": ssh: setenv failed'

    def test_the_last_output_is_in_the_environment(self, command: PluginProcess, ssh: SshServer) -> None:
        inputs = _inputs(command, ssh.connection, create="echo one; echo two >&2", update="env | grep ^PULUMI | sort")
        state = command.create(REMOTE, inputs)
        updated = command.update(REMOTE, state, inputs)
        assert updated.outputs["stdout"] == "PULUMI_COMMAND_STDERR=two\nPULUMI_COMMAND_STDOUT=one"

    def test_many_run_side_by_side(self, command: PluginProcess, ssh: SshServer) -> None:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            made = pool.map(lambda number: _made(command, ssh.connection, create=f"echo {number}"), range(16))
            assert [outputs["stdout"] for outputs in made] == [str(number) for number in range(16)]

    def test_failure_tells_status_command_and_output_but_no_input(self, command: PluginProcess, ssh: SshServer) -> None:
        told = _failure(command, ssh.connection, create='echo "sa\'id"; exit 3', stdin=Secret("hush"))
        assert told == 'Process exited with status 3: running "echo \\"sa\'id\\"; exit 3":\nsa\'id\n'


class TestAuthentication:
    def test_by_password(self, command: PluginProcess, ssh: SshServer) -> None:
        connection = {**ssh.connection, "privateKey": None, "password": ssh.password}
        assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_by_password_after_a_key_that_is_refused(self, command: PluginProcess, ssh: SshServer) -> None:
        stranger = private_key_text(paramiko.ECDSAKey.generate())
        connection = {**ssh.connection, "privateKey": stranger, "password": ssh.password}
        assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_by_an_encrypted_key(self, command: PluginProcess, ssh: SshServer) -> None:
        connection = {
            **ssh.connection,
            "privateKey": private_key_text(ssh.key, "pass phrase"),
            "privateKeyPassword": "pass phrase",
        }
        assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_by_an_agent(self, command: PluginProcess, ssh: SshServer, tmp_path: Path) -> None:
        with ssh_agent.serving(tmp_path / "agent", ssh.key) as path:
            connection = {**ssh.connection, "privateKey": None, "agentSocketPath": path}
            assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_by_the_agent_of_the_environment(
        self, command_plugin: PluginUnderTest, ssh: SshServer, tmp_path: Path
    ) -> None:
        with ssh_agent.serving(tmp_path / "agent", ssh.key) as path, command_plugin.start(SSH_AUTH_SOCK=path) as plugin:
            assert _made(plugin, {**ssh.connection, "privateKey": None}, create="echo hi")["stdout"] == "hi"

    @pytest.mark.parametrize(("kind", "form"), ssh_keys.FORMATS)
    def test_by_keys_of_every_kind_and_format(self, command: PluginProcess, kind: str, form: PrivateFormat) -> None:
        key = ssh_keys.make(kind)
        with ssh_server.serving(key=ssh_keys.for_paramiko(key)) as server:
            connection = {**server.endpoint, "privateKey": ssh_keys.text_of(key, form)}
            assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_by_an_encrypted_key_of_another_kind(self, command: PluginProcess) -> None:
        key = ssh_keys.make("rsa")
        text = ssh_keys.text_of(key, PrivateFormat.TraditionalOpenSSL, "pass phrase")
        with ssh_server.serving(key=ssh_keys.for_paramiko(key)) as server:
            connection = {**server.endpoint, "privateKey": text, "privateKeyPassword": "pass phrase"}
            assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"privateKey": None}, "unable to authenticate, attempted methods [none], no supported methods remain"),
            (
                {"privateKey": None, "password": "wrong hush"},
                "unable to authenticate, attempted methods [none password]",
            ),
            ({"privateKey": "hush"}, "ssh: no key found"),
            ({"privateKeyPassword": "hush"}, "ssh: not an encrypted key"),
            ({"agentSocketPath": "/no/such"}, "dial unix /no/such: connect: no such file or directory"),
        ],
    )
    def test_failure_tells_why_and_no_secret(
        self, command: PluginProcess, ssh: SshServer, change: dict[str, Any], reason: str
    ) -> None:
        told = _failure(command, {**ssh.connection, **change})
        assert reason in told
        assert "hush" not in told

    @pytest.mark.parametrize(
        ("phrase", "reason"),
        [(None, "ssh: this private key is passphrase protected"), ("wrong", "x509: decryption password incorrect")],
    )
    def test_an_encrypted_key_needs_its_phrase(
        self, command: PluginProcess, ssh: SshServer, phrase: str | None, reason: str
    ) -> None:
        key = private_key_text(ssh.key, "right")
        assert _failure(command, {**ssh.connection, "privateKey": key, "privateKeyPassword": phrase}) == reason


class TestHostKey:
    def test_pinned_key_may_carry_a_comment(self, command: PluginProcess, ssh: SshServer) -> None:
        connection = {**ssh.connection, "hostKey": f"{ssh.pinned_key} root@host\n"}
        assert _made(command, connection, create="echo hi")["stdout"] == "hi"

    def test_another_key_is_refused_before_any_login(self, command: PluginProcess, ssh: SshServer) -> None:
        before = ssh.logins
        with ssh_server.serving() as other:
            told = _failure(command, {**ssh.connection, "hostKey": other.pinned_key})
        assert told == "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch"
        assert ssh.logins == before

    def test_another_kind_of_key_is_refused(
        self, command: PluginProcess, ssh: SshServer, rsa_key: paramiko.RSAKey
    ) -> None:
        pinned = f"ssh-rsa {rsa_key.get_base64()}"
        assert "ssh: no common algorithm for host key" in _failure(command, {**ssh.connection, "hostKey": pinned})

    @pytest.mark.parametrize("pinned", ["", "nonsense", "ssh-ed25519 !!!"])
    def test_what_is_no_key_is_refused(self, command: PluginProcess, ssh: SshServer, pinned: str) -> None:
        told = _failure(command, {**ssh.connection, "hostKey": pinned})
        assert told.startswith("failed to parse host key: ssh: no key found")

    def test_without_a_pinned_key_every_host_is_believed(self, command: PluginProcess, ssh: SshServer) -> None:
        assert _made(command, {**ssh.connection, "hostKey": None}, create="echo hi")["stdout"] == "hi"


class TestReach:
    def test_nobody_listens(self, command: PluginProcess, ssh: SshServer) -> None:
        command.log.messages.clear()
        told = _failure(command, {**ssh.connection, "port": 1, "dialErrorLimit": 2})
        assert told == "after 2 failed attempts: dial tcp 127.0.0.1:1: connect: connection refused"
        assert command.log.messages == ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]

    def test_no_such_name(self, command: PluginProcess, ssh: SshServer) -> None:
        told = _failure(command, {**ssh.connection, "host": "no-such-host.invalid"})
        assert "dial tcp: lookup no-such-host.invalid" in told

    def test_a_host_that_says_nothing_is_given_up(
        self, command_plugin: PluginUnderTest, command: PluginProcess, ssh: SshServer
    ) -> None:
        command_plugin.skip_unless_stand_in("perDialTimeout bounds its TCP connection only")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            connection = {**ssh.connection, "port": silent.getsockname()[1], "perDialTimeout": 1}
            begun = time.monotonic()
            assert "ssh: handshake failed" in _failure(command, connection)
            assert time.monotonic() - begun < 10


class TestProxy:
    def test_the_host_is_reached_through_it(self, command: PluginProcess, ssh: SshServer) -> None:
        with ssh_server.serving() as bastion:
            outputs = _made(command, {**ssh.connection, "proxy": bastion.connection}, create="cat", stdin="hi")
            assert outputs["stdout"] == "hi"
            assert bastion.forwarded == [("127.0.0.1", ssh.port)]
            assert reveal(outputs["connection"])["proxy"]["port"] == bastion.port

    def test_its_defaults_are_those_of_the_connection(self, command: PluginProcess, ssh: SshServer) -> None:
        connection = reveal(_inputs(command, {**ssh.connection, "proxy": {"host": "bastion"}})["connection"])
        assert connection["proxy"] == {
            "host": "bastion",
            "port": 22,
            "user": "root",
            "dialErrorLimit": 10,
            "perDialTimeout": 15,
        }

    def test_many_go_through_it_side_by_side(self, command: PluginProcess, ssh: SshServer) -> None:
        with ssh_server.serving() as bastion, concurrent.futures.ThreadPoolExecutor(16) as pool:
            connection = {**ssh.connection, "proxy": bastion.connection}
            made = pool.map(lambda number: _made(command, connection, create=f"echo {number}"), range(16))
            assert [outputs["stdout"] for outputs in made] == [str(number) for number in range(16)]

    def test_another_host_key_than_its_own_is_refused_before_any_login(
        self, command: PluginProcess, ssh: SshServer
    ) -> None:
        with ssh_server.serving() as bastion:
            proxy = {**bastion.connection, "hostKey": ssh.pinned_key}
            told = _failure(command, {**ssh.connection, "proxy": proxy})
            assert bastion.logins == 0
        assert told == "proxy: after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch"

    def test_another_host_key_behind_it_is_refused(self, command: PluginProcess, ssh: SshServer) -> None:
        before = ssh.logins
        with ssh_server.serving() as bastion:
            connection = {**ssh.connection, "hostKey": bastion.pinned_key, "proxy": bastion.connection}
            told = _failure(command, connection)
        assert told == "proxy: after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch"
        assert ssh.logins == before

    def test_nobody_listens_where_it_is_said_to_be(self, command: PluginProcess, ssh: SshServer) -> None:
        command.log.messages.clear()
        proxy = {**ssh.connection, "port": 1, "dialErrorLimit": 1}
        told = _failure(command, {**ssh.connection, "proxy": proxy})
        assert told == "proxy: after 1 failed attempts: dial tcp 127.0.0.1:1: connect: connection refused"
        assert command.log.messages == ["Dial proxy 1/1 failed: retrying"]

    def test_nobody_listens_behind_it(self, command: PluginProcess, ssh: SshServer) -> None:
        command.log.messages.clear()
        with ssh_server.serving() as bastion:
            connection = {**ssh.connection, "port": 1, "dialErrorLimit": 1, "proxy": bastion.connection}
            told = _failure(command, connection)
        assert told.startswith("proxy: after 1 failed attempts: ssh: rejected: connect failed (")
        assert command.log.messages == ["Dial from proxy 1/1 failed: retrying"]

    def test_it_may_forbid_connections_through_it(self, command: PluginProcess, ssh: SshServer) -> None:
        with ssh_server.serving() as bastion:
            bastion.may_forward = False
            told = _failure(command, {**ssh.connection, "proxy": bastion.connection})
        assert told.startswith("proxy: after 0 failed attempts: ssh: rejected: administratively prohibited (")

    def test_what_is_wrong_with_the_hosts_own_key_is_told_before_it_is_dialled(
        self, command: PluginProcess, ssh: SshServer
    ) -> None:
        with ssh_server.serving() as bastion:
            connection = {**ssh.connection, "privateKey": "hush", "proxy": bastion.connection}
            assert _failure(command, connection) == "ssh: no key found"
            assert bastion.connections == 0

    def test_what_is_wrong_with_its_key_is_told_as_such(self, command: PluginProcess, ssh: SshServer) -> None:
        proxy = {**ssh.connection, "privateKey": "hush"}
        assert _failure(command, {**ssh.connection, "proxy": proxy}) == "proxy: ssh: no key found"


class TestInterruption:
    def test_cancel_ends_a_session_on_the_host(self, command_plugin: PluginUnderTest, ssh: SshServer) -> None:
        command_plugin.skip_unless_stand_in("it waits for the remote command whatever happens")
        with command_plugin.start() as plugin, concurrent.futures.ThreadPoolExecutor() as pool:
            running = pool.submit(_made, plugin, ssh.connection, create="sleep 21")
            _wait_until_running(ssh, "sleep 21")
            plugin.cancel()
            with pytest.raises(PluginError, match='context canceled: running "sleep 21"'):
                running.result()
        _wait_until_ended(ssh, "sleep 21")

    def test_custom_timeout_ends_a_session_on_the_host(
        self, command_plugin: PluginUnderTest, command: PluginProcess, ssh: SshServer
    ) -> None:
        command_plugin.skip_unless_stand_in("it waits for the remote command whatever happens")
        with pytest.raises(PluginError, match='context deadline exceeded: running "sleep 22"'):
            command.create(REMOTE, _inputs(command, ssh.connection, create="sleep 22"), timeout=0.5)
        _wait_until_ended(ssh, "sleep 22")

    def test_cancel_ends_the_attempts_to_connect(self, command_plugin: PluginUnderTest, ssh: SshServer) -> None:
        unreachable = {**ssh.connection, "port": 1, "dialErrorLimit": -1}
        with command_plugin.start() as plugin, concurrent.futures.ThreadPoolExecutor() as pool:
            running = pool.submit(_made, plugin, unreachable, create="echo hi")
            deadline = time.monotonic() + 10
            while "Dial 1/inf failed: retrying" not in plugin.log.messages:
                assert time.monotonic() < deadline, "it never dialled"
                time.sleep(0.02)
            plugin.cancel()
            with pytest.raises(PluginError, match=r"^context canceled$"):
                running.result()
