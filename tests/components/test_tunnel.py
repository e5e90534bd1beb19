"""What session_manager_tunnel makes of a host: a listener that no network leads to, and its certificates."""

import json

import pytest

from aws_docker.host.systems import SYSTEMS, OperatingSystem
from tests.components.test_plan import planned, warnings
from tests.components.test_resources import CERTIFICATE_ROLES, LOCAL, REMOTE, SESSION_MANAGER, document

from .conftest import Stack

TUNNEL = {"session_manager_tunnel": True}


def test_a_tunnel_adds_certificates_and_nothing_that_lets_anybody_in(stack: Stack) -> None:
    stack.host(TUNNEL)
    assert set(stack.resources) == LOCAL | {
        *(f"build-server-{role}" for role in CERTIFICATE_ROLES),
        *(f"build-client-default-{role}" for role in CERTIFICATE_ROLES),
    }
    told = document(stack)
    assert (told["listen"], told["trusted"], told["tunnel"]) == ([], [], True)
    assert told["server_key"] == "PRIVATE KEY of build-server-key\n"
    assert told["client_authorities"] == ["CERTIFICATE of build-client-default-ca\n"]


def test_the_certificate_names_the_loopback_that_clients_see(stack: Stack) -> None:
    stack.host(TUNNEL)
    request = stack["build-server-request"]
    assert "127.0.0.1" in request["ipAddresses"]
    assert "localhost" in request["dnsNames"]
    assert stack.outputs()["endpoint"] == "tcp://127.0.0.1:2376"
    assert stack.outputs()["key_material"] == "PRIVATE KEY of build-client-default-key\n"


def test_a_public_address_is_a_way_out_and_not_where_clients_connect(stack: Stack) -> None:
    stack.host({**TUNNEL, "assign_public_ip": True})
    assert stack.outputs()["endpoint"] == "tcp://127.0.0.1:2376"
    assert not [name for name in stack.resources if "from" in name]


def test_beside_trusted_sources_both_are_served(stack: Stack) -> None:
    stack.host({**REMOTE, **TUNNEL})
    told = document(stack)
    assert (told["listen"], told["trusted"], told["tunnel"]) == (["172.31.5.10"], ["10.0.5.0/24"], True)
    assert stack.outputs()["endpoint"] == "tcp://172.31.5.10:2376"
    assert [name for name in stack.resources if "from" in name] == ["build-from-10.0.5.0-24"]


@pytest.mark.parametrize("args", [{}, REMOTE, {**REMOTE, "session_manager_tunnel": False}], ids=str)
def test_without_it_the_document_does_not_speak_of_it(stack: Stack, args: dict[str, object]) -> None:
    stack.host(args)
    assert "tunnel" not in document(stack)


def test_the_role_is_that_of_every_host(stack: Stack) -> None:
    stack.host(TUNNEL)
    statements = json.loads(stack["build-role-policy"]["policy"])["Statement"]
    assert SESSION_MANAGER in statements
    assert len(statements) == 3
    assert "build-egress-443-ipv4" in stack.resources


def test_an_image_of_ones_own_may_have_the_agent() -> None:
    assert planned(**TUNNEL, os=OperatingSystem.DEBIAN_13, ami_id="ami-01").common.served
    assert planned(**TUNNEL, os=OperatingSystem.UBUNTU_24_04).common.served
    for system in SYSTEMS.values():
        assert "Session Manager" not in " ".join(warnings(**TUNNEL, os=system.os, ami_id="ami-01"))
