"""Waiting for a host: what is asked, and which cause is named where the answer does not come.

The servers are on loopback and speak TLS as dockerd does: with a certificate for 127.0.0.1, asking for the client's.
"""

import asyncio
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_docker.host import readiness
from aws_docker.host.readiness import Client, NotReady, ping, until_ready
from lab.hosts import certs
from tests.audit import servers
from tests.audit.servers import Server

SERVER_CA = certs.authority("server CA")
CLIENT_CA = certs.authority("client CA")
CLIENT_LEAF = certs.leaf(CLIENT_CA, [certs.CLIENT])
ALICE = Client(SERVER_CA.pem, CLIENT_LEAF.pem, CLIENT_LEAF.key_pem)


def serving(certificate: certs.Certificate, talk: object = servers.docker) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=CLIENT_CA.pem)
    with tempfile.NamedTemporaryFile("w") as pair:
        pair.write(certificate.pem + certificate.key_pem)
        pair.flush()
        context.load_cert_chain(pair.name)
    return Server(talk, context)  # pyright: ignore[reportArgumentType]


def right() -> certs.Certificate:
    return certs.leaf(SERVER_CA, [certs.SERVER], ["127.0.0.1"])


def cause(server: Server, client: Client = ALICE) -> str:
    with server, pytest.raises(NotReady) as seen:
        ping(f"tcp://{server.target}", client.context())
    return str(seen.value)


def test_a_host_that_answers_over_mutual_tls_is_ready() -> None:
    with serving(right()) as server:
        ping(f"tcp://{server.target}", ALICE.context())
        assert server.asked == ["GET /_ping HTTP/1.1"]


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (certs.leaf(SERVER_CA, [certs.SERVER], ["127.0.0.1"], starts=1), "is not valid yet"),
        (certs.leaf(SERVER_CA, [certs.SERVER], ["127.0.0.1"], starts=-9, days=2), "has expired"),
        (certs.leaf(certs.authority("another"), [certs.SERVER], ["127.0.0.1"]), "another CA"),
        (certs.leaf(SERVER_CA, [certs.SERVER], ["10.0.5.10"]), "does not name this address"),
    ],
)
def test_a_certificate_that_clients_would_refuse_is_named(
    certificate: certs.Certificate, expected: str
) -> None:
    assert expected in cause(serving(certificate))


def test_a_client_that_the_host_does_not_know_is_named() -> None:
    leaf = certs.leaf(certs.authority("another"), [certs.CLIENT])
    seen = cause(serving(right()), Client(SERVER_CA.pem, leaf.pem, leaf.key_pem))
    assert "take this client's certificate" in seen


def test_an_answer_that_is_not_dockers_is_no_answer() -> None:
    assert "HTTP status 404" in cause(serving(right(), servers.web))


def test_plain_http_is_no_answer() -> None:
    assert cause(Server(servers.docker))


def test_a_closed_port_is_named() -> None:
    with serving(right()) as server:
        port = server.port
    with pytest.raises(NotReady, match=f"port {port} is closed"):
        ping(f"tcp://127.0.0.1:{port}", ALICE.context())


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        (["10.0.5.0/24"], "127.0.0.1 is not among the trusted sources 10.0.5.0/24"),
        (["127.0.0.0/8"], "although this machine's address 127.0.0.1 is trusted"),
    ],
)
def test_a_time_out_is_explained_by_who_asks(
    monkeypatch: pytest.MonkeyPatch, trusted: list[str], expected: str
) -> None:
    monkeypatch.setattr(readiness, "ATTEMPT_SECONDS", 0.2)
    with Server(servers.tarpit) as server, pytest.raises(NotReady, match="nothing comes back") as seen:
        ping(f"tcp://{server.target}", ALICE.context(), trusted)
    assert expected in str(seen.value)


def test_the_key_leaves_no_file_behind_and_is_nobody_elses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modes: list[tuple[int, int]] = []
    load = ssl.SSLContext.load_cert_chain

    def loading(self: ssl.SSLContext, certfile: Path) -> None:
        modes.append((certfile.parent.stat().st_mode & 0o777, certfile.stat().st_mode & 0o777))
        load(self, certfile)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", loading)
    ALICE.context()
    assert modes == [(0o700, 0o600)]
    assert list(tmp_path.iterdir()) == []
    assert "PRIVATE" not in repr(ALICE)


class Attempts:
    """Fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.left: Iterator[int] = iter(range(failures))
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        if next(self.left, None) is not None:
            raise NotReady("the port is closed")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PAUSE_SECONDS", 0.01)


@pytest.mark.usefixtures("quickly")
def test_it_tries_again_until_the_host_is_ready_and_tells_why_it_waits() -> None:
    told: list[str] = []
    attempts = Attempts(20)
    started = time.monotonic()
    asyncio.run(until_ready(attempts, tell=told.append, tell_every=0.05))
    assert attempts.count == 21
    assert 1 <= len(told) <= (time.monotonic() - started) / 0.05 + 1
    assert all("the port is closed" in line for line in told)


def test_a_host_that_is_ready_is_asked_once() -> None:
    attempts = Attempts(0)
    asyncio.run(until_ready(attempts, tell=print))
    assert attempts.count == 1


@pytest.mark.usefixtures("quickly")
def test_it_gives_up_with_the_last_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.1)
    with pytest.raises(NotReady, match="the port is closed"):
        asyncio.run(until_ready(Attempts(10_000), tell=print))
