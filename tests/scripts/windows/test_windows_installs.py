"""PostgreSQL, Python and Prefect brought to a Windows host, and its schema; programs and junctions are played."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

PLAYED = (Path(__file__).parent / "played_programs.ps1").read_text(encoding="ascii")


def words(ended: Ended) -> list[str]:
    return [line.partition(":")[0] for line in ended.lines]


def archive(path: Path, *names: str) -> tuple[str, str]:
    """Make a zip of empty files; return its path and its SHA-256."""
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, "")
    return path.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


class TestPostgreSql:
    def install(
        self, tmp_path: Path, function: str = "twice", *, before: str = "", cluster: str = "", **given: str
    ) -> Ended:
        names = ("pgsql/bin/postgres.exe", "pgsql/lib/", "pgsql/pgAdmin 4/python.exe")
        path, sha256 = archive(tmp_path / "postgresql.zip", *names)
        (tmp_path / "data" / "postgresql").mkdir(parents=True, exist_ok=True)
        if cluster:
            (tmp_path / "data" / "postgresql" / "PG_VERSION").write_text(f"{cluster}\n")
        settings = {
            **{"postgresql_archive": path, "postgresql_archive_sha256": sha256},
            **{"postgresql_programs": f"{tmp_path.as_posix()}/runtime/postgresql-1", **given},
        }
        return run("install-postgresql", tmp_path, settings, function, before=f"{PLAYED}\n{before}")

    def test_its_programs_alone_are_there_and_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        ended = self.install(tmp_path, cluster="17")
        assert ended.lines == ["changed: postgres (PostgreSQL) 17.6", "unchanged: postgres (PostgreSQL) 17.6"]
        assert [path.name for path in (tmp_path / "runtime").rglob("*.exe")] == ["postgres.exe"]

    @pytest.mark.parametrize(
        ("said", "cluster", "told"),
        [("14.20", "", "older than 15"), ("17.6", "16", "is of PostgreSQL 16"), ("17.6", "1", "is of PostgreSQL 1,")],
    )
    def test_one_that_cannot_serve_is_refused(self, said: str, cluster: str, told: str, tmp_path: Path) -> None:
        ended = self.install(
            tmp_path, "create", before=f"$answers = @('0 postgres (PostgreSQL) {said}')", cluster=cluster
        )
        assert ended.status == 1
        assert told in ended.errors

    def installed(self, tmp_path: Path) -> dict[str, str]:
        """Install PostgreSQL as its publisher's program does; return what a host is then told of it."""
        place = tmp_path / "Program Files" / "PostgreSQL" / "17"
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "postgres.exe").touch()
        return {"postgresql_archive": "", "postgresql_archive_sha256": "", "postgresql_programs": place.as_posix()}

    def test_an_installed_one_is_used_where_it_is(self, tmp_path: Path) -> None:
        given = self.installed(tmp_path)
        ended = self.install(tmp_path, cluster="17", **given)
        assert ended.lines == ["changed: postgres (PostgreSQL) 17.6", "unchanged: postgres (PostgreSQL) 17.6"]
        assert (tmp_path / ended.calls.splitlines()[0].partition(" --")[0]).exists()
        assert list((tmp_path / "runtime").iterdir()) == []

    def test_an_installed_one_stays_when_the_host_goes(self, tmp_path: Path) -> None:
        given = self.installed(tmp_path)
        ended = self.install(tmp_path, "delete_after_create", **given)
        assert ended.lines[1:] == [f"changed: PostgreSQL in {given['postgresql_programs']} stays as it is"] * 2
        assert (Path(given["postgresql_programs"]) / "bin" / "postgres.exe").exists()

    def test_an_installed_one_that_is_too_old_or_not_there_is_refused(self, tmp_path: Path) -> None:
        given = self.installed(tmp_path)
        old = self.install(tmp_path, "create", before="$answers = @('0 postgres (PostgreSQL) 13.20')", **given)
        assert "PostgreSQL 13.20 is older than 15" in old.errors
        elsewhere = {**given, "postgresql_programs": "D:/PostgreSQL"}
        none = self.install(tmp_path, "create", **elsewhere)
        assert "there is no D:/PostgreSQL/bin/postgres.exe. Install PostgreSQL there" in none.errors


