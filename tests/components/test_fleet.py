"""What a DockerFleet is made of, what its hosts share, and what it refuses."""

import json
from typing import Any

import pytest

from aws_docker import DockerFleet, DockerHostError

from .conftest import SUBNET, Stack

TWO: dict[str, Any] = {
    "instance_types": {"b": "m7g.large", "a": "t3.medium"},
    "trusted_cidrs": ["10.0.5.0/24"],
    "clients": ["alice", "ci"],
}


def fleet(stack: Stack, **args: Any) -> Stack:
    stack.run(lambda: DockerFleet("ci", {**TWO, **args}))  # pyright: ignore[reportArgumentType]
    return stack


def test_a_fleet_is_its_hosts_and_what_they_share(stack: Stack) -> None:
    fleet(stack)
    shared = {name for name in stack.resources if not name.startswith(("ci-a-", "ci-b-"))}
    assert shared == {
        "ci",
        "ci-security-group",
        *(f"ci-egress-{port}-{family}" for port in (443, 80) for family in ("ipv4", "ipv6")),
        "ci-from-10.0.5.0-24",
        "ci-server-ca-key",
        "ci-server-ca",
        *(
            f"ci-client-{client}-{role}"
            for client in ("alice", "ci")
            for role in ("ca-key", "ca", "key", "request", "certificate")
        ),
    }
    own = {name.removeprefix("ci-a-") for name in stack.resources if name.startswith("ci-a-")}
    assert own == {name.removeprefix("ci-b-") for name in stack.resources if name.startswith("ci-b-")}
    assert own == {
        "subnet",
        "interface",
        "image",
        "server-key",
        "server-request",
        "server-certificate",
        "configuration",
        "status",
        "role",
        "role-policy",
        "profile",
        "instance",
    }


def test_one_bundle_reaches_every_host(stack: Stack) -> None:
    fleet(stack)
    for host in ("a", "b"):
        document = json.loads(stack[f"ci-{host}-configuration"]["value"])
        assert document["client_authorities"] == [
            f"CERTIFICATE of ci-client-{client}-ca\n" for client in ("alice", "ci")
        ]
        assert document["server_key"] == f"PRIVATE KEY of ci-{host}-server-key\n"
        assert stack[f"ci-{host}-server-certificate"]["caCertPem"] == "CERTIFICATE of ci-server-ca\n"
    outputs = stack.outputs("ci")
    assert outputs["endpoints"] == dict.fromkeys(("a", "b"), "tcp://172.31.5.10:2376")
    assert outputs["endpoint"] == "tcp://172.31.5.10:2376"
    assert outputs["ca_material"] == "CERTIFICATE of ci-server-ca\n"
    assert outputs["cert_material"] == "CERTIFICATE of ci-client-alice-certificate\n"
    assert set(outputs["client_cert_materials"]) == {"alice", "ci"}
    assert outputs["instance_ids"] == {"a": "ci-a-instance-id", "b": "ci-b-instance-id"}
    assert outputs["public_ips"] == {}
    assert stack.secret_outputs("ci") == {"key_material", "client_key_materials"}


def test_each_host_has_a_role_that_reads_its_own_document_alone(stack: Stack) -> None:
    fleet(stack)
    profiles = {stack[f"ci-{host}-instance"]["iamInstanceProfile"] for host in ("a", "b")}
    assert len(profiles) == 2
    for host in ("a", "b"):
        assert f"ci-{host}-configuration" in stack.resources[f"ci-{host}-role-policy"].depends_on


def test_a_fleet_without_a_trusted_source_is_local(stack: Stack) -> None:
    fleet(stack, trusted_cidrs=[])
    assert not [name for name in stack.resources if "client" in name or "server" in name or "from" in name]
    outputs = stack.outputs("ci")
    assert outputs["endpoints"] == {}
    assert outputs.get("endpoint") is None


def test_hosts_stand_in_the_subnets_in_turn_and_keep_theirs(stack: Stack) -> None:
    names = dict.fromkeys("abc", "t3.medium")
    fleet(stack, instance_types=names, subnet_ids=["subnet-01", "subnet-02"])
    assert [stack[f"ci-{name}-subnet"]["input"] for name in "abc"] == ["subnet-01", "subnet-02", "subnet-01"]
    for name in "abc":
        assert stack.resources[f"ci-{name}-subnet"].request.ignoreChanges == ["input"]
    fleet(stack, instance_types=names, subnet_ids=None)
    assert {stack[f"ci-{name}-subnet"]["input"] for name in "abc"} == {"subnet-9", SUBNET["id"]}


def test_what_is_the_same_for_several_hosts_is_asked_once(stack: Stack) -> None:
    fleet(stack, instance_types=dict.fromkeys("abcde", "t3.medium"))
    asked = [each.token.split(":")[-1] for each in stack.invoked]
    assert asked.count("getInstanceType") == 1
    assert asked.count("getSubnets") == 1
    assert asked.count("getVpc") == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"instance_types": {}},
            "instance_types: {} names no host; name at least one host, such as {'a': 't3.medium'}",
        ),
        (
            {"instance_types": ["a"]},
            "instance_types: ['a'] is no map; give a map of strings",
        ),
        (
            {"instance_types": {"A": "t3.medium"}},
            "instance_types: 'A' is refused; name hosts with up to 32 small letters, digits and '-'",
        ),
        (
            {"instance_types": {"a": "medium"}},
            "instance_types.a: 'medium' is refused; give a type such as 't3.medium'",
        ),
        (
            {"instance_types": {"client-a": "t3.medium"}},
            "instance_types: 'client-a' is refused; choose another name: so are the clients' certificates called",
        ),
        (
            {"subnet_id": "subnet-01"},
            "subnet_id: 'subnet-01' is for no argument of this name; did you mean 'subnet_ids'?",
        ),
    ],
)
def test_refusals(stack: Stack, args: dict[str, Any], message: str) -> None:
    with pytest.raises(DockerHostError) as refused:
        fleet(stack, **args)
    assert str(refused.value) == message
    assert stack.resources == {}
