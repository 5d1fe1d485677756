"""A machine, and the three things that can be done on it: write a file, run a script, run a service.

The only caller of pulumi-command. Components say what should be true; the host's platform says by which command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pulumi
from pulumi_command import local, remote

from components.platforms import (
    Commands,
    HostFile,
    Linux,
    Local,
    Platform,
    ScheduledTask,
    Service,
    Windows,
    fingerprint,
)
from components.settings import HostSettings
from components.tunnel import Tunnel, TunnelError


@dataclass(frozen=True, kw_only=True)
class HostArgs:
    """A machine of the stack file."""

    settings: HostSettings
    purpose: Mapping[str, str] = field(default_factory=dict)
    """What the host is for, as its preflight asks: roles, names it must find, packages it must get."""
    ssh_private_key: pulumi.Input[str] | None = None
    """For a host reached by SSH, in PEM; None to ask the SSH agent."""
    purge_on_destroy: bool = False
    """Whether removing the host removes the data too; otherwise it is set aside."""
    after: Sequence[pulumi.Resource] = ()
    """What there must be before the host can be reached: the machine itself, where the stack makes it."""
    machine: pulumi.Resource | None = None
    """What the stack makes to have this host; when that is replaced, all that was done there is done again."""
    repairs: Mapping[str, int] = field(default_factory=dict)
    """How often each resource was found to have drifted, by name; see `components.drift`."""


@dataclass(frozen=True)
class Step:
    """Something done on a host, and a fingerprint of how: whoever reads it restarts when that changes."""

    resource: pulumi.Resource
    fingerprint: pulumi.Output[str]
    report: pulumi.Output[str]
    """What the host answered, with the time for a file: another one each time that it was written."""


class Host(pulumi.ComponentResource):
    """A machine made ready: checked before anything is changed, then given users, directories and a supervisor."""

    address: str
    """Where other hosts find it."""
    loopback: str
    """Where its own services find each other."""
    platform: Platform

    def __init__(self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:Host", name, None, opts)
        self.address = args.settings.address_for_peers
        self.loopback = self.address if args.settings.is_here else "127.0.0.1"
        self.platform = platform_of(args.settings)
        self._repairs = args.repairs
        self._machine = args.machine
        self._connection = _connection(args)
        self._tunnel = _tunnel(args)
        self._settings = args.settings
        on = HostScope(self, self, name, ready=args.after)
        ports = {"ports": " ".join(f"{key}={port}" for key, port in args.settings.ports)}
        checked = [on.script(name, name, {**ports, **args.purpose}) for name in self.platform.preflight]
        purge = {"purge": str(args.purge_on_destroy).lower()}
        prepared = on.script("prepare", "prepare-host", {**ports, **purge}, after=checked)
        files = [on.file(suffix, file, after=[prepared]) for suffix, file in self.platform.host_files().items()]
        self._ready = [prepared, *files]
        self.register_outputs({"address": self.address})

    @property
    def ready(self) -> list[pulumi.Resource]:
        """The last things that made it ready."""
        return [step.resource for step in self._ready]

    def port_here(self, service: Literal["database", "api"], port: int, address: str = "127.0.0.1") -> int:
        """Return the port, on the machine that runs Pulumi, by which it reaches a `service` at the host's `address`.

        Raises:
            pulumi.RunError: the port is taken by another program.
        """
        if self._tunnel is None:
            return port
        port_here = self._settings.tunnel_port + ("database", "api").index(service)
        try:
            self._tunnel.listen(port_here, port, address)
        except TunnelError as error:
            # a preview goes to no host
            if not pulumi.runtime.is_dry_run():
                raise pulumi.RunError(str(error)) from None
        return port_here

    def scope(self, parent: pulumi.Resource, name: str) -> "HostScope":
        """Return the host's vocabulary for a component: what it makes becomes children of `parent`, `name`-SUFFIX."""
        return HostScope(self, parent, name, self._ready)

    def repairs_of(self, name: str) -> int:
        """Return how often the resource of this name was found to have drifted."""
        return self._repairs.get(name, 0)

    def command(
        self, name: str, commands: Commands, stdin: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> local.Command | remote.Command:
        """Run `commands` on this machine or over SSH."""
        commands = commands.repaired(self.repairs_of(name))
        if self._machine is not None:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(replace_with=[self._machine]))
        if self._connection is None:
            return local.Command(
                name,
                create=commands.create,
                delete=commands.delete,
                stdin=stdin,
                add_previous_output_in_env=False,
                opts=opts,
            )
        return remote.Command(
            name,
            connection=self._connection,
            create=commands.create,
            delete=commands.delete,
            stdin=stdin,
            add_previous_output_in_env=False,
            opts=opts,
        )


