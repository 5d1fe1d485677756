"""pg_hba.conf and pg_ident.conf: who gets in, by which proof, and that nobody else does."""

import pytest

from components.postgresql.access import Access, cluster_access, identities, pg_hba_conf, pg_ident_conf


def rows(text: str) -> list[tuple[str, ...]]:
    return [tuple(line.split()) for line in text.splitlines() if not line.startswith("#")]


SOCKET = [
    ("local", "all", "postgres", "peer", "map=postgres"),
    ("local", "prefect", "prefect_backup", "peer", "map=prefect_backup"),
    ("local", "all", "prefect_monitoring", "peer", "map=prefect_monitoring"),
]
LOOPBACK = [
    ("host", "all", "postgres", "127.0.0.1/32", "scram-sha-256"),
    ("host", "all", "postgres", "::1/128", "scram-sha-256"),
    ("host", "prefect", "prefect", "127.0.0.1/32", "scram-sha-256"),
    ("host", "prefect", "prefect", "::1/128", "scram-sha-256"),
]


def test_a_cluster_of_one_host_lets_in_nobody_from_elsewhere() -> None:
    assert rows(pg_hba_conf(identities("postgres"), cluster_access((), ()))) == SOCKET + LOOPBACK


def test_servers_and_monitors_elsewhere_must_speak_tls() -> None:
    accesses = cluster_access(["10.0.0.6", "2001:db8::6", "127.0.0.1"], ["10.0.9.0/24", "2001:db8:9::/64"])

    assert rows(pg_hba_conf((), accesses)) == [
        *LOOPBACK,
        ("hostssl", "prefect", "prefect", "10.0.0.6/32", "scram-sha-256"),
        ("hostssl", "prefect", "prefect", "2001:db8::6/128", "scram-sha-256"),
        ("hostssl", "all", "prefect_monitoring", "10.0.9.0/24", "scram-sha-256"),
        ("hostssl", "all", "prefect_monitoring", "2001:db8:9::/64", "scram-sha-256"),
    ]


def test_only_the_system_user_of_postgresql_is_believed_over_the_socket() -> None:
    assert rows(pg_ident_conf(identities("pg"))) == [
        ("postgres", "pg", "postgres"),
        ("prefect_backup", "pg", "prefect_backup"),
        ("prefect_monitoring", "pg", "prefect_monitoring"),
    ]


@pytest.mark.parametrize("address", ["db.example.com", "10.0.0.5/24", "", "all", "10.0.0.5/32 trust\nhost all"])
def test_an_address_that_postgresql_would_take_for_something_else_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear to be|has host bits set"):
        pg_hba_conf((), [Access(role="prefect", database="prefect", address=address)])


@pytest.mark.parametrize("name", ["all users", "Prefect", "+admins", "@file", ""])
def test_a_name_that_would_need_quotes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"would need quotes in pg_hba\.conf"):
        pg_hba_conf((), [Access(role=name, database="prefect", address="10.0.0.5")])
