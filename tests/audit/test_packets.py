"""The exact set against packets: security groups, ACLs and routes of the same AWS configuration, as nftables rules and
kernel routes in namespaces, admit a sampled source if and only if the audit says so.

The host's own table stands for its security group (it keeps state), the router's for the network ACL (it keeps none),
and the host's routes for the subnet's route table: the kernel finds the longest prefix.
"""

import random
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from aws_docker.audit.facts import RegionFacts
from aws_docker.audit.reach import Region
from lab.hosts import network

from .regions import HOST, LOCAL, SUBNET_NETWORKS, VPC_NETWORKS, entry, region, route, rule

pytestmark = [
    pytest.mark.requires("root", "ip", "nft"),
    pytest.mark.xdist_group("audit-network"),
]

IPV4, IPV6 = HOST.private[0], HOST.ipv6[0]
PORT = 2376
SOURCES = [
    *[
        "10.0.1.200",
        "10.0.1.3",
        "10.0.2.1",
        "10.0.77.1",
        "10.2.0.1",
        "203.0.113.7",
        "203.0.113.65",
        "203.0.113.200",
    ],
    *[
        "8.8.8.8",
        "198.18.7.1",
        "200.1.1.1",
        "2001:db8:aa00:2::5",
        "2001:db8:aa00:9::1",
        "2600:1::1",
        "2a00::1",
    ],
]
CIDRS = [
    *[
        "10.0.1.0/24",
        "10.0.1.0/28",
        "10.0.0.0/16",
        "10.2.0.0/16",
        "203.0.113.0/24",
        "203.0.113.64/26",
        "203.0.113.7/32",
    ],
    *[
        "0.0.0.0/0",
        "0.0.0.0/0",
        "128.0.0.0/1",
        "0.0.0.0/1",
        "2001:db8:aa00::/56",
        "2600::/12",
        "::/0",
        "::/0",
    ],
]
PORTS = [(PORT, PORT), (0, 65535), (2000, 3000), (2377, 9000), (1, 2375)]
CLIENT_PORTS = [1, 1500, 2376, 2500, 5000, 20000]


