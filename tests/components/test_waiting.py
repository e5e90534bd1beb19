"""`wait_until_ready`: what is held back, from whom, and what is said where nobody answers. No packet is sent here."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from aws_docker import DockerHost, DockerHostError
from aws_docker.host import readiness
from aws_docker.host.readiness import Client, NotReady

from .conftest import Stack

WAITING = {"trusted_cidrs": ["10.0.5.0/24"], "clients": ["alice", "ci"], "wait_until_ready": True}
MATERIALS = ("ca_material", "cert_material", "key_material", "client_cert_materials", "client_key_materials")


class Host:
    """A host that answers after so many attempts, and never before its instance is there."""

    def __init__(self, stack: Stack, failures: int) -> None:
        self.stack = stack
        self.failures = failures
        self.asked: list[tuple[str, Any]] = []
        self.clients: list[Client] = []
        self.made_before: set[str] = set()

    def context(self, client: Client) -> ssl.SSLContext:
        self.clients.append(client)
        return ssl.create_default_context()

    def ping(self, endpoint: str, context: ssl.SSLContext, trusted: Any) -> None:
        self.asked.append((endpoint, trusted))
        self.made_before = set(self.stack.resources)
        if len(self.asked) <= self.failures:
            raise NotReady("port 2376 is closed: dockerd does not run there yet, or no more")


Make = Callable[..., Host]


@pytest.fixture
def make_host(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(failures: int = 0) -> Host:
        host = Host(stack, failures)
        monkeypatch.setattr(readiness, "ping", host.ping)
        monkeypatch.setattr(Client, "context", lambda self: host.context(self))
        monkeypatch.setattr(readiness, "PAUSE_SECONDS", 0.001)
        return host

    return make


def test_the_outputs_are_there_once_the_first_client_is_served(stack: Stack, make_host: Make) -> None:
    host = make_host(failures=3)
    stack.host(WAITING)
    assert host.asked == [("tcp://172.31.5.10:2376", ["10.0.5.0/24"])] * 4
    assert host.made_before >= {"build-instance", "build-configuration"}
    (client,) = host.clients
    assert client.authority == "CERTIFICATE of build-server-ca\n"
    assert client.certificate == "CERTIFICATE of build-client-alice-certificate\n"
    assert client.key == "PRIVATE KEY of build-client-alice-key\n"
    waited = stack.outputs(), stack.secret_outputs()
    stack.host({**WAITING, "wait_until_ready": False})
    assert waited == (stack.outputs(), stack.secret_outputs())


@pytest.mark.parametrize("output", ["endpoint", *MATERIALS])
def test_nobody_gets_an_output_of_a_host_that_does_not_answer(
    stack: Stack, make_host: Make, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    make_host(failures=10_000)
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.01)
    got: list[Any] = []

    def program() -> None:
        getattr(DockerHost("build", WAITING), output).apply(got.append)  # pyright: ignore[reportArgumentType]

    with pytest.raises(DockerHostError, match=r"did not answer over mutual TLS .* port 2376 is closed"):
        stack.run(program)
    assert got == []


def test_the_error_names_the_command_that_tells_more_and_no_key(
    stack: Stack, make_host: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_host(failures=10_000)
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.01)
    with pytest.raises(DockerHostError) as seen:
        stack.host(WAITING)
    assert "--instance-id build-instance-id" in str(seen.value)
    assert "KEY" not in str(seen.value)


def test_a_preview_asks_nobody(stack: Stack, make_host: Make) -> None:
    host = make_host()
    stack.preview = True
    stack.host(WAITING)
    assert host.asked == []


def test_who_does_not_ask_for_it_waits_for_nobody(stack: Stack, make_host: Make) -> None:
    host = make_host()
    stack.host({"trusted_cidrs": ["10.0.5.0/24"]})
    assert host.asked == []
