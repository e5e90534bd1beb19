"""The example with pulumi_docker, whose plugin is in no package registry: registered against mocks."""

import runpy
from typing import Any

import pulumi
import pytest

from aws_docker.host import readiness
from tests.conftest import ROOT

from .conftest import Stack

EXAMPLE = ROOT / "examples" / "docker-provider"


@pytest.fixture
def configuration() -> Any:
    def configure(**values: str) -> None:
        pulumi.runtime.set_all_config({f"project:{key}": value for key, value in values.items()})

    yield configure
    pulumi.runtime.set_all_config({})


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host is ready; nobody is asked on a network."""
    monkeypatch.setattr(readiness, "ping", lambda *_: None)
    monkeypatch.setattr(readiness.Client, "context", lambda _: None)


def run(stack: Stack) -> None:
    stack.run(lambda: runpy.run_path(str(EXAMPLE), run_name="__main__") and None)


def test_the_hosts_outputs_are_the_docker_providers_inputs(stack: Stack, configuration: Any) -> None:
    configuration(trustedCidrs='["203.0.113.9/32"]')
    run(stack)
    remote = stack["remote"]
    assert stack.resources["remote"].type == "pulumi:providers:docker"
    assert remote["host"] == "tcp://203.0.113.7:2376"
    assert remote["caMaterial"] == "CERTIFICATE of build-server-ca\n"
    assert remote["certMaterial"] == "CERTIFICATE of build-client-default-certificate\n"
    assert remote["keyMaterial"] == "PRIVATE KEY of build-client-default-key\n"
    assert "keyMaterial" in stack.resources["remote"].secrets
    assert "remote" in stack.resources["web"].request.provider
    # Published on loopback: what is published is not guarded by 2376's rules.
    assert stack["web"]["ports"] == [{"internal": 80, "external": 8080, "ip": "127.0.0.1"}]
