"""Service definitions and environment files, read by the programs they are for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.platforms import Linux, Local, Service
from components.platforms.sandbox import sandbox_lines
from tests.settings.stack_file import CHECKOUT

SERVER = Service(
    name="prefect-server",
    description="Prefect server",
    command=("/opt/prefect/bin/python", "-m", "prefect", "server", "start"),
    user="prefect",
    working_directory="/var/lib/prefect",
    health_url="http://127.0.0.1:4200/api/ready",
    environment_files=("/etc/prefect/server.env", "/etc/prefect/server.secrets.env"),
    after=("postgresql",),
    runtime_directory="/run/prefect/ui",
    stop_signal="INT",
    stop_seconds=30,
)

AWKWARD = ["", "two words", "it's", 'say "hi"', "100%", "%(name)s %n", "$HOME", "a;b", "back\\slash", "é", "#1"]


def awkward_service() -> Service:
    return Service(
        name="awkward",
        description="Awkward",
        command=("/usr/bin/printf", "%s|", *AWKWARD),
        user="prefect",
        working_directory="/",
        health_url="",
    )


class TestSystemd:
    def test_the_unit_of_a_server(self) -> None:
        definition = Linux().service_definition(SERVER)

        assert definition.path == "/etc/systemd/system/prefect-server.service"
        assert definition.content == (
            "[Unit]\n"
            "Description=Prefect server\n"
            "After=network-online.target postgresql.service\n"
            "Wants=network-online.target postgresql.service prefect-watchdog@prefect-server.timer\n"
            "StartLimitIntervalSec=0\n"
            "\n"
            "[Service]\n"
            "Type=exec\n"
            "User=prefect\n"
            "WorkingDirectory=/var/lib/prefect\n"
            "EnvironmentFile=/etc/prefect/server.env\n"
            "EnvironmentFile=/etc/prefect/server.secrets.env\n"
            "ExecStart=/opt/prefect/bin/python -m prefect server start\n"
            "Restart=always\n"
            "RestartSec=2\n"
            "KillMode=mixed\n"
            "KillSignal=SIGINT\n"
            "TimeoutStopSec=30\n"
            "RuntimeDirectory=prefect/ui\n" + "".join(f"{line}\n" for line in sandbox_lines(SERVER)) + "\n"
            "[Install]\n"
            "WantedBy=multi-user.target\n"
            "\n"
            "[X-Prefect]\n"
            "HealthUrl=http://127.0.0.1:4200/api/ready\n"
            "RequiresUrl=\n"
        )

    @pytest.mark.parametrize(
        ("argument", "quoted"),
        [
            ("plain-1.0/x:y=z", "plain-1.0/x:y=z"),
            ("", '""'),
            ("two words", '"two words"'),
            ("it's", '"it\'s"'),
            ('say "hi"', '"say \\"hi\\""'),
            ("100%", '"100%%"'),
            ("$HOME", '"$$HOME"'),
            ("back\\slash", '"back\\\\slash"'),
            (";", '";"'),
        ],
    )
    def test_an_argument_is_quoted_where_systemd_would_read_more_into_it(self, argument: str, quoted: str) -> None:
        service = Service(
            name="a",
            description="A",
            command=("/bin/true", argument),
            user="prefect",
            working_directory="/",
            health_url="",
        )
        assert f"\nExecStart=/bin/true {quoted}\n" in Linux().service_definition(service).content

    @pytest.mark.parametrize("service", [SERVER, awkward_service()], ids=lambda service: service.name)
    def test_systemd_accepts_it(self, service: Service, tmp_path: Path) -> None:
        analyze = shutil.which("systemd-analyze")
        if not analyze:
            pytest.skip("needs systemd-analyze on PATH")
        content = Linux().service_definition(service).content
        # it checks that the program and the working directory exist
        for missing in ("/opt/prefect/bin/python", "/usr/bin/printf"):
            content = content.replace(missing, "/bin/true")
        unit = tmp_path / f"{service.name}.service"
        unit.write_text(content.replace("/var/lib/prefect", "/"))
        ended = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
        complaints = [line for line in ended.stderr.splitlines() if unit.name in line]
        if ended.returncode and not complaints:
            pytest.skip(f"systemd-analyze does not work here: {ended.stderr.strip()[-200:]}")
        assert complaints == []


class TestSupervisor:
    def test_the_program_of_a_server(self) -> None:
        definition = Local("/srv/box").service_definition(SERVER)

        assert definition.path == "/srv/box/configuration/services/prefect-server.conf"
        assert definition.content == (
            "[program:prefect-server]\n"
            "command=/bin/bash /srv/box/configuration/launch.sh /etc/prefect/server.env"
            " /etc/prefect/server.secrets.env -- /opt/prefect/bin/python -m prefect server start\n"
            "directory=/var/lib/prefect\n"
            "autostart=true\n"
            "autorestart=true\n"
            "startsecs=1\n"
            "startretries=1000000\n"
            "stopsignal=INT\n"
            "stopwaitsecs=30\n"
            "killasgroup=true\n"
            "redirect_stderr=true\n"
            "stdout_logfile=/srv/box/log/prefect-server.log\n"
            "stdout_logfile_maxbytes=10MB\n"
            "stdout_logfile_backups=5\n"
            "priority=200\n"
        )

    @pytest.mark.parametrize("name", ["box", "b.o+x@1~", "bóx"])
    def test_supervisors_own_reader_takes_every_file(self, name: str, tmp_path: Path) -> None:
        python = installed_supervisor()
        directory = tmp_path / name
        local = Local(str(directory))
        services = [SERVER, awkward_service()]
        for place in ("log", "run"):
            (directory / place).mkdir(parents=True)
        for file in [*local.host_files().values(), *map(local.service_definition, services)]:
            Path(file.path).parent.mkdir(parents=True, exist_ok=True)
            # only the working directory of a real host is there to be checked
            Path(file.path).write_text(file.content.replace("directory=/var/lib/prefect", "directory=/"))
        program = (
            "import json, shlex, sys\n"
            "from supervisor.options import ServerOptions\n"
            "options = ServerOptions()\n"
            "options.realize(['-c', sys.argv[1]])\n"
            "found = [p for group in options.process_group_configs for p in group.process_configs]\n"
            "print(json.dumps({p.name: [shlex.split(p.command), p.directory, p.stdout_logfile] for p in found}))\n"
        )
        configuration = local.path("configuration", "supervisord.conf")
        ended = subprocess.run(
            [python, "-W", "ignore", "-c", program, configuration], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        found = json.loads(ended.stdout)
        launcher = ["/bin/bash", local.path("configuration", "launch.sh")]
        assert found["prefect-server"][0] == [*launcher, *SERVER.environment_files, "--", *SERVER.command]
        assert found["awkward"] == [
            [*launcher, "--", *awkward_service().command],
            "/",
            local.path("log", "awkward.log"),
        ]


def installed_supervisor() -> str:
    """Return a Python with the supervisor that hosts get, installed once per checkout and lock."""
    lock = CHECKOUT / "scripts" / "runtime" / "supervisor.txt"
    environment = CHECKOUT / ".local" / "test-cache" / "supervisor"
    python = environment / "bin" / "python"
    complete = environment / lock.name
    if not complete.is_file() or complete.read_bytes() != lock.read_bytes():
        shutil.rmtree(environment, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(environment)],
            [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(lock)],
        ):
            subprocess.run(command, check=True, capture_output=True)
        shutil.copyfile(lock, complete)
    return str(python)


class TestLauncher:
    def launch(self, directory: Path, variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[bytes]:
        local = Local(str(directory))
        file = directory / "a.env"
        file.write_text("# a comment\n\n" + local.environment_file(variables))
        launcher = directory / "launch.sh"
        launcher.write_text(local.host_files()["launcher"].content)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return subprocess.run(
            ["/bin/bash", str(launcher), str(file), "--", *command],
            env=environment,
            cwd=directory,
            capture_output=True,
            check=False,
        )

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "plain",
            "two words",
            "$HOME $(touch ran) `touch ran`",
            "a=b",
            "50%",
            "a;b",
            "#1",
            "é 日本",
            "*",
            "~",
            "x" * 9999,
        ],
        ids=lambda value: value[:12],
    )
    def test_a_variable_arrives_literally(self, value: str, tmp_path: Path) -> None:
        ended = self.launch(tmp_path, {"A": value, "B": "end"}, "sh", "-c", 'printf "%s|%s" "$A" "$B"')

        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.decode() == f"{value}|end"
        assert not (tmp_path / "ran").exists()

    def test_it_becomes_the_program_so_that_signals_reach_it(self, tmp_path: Path) -> None:
        ended = self.launch(tmp_path, {}, "sh", "-c", 'exit "$(ps -o args= -p $PPID | grep -c launch.sh)"')
        assert ended.returncode == 0

    def test_later_files_win(self, tmp_path: Path) -> None:
        (tmp_path / "1").write_text("A=one\nB=one\n")
        (tmp_path / "2").write_text("A=two\n")
        launcher = CHECKOUT / "scripts" / "templates" / "launch.sh"
        command = ["/bin/bash", str(launcher), "1", "2", "--", "sh", "-c", 'echo "$A $B"']
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout == "two one\n"

    def test_arguments_arrive_as_they_are(self, tmp_path: Path) -> None:
        ended = self.launch(tmp_path, {}, "printf", "%s|", *AWKWARD)
        assert ended.stdout.decode() == "".join(f"{argument}|" for argument in AWKWARD)

    def test_a_missing_file_fails(self, tmp_path: Path) -> None:
        launcher = CHECKOUT / "scripts" / "templates" / "launch.sh"
        command = ["/bin/bash", str(launcher), "gone.env", "--", "true"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
        assert ended.returncode != 0
        assert "gone.env" in ended.stderr
