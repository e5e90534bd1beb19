"""Who reaches a Docker Swarm's ports, beside the cases of `networks.yaml`: what is said, and of whom nothing is."""

from typing import Any

import pytest

from aws_docker.core.ports import SWARM_PORTS
from aws_docker.policy import docker_host_exposure, docker_swarm_members_only, rules
from aws_docker.policy.testing import UNKNOWN, Outcome, Resource, analyze, analyze_stack
from tests.policy.corpus import GROUP, SWARM, VPC_RULE


def _rule(protocol: str, port: int, **source: Any) -> dict[str, Any]:
    return {"securityGroupId": "sg-1", "ipProtocol": protocol, "fromPort": port, "toPort": port, **source}


def test_the_own_fleets_rules_are_met_with_silence() -> None:
    """As `host.members.group` makes them: known, and as a preview has them, which knows no id yet."""
    for group in ("sg-1", UNKNOWN):
        for protocol, port in SWARM_PORTS:
            own = {**_rule(protocol, port), "securityGroupId": group, "referencedSecurityGroupId": group}
            assert analyze(rules(), VPC_RULE, own).text == ""


@pytest.mark.parametrize(("protocol", "port"), SWARM_PORTS)
def test_each_port_is_named_where_the_internet_reaches_it(protocol: str, port: int) -> None:
    outcome = analyze(rules(), VPC_RULE, _rule(protocol, port, cidrIpv4="0.0.0.0/0"))
    assert [(each.policy, each.level) for each in outcome.violations] == [(SWARM, "mandatory")]
    assert f"{protocol.upper()} {port}" in outcome.text
    assert "0.0.0.0/0" in outcome.text


def test_what_beside_a_members_network_is_admitted_is_named_alone() -> None:
    ports = {"protocol": "tcp", "fromPort": 2377, "toPort": 2377}
    group = {"ingress": [{**ports, "cidrBlocks": ["10.0.5.0/24", "10.1.0.0/16"]}]}
    config = {"trustedCidrs": ["10.0.5.0/24"]}
    outcome = analyze(docker_swarm_members_only, GROUP, group, config=config)
    assert "admits 10.1.0.0/16 to" in outcome.text


def test_the_internet_cannot_be_called_members() -> None:
    outcome = analyze(
        docker_swarm_members_only,
        VPC_RULE,
        _rule("udp", 4789, cidrIpv4="0.0.0.0/0"),
        config={"trustedCidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
    )
    assert "admits 0.0.0.0/0" in outcome.text
    assert "nothing of it is trusted" in outcome.text


def test_a_source_that_is_not_known_yet_is_advisory() -> None:
    outcome = analyze(rules(), VPC_RULE, _rule("udp", 4789, cidrIpv4=UNKNOWN))
    assert [(each.policy, each.level) for each in outcome.violations] == [(SWARM, "advisory")]


def test_what_opens_2375_too_is_said_once() -> None:
    wide = {"ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]}
    assert SWARM not in {each.policy for each in analyze(rules(), GROUP, wide).violations}


JOINS = "#!/bin/sh\nyum install -y docker\ndocker swarm join --token $(cat /run/token) 10.0.1.10:2377\n"
NO_SWARM = "#!/bin/sh\nyum install -y docker\nsystemctl start docker\n"


def _stack(document: str, **source: Any) -> Outcome:
    """A machine, its group, and a rule of its own for VXLAN, which by itself says nothing of a Swarm."""
    made = [
        Resource(
            "aws:ec2/instance:Instance",
            "host",
            {"userData": document, "vpcSecurityGroupIds": ["sg-1"]},
        ),
        Resource(GROUP, "group", {"id": "sg-1"}),
        Resource(VPC_RULE, "overlays", _rule("udp", 4789, **source)),
    ]
    return analyze_stack(docker_host_exposure, made)


def test_a_whole_network_at_a_member_of_a_swarm_is_an_exposure() -> None:
    (violation,) = _stack(JOINS, cidrIpv4="10.0.0.0/16").at("mandatory")
    assert violation.urn.endswith("::host")
    assert "in overlays the rule admits 10.0.0.0/16 to" in violation.message
    assert "UDP 4789" in violation.message


@pytest.mark.parametrize(
    ("document", "source"),
    [
        (NO_SWARM, {"cidrIpv4": "10.0.0.0/16"}),
        (JOINS, {"referencedSecurityGroupId": "sg-1"}),
        (JOINS, {"referencedSecurityGroupId": UNKNOWN}),
        (JOINS, {"cidrIpv4": "10.0.1.11/32"}),
    ],
    ids=["no Swarm", "members", "members to come", "a member by its address"],
)
def test_members_and_machines_without_a_swarm_pass(document: str, source: dict[str, str]) -> None:
    assert _stack(document, **source).text == ""
