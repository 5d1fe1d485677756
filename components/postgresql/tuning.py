"""Settings computed from a host's memory, for the database of a Prefect server.

Prefect's load is many short transactions on few connections, and one table, `events`, that grows by inserts and is
emptied in batches (https://docs.prefect.io/v3/advanced/database-maintenance). What PostgreSQL 14 to 18 does well by
itself is not set: wal_buffers (1/32 of shared_buffers, at most 16 MB), checkpoint_completion_target (0.9),
default_statistics_target (100).
"""

SHARED_BUFFERS_MIB = (32, 16 * 1024)
MAINTENANCE_WORK_MEM_MIB = (16, 1024)
WORK_MEM_KIB = (1024, 64 * 1024)
MAX_WAL_MIB = (1024, 4096)


def tuning(memory_mib: int, max_connections: int, share: float = 1.0) -> dict[str, str]:
    """Return settings, by name, for a cluster on a host with `memory_mib` MiB.

    `share` is the part of the host's memory that is for PostgreSQL, from `memory_share`.
    """
    budget = int(memory_mib * share)
    return {**_memory(budget, max_connections), **_write_ahead_log(budget), **_PLANNER, **_VACUUM, **_SESSIONS, **_LOG}


def memory_share(*, beside_server: bool, beside_workers: bool) -> float:
    """Return the part of a host's memory that is for PostgreSQL: all of it on a host of its own.

    A Prefect server takes some 500 MiB and each flow run 150 MiB or more, so flows get the largest part where they run.
    """
    if beside_workers:
        return 0.25
    return 0.5 if beside_server else 1.0


def _memory(budget: int, max_connections: int) -> dict[str, str]:
    """Memory, https://www.postgresql.org/docs/current/runtime-config-resource.html#RUNTIME-CONFIG-RESOURCE-MEMORY."""
    # "a reasonable starting value is 25%"; above some 16 GB there is little left of Prefect's data to keep there
    shared_buffers = _within(SHARED_BUFFERS_MIB, budget // 4)
    # each connection may use it several times at once, for each sort and hash of a query; three is the field's rule
    work_mem = _within(WORK_MEM_KIB, (budget - shared_buffers) * 1024 // (3 * max_connections))
    return {
        "shared_buffers": f"{shared_buffers}MB",
        # no memory is taken: what planner may expect to find in the system's cache too
        "effective_cache_size": f"{max(budget * 3 // 4, shared_buffers)}MB",
        "work_mem": f"{work_mem}kB",
        # index builds of migrations (pg_trgm's are large), and each of three autovacuum workers
        "maintenance_work_mem": f"{_within(MAINTENANCE_WORK_MEM_MIB, budget // 16)}MB",
    }


def _write_ahead_log(budget: int) -> dict[str, str]:
    """Write-ahead log, https://www.postgresql.org/docs/current/wal-configuration.html."""
    max_wal = _within(MAX_WAL_MIB, budget)
    return {
        # fewer checkpoints: after each, the first change of a page writes the whole page
        "checkpoint_timeout": "15min",
        "max_wal_size": f"{max_wal}MB",
        "min_wal_size": f"{max_wal // 4}MB",
        "wal_compression": "on",
    }


_PLANNER = {
    # solid state disks read anywhere nearly as fast as in a row,
    # https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-RANDOM-PAGE-COST
    "random_page_cost": "1.1",
    # compiling takes longer than Prefect's short queries with many joins,
    # https://www.postgresql.org/docs/current/jit-decision.html
    "jit": "off",
}

# https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
_VACUUM = {
    # by default a fifth of a table must be dead or new first: millions of events
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    # the default is for rotating disks; vacuum would fall behind what the event retention deletes
    "autovacuum_vacuum_cost_limit": "1000",
}

_SESSIONS = {
    # a client that hangs within a transaction would hold its locks, and dead rows everywhere, for ever,
    # https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT
    "idle_in_transaction_session_timeout": "10min",
    # connections of a server that lost power are noticed after two minutes, not two hours,
    # https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-TCP-KEEPALIVES-IDLE
    "tcp_keepalives_idle": "60s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "6",
}

# https://www.postgresql.org/docs/current/runtime-config-logging.html
_LOG = {
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "on",
    "log_lock_waits": "on",
    "log_temp_files": "10MB",
    "log_min_duration_statement": "1s",
    # what is written to the database, flow parameters among it, stays out of the log
    "log_parameter_max_length": "0",
}


def _within(bounds: tuple[int, int], value: int) -> int:
    lowest, highest = bounds
    return min(max(value, lowest), highest)
