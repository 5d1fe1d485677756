"""What a Prefect worker is as a service: its program, its stop, its limits. Pure values, no Pulumi."""

from components.platforms import SCRIPTS, HostFile, Platform, Service
from components.settings.workers import DOCKER, WorkerSettings

END_SECONDS = 60
"""How long a worker takes at most, when the time of its flow runs is up, to end them and to have that reported."""


def unit_name(worker: str) -> str:
    """Return the name of the service of a worker."""
    return f"prefect-worker-{worker}"


def worker_program(platform: Platform, worker: str) -> HostFile:
    """Return the program of a worker; it goes with the worker, so each has one of its own."""
    path = platform.path("runtime", "bin", unit_name(worker))
    return HostFile(path=path, content=(SCRIPTS / "templates" / "worker.py").read_text())


def worker_service(
    platform: Platform,
    worker: WorkerSettings,
    *,
    pool_type: str,
    api_url: str,
    environment: str,
    environment_files: tuple[str, ...],
    after: tuple[str, ...],
) -> Service:
    """Return the service of a worker of a pool of type `pool_type`, which finds the API at `api_url`.

    `environment` is the Python environment that it runs from, `after` are the services that it starts after.
    """
    unit = unit_name(worker.name)
    stop_file = platform.stop_file(unit)
    limit = ("--limit", str(worker.limit)) if worker.limit else ()
    starts_containers = pool_type == DOCKER
    return Service(
        name=unit,
        description=f"Prefect worker {worker.name} of work pool {worker.work_pool}",
        command=(
            *(platform.current(unit), worker_program(platform, worker.name).path),
            *("--name", worker.name, "--pool", worker.work_pool, "--type", pool_type, *limit),
            *("--drain-seconds", str(worker.drain_seconds)),
            *(("--stop-file", stop_file) if stop_file else ()),
        ),
        environment=environment,
        environment_files=environment_files,
        user="prefect",
        account=worker.account,
        working_directory=platform.home(unit),
        # users' code runs in containers then, and the worker itself is a program that we know
        sandbox="strict" if starts_containers else "flows",
        groups=("docker",) if starts_containers else (),
        memory_max=worker.memory_max,
        health_url=f"http://127.0.0.1:{worker.health_port}/health",
        requires_url=f"{api_url}/ready",
        # its health address answers before it knows whether it can work
        settle_seconds=5,
        stop_file=stop_file,
        stop_seconds=worker.drain_seconds + END_SECONDS,
        after=(*after, "docker") if starts_containers else after,
    )
