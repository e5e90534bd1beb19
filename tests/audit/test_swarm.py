"""Who reaches a Docker Swarm's ports: the internet anywhere, networks where a Swarm is, members never."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from aws_docker.audit.exposures import judge_region
from aws_docker.audit.facts import RegionFacts
from aws_docker.audit.findings import Finding, lines
from aws_docker.audit.wording import audit_findings
from aws_docker.core.addresses import AddressSet
from aws_docker.core.ports import SWARM_PORTS

from .regions import ALLOW_ALL, GROUP, HOST, SUBNET_NETWORKS, entry, region, route, rule

IGW = [route("0.0.0.0/0", "igw-1"), route("::/0", "igw-1")]
JOINS = b"#!/bin/sh\ndocker swarm join --token $(cat /run/token) 10.0.1.11:2377\n"
OTHER = replace(HOST, id="eni-2", private=("10.0.2.20",), public=(), ipv6=(), instance=None)


def of(protocol: str, port: int, source: str, **more: Any) -> dict[str, Any]:
    return rule(
        source, port, **{"IpProtocol": protocol, "SecurityGroupRuleId": f"sgr-{protocol}-{port}", **more}
    )


def findings(facts: RegionFacts, *trusted: str) -> list[Finding]:
    return [
        each
        for each in audit_findings(judge_region(facts, AddressSet.of(trusted)))
        if each.kind.startswith("swarm-")
    ]


@pytest.mark.parametrize(("protocol", "port"), SWARM_PORTS)
def test_the_internet_at_a_swarms_port(protocol: str, port: int) -> None:
    facts = region([of(protocol, port, "0.0.0.0/0")], routes=IGW, user_data=JOINS)
    (finding,) = (each for each in findings(facts, "10.0.0.0/8"))
    assert (finding.kind, finding.severity) == ("swarm-open-to-the-internet", "high")
    assert f"{protocol.upper()} {port} of build" in finding.message
    (way,) = lines(finding)
    assert f"sgr-{protocol}-{port} allows 0.0.0.0/0 on" in way
    assert finding.close[0].removes == f"sgr-{protocol}-{port}"


@pytest.mark.parametrize(("protocol", "port"), [("udp", 2377), ("tcp", 4789), ("tcp", 2378), ("udp", 53)])
def test_neighbours_of_a_swarms_ports(protocol: str, port: int) -> None:
    assert findings(region([of(protocol, port, "0.0.0.0/0")], routes=IGW, user_data=JOINS)) == []


def test_without_a_sign_of_a_swarm_the_internet_is_a_lesser_finding() -> None:
    (finding,) = findings(region([of("udp", 4789, "0.0.0.0/0")], routes=IGW))
    assert finding.severity == "medium"
    assert "nothing says that it is in one" in finding.message
    (finding,) = findings(region([of("tcp", 2377, "0.0.0.0/0")], routes=IGW), "10.0.0.0/8")
    assert finding.severity == "high"


SIGNS: list[tuple[str, bytes | None, list[Mapping[str, Any]]]] = [
    ("user-data that joins", JOINS, []),
    ("user-data that makes one", b"#!/bin/sh\ndocker swarm init --advertise-addr eth0\n", []),
    ("a rule for its managers", None, [of("tcp", 2377, GROUP)]),
]


@pytest.mark.parametrize(("user_data", "rules"), [pytest.param(*row[1:], id=row[0]) for row in SIGNS])
def test_a_whole_network_where_a_swarm_is(user_data: bytes | None, rules: list[Mapping[str, Any]]) -> None:
    opened = [*rules, of("udp", 4789, "10.0.0.0/16")]
    (finding,) = findings(region(opened, user_data=user_data))
    assert (finding.kind, finding.severity) == ("swarm-open-wider-than-members", "medium")
    assert "UDP 4789" in finding.message
    assert findings(region(opened, user_data=user_data), "10.0.0.0/16") == []


@pytest.mark.parametrize(
    "user_data", [None, b"#!/bin/sh\ndocker -H tcp://m:2376 swarm init\n", b"#!/bin/sh\ndocker swarm ls\n"]
)
def test_a_whole_network_where_no_swarm_is(user_data: bytes | None) -> None:
    vxlan_and_gossip = [of("udp", 4789, "10.0.0.0/16"), of("tcp", 7946, "10.0.0.0/16")]
    assert findings(region(vxlan_and_gossip, user_data=user_data)) == []


@pytest.mark.parametrize("source", [GROUP, "sg-2", "10.0.2.20/32"])
def test_members_by_their_group_or_by_their_addresses(source: str) -> None:
    """A fleet's own rules name its group (`host.members.group`)."""
    rules = [of(protocol, port, source) for protocol, port in SWARM_PORTS]
    others = [OTHER, replace(OTHER, id="eni-3", groups=("sg-2",), private=("10.0.2.21",))]
    assert findings(region(rules, others=others, routes=IGW, user_data=JOINS)) == []


def test_a_member_of_another_network_is_not_the_internet() -> None:
    """AWS sends it over the peering, or by its global IPv6 address: it is named by its group either way."""
    away = replace(OTHER, groups=("sg-2",), vpc="vpc-2", private=("10.9.0.20",), ipv6=("2001:db8:bb00::20",))
    rules = [of(protocol, port, "sg-2") for protocol, port in SWARM_PORTS]
    assert findings(region(rules, others=[away], routes=IGW, user_data=JOINS)) == []


def test_what_opens_2375_too_is_told_as_that() -> None:
    every = rule("0.0.0.0/0", IpProtocol="-1", FromPort=-1, ToPort=-1)
    facts = region([every], routes=IGW, user_data=JOINS)
    assert findings(facts) == []
    assert "open-to-the-internet-without-tls" in {
        each.kind for each in audit_findings(judge_region(facts, AddressSet()))
    }


def test_over_udp_no_answer_needs_to_get_out() -> None:
    """Forged packets do their harm on arrival; a connection to 2377 needs its way back."""
    inward_only = [
        *(each for each in ALLOW_ALL if not each["Egress"]),
        entry(100, "0.0.0.0/0", False, egress=True),
    ]
    for protocol, port, kinds in (("udp", 4789, ["swarm-open-to-the-internet"]), ("tcp", 2377, [])):
        facts = region([of(protocol, port, "0.0.0.0/0")], inward_only, IGW)
        assert [each.kind for each in findings(facts, "10.0.0.0/8")] == kinds


def test_an_acl_that_is_about_udp_stops_udp_alone() -> None:
    denied = {**entry(50, "0.0.0.0/0", False, ports=[4789]), "Protocol": "17"}
    facts = region([of("udp", 4789, "0.0.0.0/0")], [denied, *ALLOW_ALL], IGW, user_data=JOINS)
    assert findings(facts, *SUBNET_NETWORKS) == []  # inside the subnet nothing meets an ACL
    about_tcp = {**denied, "Protocol": "6"}
    facts = region([of("udp", 4789, "0.0.0.0/0")], [about_tcp, *ALLOW_ALL], IGW, user_data=JOINS)
    assert "swarm-open-to-the-internet" in [each.kind for each in findings(facts)]