class HostScope:
    """File, script and service on one host, on behalf of one component."""

    def __init__(self, host: Host, parent: pulumi.Resource, name: str, ready: Sequence[Step | pulumi.Resource]) -> None:
        self._host = host
        self._parent = parent
        self._name = name
        self._ready = ready
        self.path = host.platform.path
        self.environment_file = host.platform.environment_file

    def file(
        self,
        suffix: str,
        file: HostFile,
        content: pulumi.Input[str] | None = None,
        *,
        after: Sequence[Step] = (),
    ) -> Step:
        """Write a file whole; it is removed when the resource is deleted.

        `content` takes the place of `file.content` where it is only known later or is secret.
        """
        text = pulumi.Output.from_input(file.content if content is None else content)
        platform = self._host.platform
        payload = text.apply(lambda known: platform.file_payload(file, known))
        resource = self._command(suffix, platform.file(file), payload, after)
        written = text.apply(lambda known: fingerprint(file.path, file.mode, file.owner, known))
        return Step(resource, written, resource.stdout)

    def script(
        self,
        suffix: str,
        script: str,
        settings: Mapping[str, pulumi.Input[str]],
        *,
        reads: Sequence[Step] = (),
        after: Sequence[Step | pulumi.Resource] = (),
        protect: bool = False,
    ) -> Step:
        """Run scripts/PLATFORM/`script` whenever its text, its `settings` or what it `reads` on the host change.

        Secrets may be among the settings. What it reads it is told of by two more: `fingerprint`, of what was declared,
        and `changes`. A preview does not know them while what it reads is to change.

        What is to `protect` is not removed by Pulumi: its removal would take data away.
        """
        platform = self._host.platform
        told = {**settings, **({"fingerprint": _fingerprint(reads), "changes": _changes(reads)} if reads else {})}
        known_settings = pulumi.Output.all(*told.values()).apply(lambda known: dict(zip(told, known, strict=True)))
        payload = known_settings.apply(lambda known: platform.payload(script, known))
        resource = self._command(suffix, platform.script(script), payload, [*reads, *after], protect=protect)
        # not of the script's text: a better script runs again, but restarts nobody
        done = known_settings.apply(lambda known: fingerprint(*known, *known.values()))
        return Step(resource, done, resource.stdout)

    def service(
        self,
        suffix: str,
        service: Service,
        *,
        reads: Sequence[Step],
        after: Sequence[Step | pulumi.Resource] = (),
        account_password: pulumi.Input[str] | None = None,
    ) -> Step:
        """Keep `service` running, started when its host boots; restart it only if what it `reads` changed.

        The step is done when the service is healthy, and fails with the end of its log when it does not become so.
        The password of `service.account`, None for none, is a secret.
        """
        definition = self.file(f"{suffix}-definition", self._host.platform.service_definition(service))
        started_from = [definition, *reads]
        settings: dict[str, pulumi.Input[str]] = {
            "service": service.name,
            "environment": service.environment,
            "health_url": service.health_url,
            "start_seconds": str(service.start_seconds),
            "settle_seconds": str(service.settle_seconds),
        }
        if account_password is not None:
            settings["password"] = pulumi.Output.secret(account_password)
        step = self.script(suffix, "service", settings, reads=started_from, after=after)
        return replace(step, fingerprint=_fingerprint(started_from))

    def program(self, suffix: str, name: str, *, after: Sequence[Step] = ()) -> Step:
        """Write the program `name` of scripts/PLATFORM/programs, to be run by tasks and by people on the host."""
        return self.file(suffix, self._host.platform.program(name), after=after)

    def timer(self, suffix: str, task: ScheduledTask, *, after: Sequence[Step | pulumi.Resource] = ()) -> Step:
        """Have `task` run at its times from now on; it is not run by that."""
        files = self._host.platform.task_definitions(task)
        definitions = [self.file(f"{suffix}-{kind}", file) for kind, file in files.items()]
        repairs = [self._host.repairs_of(f"{self._name}-{suffix}-{kind}") for kind in files]
        # plain text, not what `reads` tells: policies and diagrams look in a preview for what is scheduled
        definition = fingerprint(*(file.content for file in files.values()), *map(str, repairs))
        settings = {"task": task.name, "schedule": task.schedule, "fingerprint": definition}
        return self.script(suffix, "timer", settings, after=[*definitions, *after])

    def _command(
        self,
        suffix: str,
        commands: Commands,
        stdin: pulumi.Input[str],
        after: Sequence[Step | pulumi.Resource],
        *,
        protect: bool = False,
    ) -> local.Command | remote.Command:
        # the host being ready, and earlier steps being done, are effects that no value shows
        steps = [*self._ready, *after]
        resources = [step.resource if isinstance(step, Step) else step for step in steps]
        opts = pulumi.ResourceOptions(parent=self._parent, depends_on=resources, protect=protect)
        return self._host.command(f"{self._name}-{suffix}", commands, stdin, opts)