class TestRuntime:
    def install(self, tmp_path: Path, function: str = "create", *, before: str = "") -> Ended:
        path, sha256 = archive(tmp_path / "python.nupkg", "python.nuspec", "tools/python.exe", "tools/Lib/os.py")
        requirements = tmp_path / "runtime" / "requirements"
        requirements.mkdir(parents=True)
        (requirements / "prefect-3.8.8.txt").write_text("prefect==3.8.8\n")
        for version in ("3.8.6", "3.8.7"):
            (tmp_path / "runtime" / f"prefect-{version}").mkdir()
        settings = {
            **{"python_archive": path, "python_archive_sha256": sha256, "lock": "prefect-3.8.8"},
            **{"directory": f"{tmp_path.as_posix()}/runtime/prefect-3.8.8", "wheel_directory": "D:/wheels of Prefect"},
            "base_python": f"{tmp_path.as_posix()}/runtime/python/python.exe",
        }
        in_use = '$links["$runtime/current/prefect-server"] = "$runtime/prefect-3.8.7"'
        return run("install-runtime", tmp_path, settings, function, before=f"{PLAYED}\n{in_use}\n{before}")

    def test_it_is_installed_once_and_what_no_service_runs_from_goes(self, tmp_path: Path) -> None:
        ended = self.install(tmp_path, "twice")
        assert ended.errors == ""
        assert ended.lines[1:] == [
            "changed: installed prefect-3.8.8",
            f"unchanged: {tmp_path.as_posix()}/runtime/prefect-3.8.8 is installed",
        ]
        there = {path.name for path in (tmp_path / "runtime").glob("prefect-*")}
        assert there == {"prefect-3.8.7", "prefect-3.8.8"}
        assert (tmp_path / "runtime" / "python" / "Lib" / "os.py").exists()

    def test_wheels_come_from_the_directory_alone(self, tmp_path: Path) -> None:
        calls = self.install(tmp_path).calls.splitlines()
        assert ["--no-index --find-links D:/wheels of Prefect" in call for call in calls] == [False, True, True]

    def test_one_that_failed_is_not_taken_for_a_whole_one(self, tmp_path: Path) -> None:
        failed = self.install(tmp_path, before="$answers = '0 made', '0 pip', '1 no wheel of prefect'")
        assert failed.status == 1
        assert "prefect-3.8.8 could not be installed: no wheel of prefect\na warning" in failed.errors
        assert not (tmp_path / "runtime" / "prefect-3.8.8" / ".complete").exists()


class TestMigration:
    def migrate(self, tmp_path: Path, *answers: str) -> Ended:
        for version in ("3.8.7", "3.8.8"):
            (tmp_path / "runtime" / f"prefect-{version}").mkdir(parents=True)
        python = f"{tmp_path.as_posix()}/runtime/prefect-3.8.7/Scripts/python.exe"
        settings = {"python": python, "program": "migrate.py", "environment_files": "a.env b.env"}
        told = ", ".join(f"'{answer}'" for answer in answers)
        played = f'$answers = @({told})\nfunction Start-OurService($name) {{ Show-Call "start $name" }}'
        settings["service"] = "prefect-server"
        return run("migrate-prefect-database", tmp_path, settings, before=f"{PLAYED}\n{played}")

    @pytest.mark.parametrize(("line", "word"), [("aaa bbb", "changed"), ("bbb bbb", "unchanged")])
    def test_it_tells_what_it_did(self, line: str, word: str, tmp_path: Path) -> None:
        assert words(self.migrate(tmp_path, f"0 {line}")) == [word]

    def test_the_way_back_is_known_to_the_newer_version(self, tmp_path: Path) -> None:
        ended = self.migrate(tmp_path, "3 ccc", "0 ccc aaa")
        assert ended.lines == ["changed: the schema is at revision aaa, before: ccc"]
        forth, back = ended.calls.splitlines()
        assert forth.startswith("runtime/prefect-3.8.7/Scripts/python.exe ")
        assert back.startswith("runtime/prefect-3.8.8/Scripts/python.exe ")
        assert back.endswith("-- migrate.py ccc")

    @pytest.mark.parametrize(
        ("answers", "told"),
        [
            (["1 no room"], "still serves. Its end:\nno room"),
            (["3 ccc", "3 ccc"], "newer Prefect than any runtime"),
            (["3 ccc", "1 no room"], "the way back to revision ccc failed"),
        ],
    )
    def test_a_failure_leaves_the_server_running(self, answers: list[str], told: str, tmp_path: Path) -> None:
        ended = self.migrate(tmp_path, *answers)
        assert ended.status == 1
        assert told in ended.errors
        assert ended.calls.endswith("start prefect-server") == (len(answers) > 1)
