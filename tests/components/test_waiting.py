"""`wait_until_ready`: what is held back, from whom, and what is said where nobody answers. No packet is sent here."""

import hashlib
import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from aws_docker import DockerFleet, DockerHost, DockerHostError
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


# --- What the host says of itself -----------------------------------------------------------------------------------


def in_force(stack: Stack, **fields: str) -> str:
    """The word of a host that has in force what its parameter holds."""
    digest = hashlib.sha256(stack["build-configuration"]["value"].encode()).hexdigest()
    said = {"state": "ready", "document": digest, "refused": "", "instance": "build-instance-id", **fields}
    said = {name: digest if text == "intended" else text for name, text in said.items()}
    return json.dumps({"version": 1, "reason": "", **said})


def test_a_host_that_answers_by_the_configuration_before_is_not_ready(stack: Stack, make_host: Make) -> None:
    host = make_host()
    words = [{"document": "0" * 64}, {"state": "installing", "document": ""}, {"instance": "i-before"}, {}]
    asked: list[int] = []

    def status(name: str) -> str:
        asked.append(len(host.asked))
        return in_force(stack, **words[min(len(asked), len(words)) - 1])

    stack.cloud.status = status
    stack.host(WAITING)
    assert asked == [0, 0, 0, 0], "nobody is asked before the word says so"
    assert len(host.asked) == 1
    read = [each for each in stack.invoked if each.arguments.get("name") == "build-status"]
    assert [dict(each.arguments) for each in read] == [{"name": "build-status"}] * 4


@pytest.mark.parametrize("state", ["stale", "refused"])
def test_a_refused_configuration_ends_the_run_with_the_hosts_own_words(
    stack: Stack, make_host: Make, state: str
) -> None:
    host = make_host()
    reason = "dockerd: invalid mirror: must not contain a path"
    stack.cloud.status = lambda _: in_force(
        stack, state=state, document="0" * 64, refused="intended", reason=reason
    )
    with pytest.raises(DockerHostError) as seen:
        stack.host(WAITING)
    assert f"does not serve what this run intends: it refused the configuration: {reason}" in str(seen.value)
    assert "build-instance-id" in str(seen.value)
    assert host.asked == []


@pytest.mark.parametrize(
    "earlier", [{"refused": "0" * 64, "state": "stale"}, {"refused": "intended", "instance": "i-before"}]
)
def test_an_earlier_refusal_is_no_refusal(stack: Stack, make_host: Make, earlier: dict[str, str]) -> None:
    """Of another configuration, or by the instance that this one replaces."""
    make_host()
    words = iter([earlier])
    stack.cloud.status = lambda _: in_force(stack, **next(words, {}))
    stack.host(WAITING)
    assert stack.outputs()["endpoint"] == "tcp://172.31.5.10:2376"


def test_what_is_in_the_way_is_said_once_time_is_up(
    stack: Stack, make_host: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_host()
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.01)
    stack.cloud.status = lambda _: in_force(stack, state="installing", reason="nft", document="")
    with pytest.raises(DockerHostError, match=r"does not have in force .* what this run intends: installing"):
        stack.host(WAITING)


@pytest.mark.parametrize("word", [None, "[]", '{"version": 2, "state": "ready"}'])
def test_where_the_word_cannot_be_read_the_wire_tells(
    stack: Stack, make_host: Make, word: str | None
) -> None:
    host = make_host(failures=1)
    stack.cloud.status = lambda _: word
    stack.host(WAITING)
    assert len(host.asked) == 2


def test_a_host_that_writes_no_word_is_asked_by_the_wire_alone(stack: Stack, make_host: Make) -> None:
    host = make_host()
    stack.host({**WAITING, "key_delivery": "user-data", "clients": ["alice"]})
    assert len(host.asked) == 1
    assert [each for each in stack.invoked if "status" in str(each.arguments)] == []


def test_each_host_of_a_fleet_has_a_word_of_its_own(stack: Stack, make_host: Make) -> None:
    make_host()

    def status(name: str) -> str:
        host = name.removesuffix("-status")
        value = stack[f"{host}-configuration"]["value"]
        return json.dumps(
            {
                "version": 1,
                "state": "ready" if host == "fleet-a" else "stale",
                "document": hashlib.sha256(value.encode()).hexdigest() if host == "fleet-a" else "",
                "refused": "" if host == "fleet-a" else hashlib.sha256(value.encode()).hexdigest(),
                "reason": "b's own reason",
                "instance": f"{host}-instance-id",
            }
        )

    stack.cloud.status = status
    with pytest.raises(DockerHostError, match=r"fleet-b-instance-id.*b's own reason"):
        stack.run(
            lambda: DockerFleet("fleet", {**WAITING, "instance_types": {"a": "t3.medium", "b": "t3.medium"}})
        )


def test_a_preview_reads_no_word(stack: Stack, make_host: Make) -> None:
    make_host()
    stack.preview = True
    stack.cloud.status = lambda _: pytest.fail("read")
    stack.host(WAITING)
