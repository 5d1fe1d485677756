"""What the platforms write onto command lines and standard inputs is read back, whichever platform it is."""

import pytest

from components.platforms import GivenFile, HostFile, Linux, Local, Platform, Service, Windows, WindowsPrograms
from policies.resources import UNKNOWN, Resource, Secret
from policies.steps import ON_SERVERS, Script, WrittenFile, step

PLATFORMS: tuple[Platform, ...] = (
    Linux(),
    Local("/srv/it's here"),
    Windows(
        "D:/Prefect", WindowsPrograms(python="C:/python.exe", wrapper=GivenFile(path="D:/shawl.exe", sha256="ab" * 32))
    ),
)
each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)


repaired_or_not = pytest.mark.parametrize("repairs", [0, 12])


def written(platform: Platform, file: HostFile, repairs: int = 0) -> WrittenFile:
    create = platform.file(file).repaired(repairs).create
    inputs = {"create": create, "stdin": platform.file_payload(file, file.content)}
    done = step(Resource(type=ON_SERVERS, name="it", inputs=inputs))
    assert isinstance(done, WrittenFile)
    return done


@each_platform
@repaired_or_not
def test_a_file(platform: Platform, repairs: int) -> None:
    path = platform.path("configuration", "prefect-server.env")

    done = written(platform, HostFile(path=path, content="A=1\n# B=2\nC=x=y\n"), repairs)

    assert (done.path, done.mode, done.content) == (path, "0644", "A=1\n# B=2\nC=x=y\n")
    assert done.variables == {"A": "1", "C": "x=y"}


@each_platform
def test_a_file_that_not_everybody_may_read(platform: Platform) -> None:
    path = platform.path("configuration", "a.secrets.env")
    assert written(platform, HostFile(path=path, content="", mode="0600")).mode == "0600"


@each_platform
@repaired_or_not
def test_a_script_with_its_settings(platform: Platform, repairs: int) -> None:
    stdin = platform.payload("install-runtime", {"lock": "prefect-3.8.8", "directory": "d"})
    inputs = {"create": platform.script("install-runtime").repaired(repairs).create, "stdin": stdin}

    done = step(Resource(type=ON_SERVERS, name="it", inputs=inputs))

    assert isinstance(done, Script)
    assert done.name == "install-runtime"
    assert done.settings.items() >= {"lock": "prefect-3.8.8", "directory": "d"}.items()


@each_platform
def test_the_definition_of_a_service(platform: Platform) -> None:
    service = Service(
        name="prefect-server",
        description="Prefect server",
        command=("python", "-m", "prefect"),
        user="prefect",
        working_directory=platform.path("data", "prefect"),
        health_url="",
    )
    assert written(platform, platform.service_definition(service)).service == "prefect-server"


@each_platform
@pytest.mark.parametrize("hidden", [Secret(), UNKNOWN], ids=["secret", "unknown"])
def test_nothing_is_made_up_of_what_is_hidden(platform: Platform, hidden: object) -> None:
    inputs = {"create": platform.script("install-runtime").create, "stdin": hidden}

    done = step(Resource(type=ON_SERVERS, name="it", inputs=inputs))

    assert done is None or (isinstance(done, Script) and done.settings == {})


def test_other_resources_are_no_steps() -> None:
    assert step(Resource(type="postgresql:index/role:Role", name="it", inputs={"create": "true"})) is None
    assert step(Resource(type=ON_SERVERS, name="it", inputs={"create": "true"})) is None