def drawn(seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """A configuration: rules, entries and routes, as AWS's API has them."""
    draw = random.Random(seed)
    rules = [rule(draw.choice(CIDRS), *draw.choice(PORTS[:4])) for _ in range(draw.randint(1, 5))]
    numbered = {
        (number, egress): entry(
            number, draw.choice(CIDRS), draw.random() < 0.7, egress, draw.choice([(), *PORTS])
        )
        for number, egress in ((draw.randint(1, 40), draw.random() < 0.5) for _ in range(draw.randint(4, 14)))
    }
    destinations = dict.fromkeys(["0.0.0.0/0", "::/0", *draw.sample(CIDRS[3:], 3)])
    targets = ["igw-1", "igw-1", "nat-1", "tgw-1"]
    routes = [
        route(
            each,
            "igw-1" if ":" in each else draw.choice(targets),
            draw.choice(["active"] * 4 + ["blackhole"]),
        )
        for each in destinations
        if draw.random() < 0.8 and each not in VPC_NETWORKS
    ]
    return rules, list(numbered.values()), routes


def family(cidr: str) -> str:
    return "ip6" if ":" in cidr else "ip"


def ports(first: int, last: int) -> str:
    return f" tcp dport {first}" if first == last else f" tcp dport {first}-{last}"


def group_rules(rules: Sequence[Any]) -> str:
    """A security group: what it names comes in, and answers to it go out."""
    lines = [
        f"{family(cidr)} saddr {cidr}{ports(each['FromPort'], each['ToPort'])} accept"
        for each in rules
        for cidr in [each.get("CidrIpv4") or each["CidrIpv6"]]
    ]
    icmp = "meta l4proto ipv6-icmp accept"
    return (
        "table inet group { chain input { type filter hook input priority 0; policy drop; %s; }\n}"
        % "; ".join(["ct state established accept", icmp, *lines])
    )


def acl_entries(entries: Sequence[Any]) -> str:
    """A network ACL: each direction for itself, lowest number first, and nothing remembered."""
    chains: list[str] = []
    for egress, way, side, own in ((False, "in", "saddr", "daddr"), (True, "out", "daddr", "saddr")):
        lines = [f"{family(subnet)} {side} {subnet} accept" for subnet in SUBNET_NETWORKS]
        for each in sorted(entries, key=lambda e: e["RuleNumber"]):
            if each["Egress"] is egress:
                cidr = each.get("CidrBlock") or each["Ipv6CidrBlock"]
                named = each.get("PortRange")
                ranges = ports(named["From"], named["To"]) if named else ""
                verdict = "accept" if each["RuleAction"] == "allow" else "drop"
                lines.append(f"{family(cidr)} {side} {cidr}{ranges} {verdict}")
        chains.append("chain %sward { %s; drop; }" % (way, "; ".join(lines)))
        jumps = f"ip {own} {IPV4} jump {way}ward; ip6 {own} {IPV6} jump {way}ward"
        chains.append("chain %s { type filter hook forward priority 0; %s; }" % (way, jumps))
    return "table inet acl { %s\n}" % "\n".join(chains)


def kernel_routes(routes: Sequence[Any], public: bool) -> Iterator[list[str]]:
    """A route table: NAT gateways, blackholes, and the internet without a public address lead nowhere from here."""
    for each in [*LOCAL, *routes]:
        cidr = each.get("DestinationCidrBlock") or each["DestinationIpv6CidrBlock"]
        internet = each.get("GatewayId", "") == "igw-1"
        nowhere = (
            "NatGatewayId" in each
            or each["State"] != "active"
            or (internet and not public and ":" not in cidr)
        )
        version = ["-6"] if ":" in cidr else []
        gateway = "2001:db8:aa00:1::1" if version else "10.0.1.9"
        yield [
            *version,
            "route",
            "add",
            *(["blackhole", cidr] if nowhere else [cidr, "via", gateway, "dev", "ens5"]),
        ]


@pytest.fixture(scope="module")
def wires() -> Iterator[network.Network]:
    with network.Network() as made:
        for address in SOURCES:
            made.add_address(made.outside, f"{address}/{128 if ':' in address else 32}")
        yield made


@pytest.fixture
def host(wires: network.Network) -> Iterator[str]:
    # A small network of its own: what AWS's subnet holds beside it is behind the router here. A fresh one each time:
    # connections that the kernel remembers would let in what the next rules do not.
    made = wires.host(IPV4, "10.0.1.8/30", [IPV6])
    yield made
    # At once, with its other end: a namespace takes its time to go.
    network.ip("link", "delete", "ens5", namespace=made)
    wires.remove(made)


def connects(source: str, client_port: int) -> bool:
    kind = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(0.4)
        sock.bind((source, client_port))
        try:
            sock.connect((IPV6 if kind is socket.AF_INET6 else IPV4, PORT))
        except OSError:
            return False
        # Reset: the same client port is wanted for the next configuration.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return True


def who_connects() -> set[str]:
    attempts = [(source, port) for source in SOURCES for port in CLIENT_PORTS]
    with ThreadPoolExecutor(len(attempts)) as pool:
        results = pool.map(lambda attempt: connects(*attempt), attempts)
        return {source for (source, _), connected in zip(attempts, results, strict=True) if connected}


@pytest.fixture
def packets(wires: network.Network, host: str) -> Callable[..., set[str]]:
    """Which sources connect under a configuration."""

    def send(rules: Sequence[Any], entries: Sequence[Any], routes: Sequence[Any], public: bool) -> set[str]:
        for version in ("-4", "-6"):
            network.ip(version, "route", "flush", "table", "main", "proto", "boot", namespace=host)
        for each in kernel_routes(routes, public):
            subprocess.run(["ip", "-n", host, *each], check=True)
        for namespace, ruleset in ((host, group_rules(rules)), (wires.router, acl_entries(entries))):
            done = network.run_in(namespace, ["nft", "flush ruleset; " + ruleset])
            assert done.returncode == 0, done.stderr
        with network.listen_in(host, "::", PORT):
            return network.within(wires.outside, who_connects)

    return send


@pytest.mark.parametrize("seed", range(10))
def test_a_source_connects_if_and_only_if_the_audit_says_so(
    packets: Callable[..., set[str]], seed: int
) -> None:
    rules, entries, routes = drawn(seed)
    public = seed % 3 != 0
    facts: RegionFacts = region(rules, entries, routes, host=HOST if public else replace(HOST, public=()))
    found = Region(facts).reach(facts.interfaces[0], PORT).addresses
    said = {source for source in SOURCES if source in found}
    assert packets(rules, entries, routes, public) == said, (rules, entries, routes)


def test_the_drawn_configurations_let_some_in_and_keep_some_out() -> None:
    numbers = set()
    for seed in range(10):
        rules, entries, routes = drawn(seed)
        facts = region(rules, entries, routes)
        found = Region(facts).reach(facts.interfaces[0], PORT).addresses
        numbers.add(sum(source in found for source in SOURCES))
    assert len(numbers) >= 4
    assert max(numbers) >= len(SOURCES) // 3