def platform_of(settings: HostSettings) -> Platform:
    """Return the platform of a machine of the stack file."""
    if settings.windows:
        return Windows(settings.directory, settings.windows)
    return Linux() if settings.platform == "linux" else Local(settings.directory)


def _fingerprint(steps: Sequence[Step]) -> pulumi.Output[str]:
    return pulumi.Output.all(*(step.fingerprint for step in steps)).apply(lambda known: fingerprint(*known))


def _changes(steps: Sequence[Step]) -> pulumi.Output[str]:
    """Return a word for each step that changed its host when it was last done: another one each time that it does.

    A change that failed and was taken back, or a file that had drifted and was put back, leaves what is declared as it
    was; but whoever reads it must be asked again, and may have to restart.
    """
    reports = pulumi.Output.all(*(step.report for step in steps))
    return reports.apply(lambda known: " ".join(fingerprint(report) for report in known if _tells_change(report)))


def _tells_change(report: str) -> bool:
    return report.strip().rpartition("\n")[2].startswith("changed: ")


def _tunnel(args: HostArgs) -> Tunnel | None:
    if args.settings.is_here:
        return None
    tunnel = Tunnel(args.settings, pulumi.log.error)
    if args.ssh_private_key is None:
        tunnel.unlock(None)
    else:
        pulumi.Output.from_input(args.ssh_private_key).apply(tunnel.unlock)
    return tunnel


def _connection(args: HostArgs) -> remote.ConnectionArgs | None:
    host, jump_host = args.settings, args.settings.jump_host
    if host.is_here:
        return None
    proxy = None
    if jump_host is not None:
        proxy = remote.ProxyConnectionArgs(
            host=jump_host.address,
            port=jump_host.port,
            user=jump_host.user,
            private_key=args.ssh_private_key,
            host_key=jump_host.host_key,
        )
    return remote.ConnectionArgs(
        host=host.address,
        port=host.port,
        user=host.user,
        private_key=args.ssh_private_key,
        host_key=host.host_key,
        proxy=proxy,
    )
