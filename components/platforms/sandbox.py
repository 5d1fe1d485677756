"""What systemd lets a service do: the lines of its unit that take rights away and bound what it uses.

Measured by `systemd-analyze security UNIT`; what each line does: systemd.exec(5) and systemd.resource-control(5).
"""

from collections.abc import Sequence

from components.platforms.contract import Service

# No program of ours has a use for these, and no flow run should: they change the machine for everybody.
EVERY_SERVICE = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "LimitNOFILE=65536",
    "LockPersonality=yes",
    # a flow run or a database session that took too much memory ends alone
    "OOMPolicy=continue",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)

# Missing on purpose: MemoryDenyWriteExecute=, as PostgreSQL compiles large queries and fails them where it cannot;
# RemoveIPC= and PrivateIPC=, as PostgreSQL's shared memory is how a second one on the same data is told of the first;
# PrivateUsers=, as PostgreSQL asks the kernel who is at the other end of its socket;
# PrivateNetwork= and IPAddressDeny=, as each serves a network, whose addresses are for pg_hba.conf and a firewall.
STRICT = (
    "PrivateDevices=yes",
    "ProcSubset=pid",
    "ProtectSystem=strict",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
)

# Missing on purpose, besides those: PrivateDevices=, as flows use graphics cards; ProcSubset=, as they look at the
# machine's memory and load; RestrictNamespaces= and a list of allowed system calls, as browsers and containers build
# sandboxes of their own; UMask=, as what flows write is for others to read.
FLOWS = (
    # where the machine's memory ends, flow runs go before the database
    "OOMScoreAdjust=200",
    # not /srv, /mnt or /data: flows are there to write files
    "ProtectSystem=full",
    # netlink: how a program looks up the machine's own addresses
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap",
    "SystemCallErrorNumber=EPERM",
)


def sandbox_lines(service: Service) -> list[str]:
    """Return the lines of the section [Service] that confine `service`."""
    writes = f"ReadWritePaths={' '.join([service.working_directory, *service.writes])}"
    confined = FLOWS if service.sandbox == "flows" else (*STRICT, writes)
    limits = [f"MemoryMax={service.memory_max}"] if service.memory_max else []
    return [*EVERY_SERVICE, *confined, *limits]


def task_sandbox_lines(writes: Sequence[str]) -> list[str]:
    """Return the lines of the section [Service] that confine a scheduled task, which writes into `writes` alone."""
    return [*EVERY_SERVICE, *STRICT, *(f"ReadWritePaths={path}" for path in writes)]
