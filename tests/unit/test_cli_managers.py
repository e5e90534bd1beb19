"""Which manager of a Swarm a client is pointed at."""

import ssl
from dataclasses import replace

import pytest

from aws_docker.cli.connection import Connection, find_connection
from aws_docker.cli.managers import answering
from aws_docker.host import readiness
from lab.hosts import certs

MANAGERS = tuple(f"tcp://10.0.0.{number}:2376" for number in (1, 2, 3))


@pytest.fixture
def connection() -> Connection:
    authority = certs.authority("clients")
    client = certs.leaf(authority, [certs.CLIENT])
    outputs = {
        "endpoint": MANAGERS[0],
        "manager_endpoints": dict(zip("abc", MANAGERS, strict=True)),
        "ca_material": authority.pem,
        "cert_material": client.pem,
        "key_material": client.key_pem,
    }
    return find_connection(outputs, None, None)


def answers(monkeypatch: pytest.MonkeyPatch, *there: str) -> list[str]:
    """Only these managers do; returns who is asked."""
    asked: list[str] = []

    def ping(endpoint: str, context: ssl.SSLContext) -> None:
        asked.append(endpoint)
        if endpoint not in there:
            raise readiness.NotReady("nothing comes back")

    monkeypatch.setattr(readiness, "ping", ping)
    return asked


def test_the_first_that_answers_is_chosen(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.managers == MANAGERS
    asked = answers(monkeypatch, *MANAGERS)
    assert answering(connection) == connection
    assert asked == [MANAGERS[0]]
    asked = answers(monkeypatch, MANAGERS[1], MANAGERS[2])
    assert answering(connection) == replace(connection, endpoint=MANAGERS[1])
    assert asked == [*MANAGERS[:2]]


def test_where_none_answers_it_is_said_and_nothing_changed(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch)
    assert answering(connection) == connection
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("nothing comes back") == 3
    assert "no manager answers here" in said.err


def test_where_there_is_no_other_nobody_is_asked(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch)
    for managers in ((), MANAGERS[:1]):
        alone = replace(connection, managers=managers)
        assert answering(alone) is alone
    assert asked == []
