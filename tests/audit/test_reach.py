"""Who reaches a port: each part of the answer, and the whole against a packet-by-packet reading of AWS's rules."""

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_docker.audit.exposures import judge_region
from aws_docker.audit.facts import Interface, RegionFacts
from aws_docker.audit.findings import lines
from aws_docker.audit.reach import INTERNET, Barrier, Passage, Reach, Region, SourceClass, Unreadable
from aws_docker.audit.wording import audit_findings
from aws_docker.core.addresses import AddressSet
from aws_docker.core.trust import PRIVATE

from .regions import (
    ACL,
    ALLOW_ALL,
    GROUP,
    HOST,
    SUBNET,
    SUBNET_NETWORKS,
    VPC,
    VPC_NETWORKS,
    entry,
    region,
    route,
    rule,
)

IGW = [route("0.0.0.0/0", "igw-1"), route("::/0", "igw-1")]
OWN = AddressSet.of([*HOST.private, *HOST.ipv6])


def reach(facts: RegionFacts, port: int = 2376) -> Reach:
    return Region(facts).reach(facts.interfaces[0], port)


def addresses(facts: RegionFacts, port: int = 2376) -> AddressSet:
    return reach(facts, port).addresses


def found(facts: RegionFacts) -> str:
    """The way in of the first finding, as it is shown."""
    return next(lines(next(audit_findings(judge_region(facts, AddressSet())))))


def member(number: int, *groups: str, **changes: Any) -> Interface:
    return replace(
        HOST,
        id=f"eni-m{number}",
        groups=groups,
        private=(f"10.0.2.{number}",),
        public=(),
        ipv6=(),
        instance=None,
        **changes,
    )


class TestSecurityGroups:
    def test_rules_only_add(self) -> None:
        facts = region(
            [rule("10.0.5.0/24"), rule("10.0.6.0/24", 2000, 3000), rule("10.0.7.0/24", 2377, 9999)]
        )
        assert addresses(facts) == AddressSet.of(["10.0.5.0/24", "10.0.6.0/24"])

    def test_every_protocol_is_every_port(self) -> None:
        facts = region([rule("10.0.5.0/24", IpProtocol="-1", FromPort=-1, ToPort=-1)])
        assert addresses(facts, 2375) == AddressSet.of(["10.0.5.0/24"])

    def test_udp_is_not_tcp(self) -> None:
        assert not addresses(region([rule("0.0.0.0/0", IpProtocol="udp")], routes=IGW))

    def test_egress_rules_let_nobody_in(self) -> None:
        assert not addresses(region([rule("10.0.0.0/8", IsEgress=True)]))

    def test_members_of_a_group(self) -> None:
        others = [member(1, "sg-2"), member(2, "sg-2", vpc=VPC), member(3, "sg-3")]
        facts = region([rule("sg-2")], others=others)
        assert addresses(facts) == AddressSet.of(["10.0.2.1", "10.0.2.2"])

    def test_a_group_of_ones_own_does_not_reach_oneself(self) -> None:
        assert not addresses(region([rule(GROUP)]))
        assert addresses(region([rule(GROUP)], others=[member(1, GROUP)])) == AddressSet.of(["10.0.2.1"])

    def test_members_of_another_account_are_not_nobody(self) -> None:
        facts = region([rule("sg-9", ReferencedGroupInfo={"GroupId": "sg-9", "UserId": "2"})])
        assert reach(facts).unresolved == (
            "sg-1 rule sgr-sg-9-2376 admits the members of sg-9, a group of another account",
        )

    def test_prefix_lists(self) -> None:
        facts = region([rule("pl-1")], prefix_lists={"pl-1": ["10.0.5.0/24", "10.0.9.1/32"]})
        assert addresses(facts) == AddressSet.of(["10.0.5.0/24", "10.0.9.1"])

    def test_an_unread_prefix_list_is_not_nobody(self) -> None:
        assert "whose entries could not be read" in reach(region([rule("pl-1")])).unresolved[0]

    def test_unknown_rules_are_not_nobody(self) -> None:
        with pytest.raises(Unreadable, match="the rules of sg-1 are not known"):
            reach(replace(region(), rules={}))


class TestRoutes:
    def test_the_internet_is_not_the_private_networks(self) -> None:
        facts = region([rule("0.0.0.0/0"), rule("::/0")], routes=IGW)
        found = reach(facts).by_class()
        assert found[SourceClass.INTERNET] == INTERNET - AddressSet.of(VPC_NETWORKS)
        assert not found[SourceClass.INTERNET].overlaps(PRIVATE)
        assert found[SourceClass.SUBNET] == AddressSet.of(SUBNET_NETWORKS) - OWN
        assert found[SourceClass.VPC] == AddressSet.of(VPC_NETWORKS) - AddressSet.of(SUBNET_NETWORKS)

    def test_without_a_public_address_no_internet_by_ipv4(self) -> None:
        host = replace(HOST, public=())
        found = reach(region([rule("0.0.0.0/0"), rule("::/0")], routes=IGW, host=host)).by_class()
        assert not found[SourceClass.INTERNET].ipv4
        assert found[SourceClass.INTERNET].ipv6

    @pytest.mark.parametrize("ipv6", [(), ("fd00:ec2::1",)])
    def test_without_a_global_address_no_internet_by_ipv6(self, ipv6: tuple[str, ...]) -> None:
        found = reach(region([rule("::/0")], routes=IGW, host=replace(HOST, ipv6=ipv6))).by_class()
        assert SourceClass.INTERNET not in found

    @pytest.mark.parametrize("target", ["nat-1", "eigw-1"])
    def test_gateways_that_let_nothing_in(self, target: str) -> None:
        destination = "::/0" if target == "eigw-1" else "0.0.0.0/0"
        found = reach(
            region([rule("0.0.0.0/0"), rule("::/0")], routes=[route(destination, target)])
        ).by_class()
        assert set(found) == {SourceClass.SUBNET, SourceClass.VPC}

    def test_no_route_back_is_no_connection(self) -> None:
        assert addresses(region([rule("0.0.0.0/0")])) == AddressSet.of(["10.0.0.0/16"]) - OWN

    def test_the_longest_prefix_wins(self) -> None:
        routes = [*IGW, route("203.0.113.0/24", "tgw-1"), route("203.0.113.128/25", "nat-1")]
        found = reach(region([rule("203.0.112.0/23")], routes=routes)).by_class()
        assert found == {
            SourceClass.INTERNET: AddressSet.of(["203.0.112.0/24"]),
            SourceClass.TRANSIT_GATEWAY: AddressSet.of(["203.0.113.0/25"]),
        }

    def test_a_blackhole_has_no_way_back(self) -> None:
        routes = [*IGW, route("203.0.113.0/24", "pcx-gone", "blackhole")]
        assert addresses(region([rule("203.0.112.0/23")], routes=routes)) == AddressSet.of(["203.0.112.0/24"])

    def test_a_peering_leads_to_the_peers_networks_only(self) -> None:
        peering = {
            "VpcPeeringConnectionId": "pcx-1",
            "Status": {"Code": "active"},
            "AccepterVpcInfo": {
                "VpcId": "vpc-2",
                "CidrBlock": "10.2.0.0/16",
                "CidrBlockSet": [{"CidrBlock": "10.2.0.0/16"}],
            },
            "RequesterVpcInfo": {"VpcId": VPC, "CidrBlock": "10.0.0.0/16"},
        }
        facts = region([rule("10.0.0.0/8")], routes=[route("10.0.0.0/8", "pcx-1")], peerings=[peering])
        assert reach(facts).by_class()[SourceClass.PEERING] == AddressSet.of(["10.2.0.0/16"])
        inactive = {**peering, "Status": {"Code": "deleted"}}
        facts = region([rule("10.0.0.0/8")], routes=[route("10.0.0.0/8", "pcx-1")], peerings=[inactive])
        assert SourceClass.PEERING not in reach(facts).by_class()

    def test_classes_by_name(self) -> None:
        routes = [route("10.3.0.0/16", "tgw-1"), route("10.4.0.0/16", "vgw-1"), route("10.5.0.0/16", "eni-9")]
        found = reach(region([rule("10.0.0.0/8")], routes=routes)).by_class()
        assert {
            kind: found[kind].cidrs()
            for kind in (SourceClass.TRANSIT_GATEWAY, SourceClass.VPN, SourceClass.OTHER)
        } == {
            SourceClass.TRANSIT_GATEWAY: ("10.3.0.0/16",),
            SourceClass.VPN: ("10.4.0.0/16",),
            SourceClass.OTHER: ("10.5.0.0/16",),
        }

    def test_prefix_lists_as_destinations(self) -> None:
        routes = [*IGW, route("pl-1", "tgw-1"), route("pl-2", "vpce-1")]
        lists = {"pl-1": ["203.0.113.0/25"], "pl-2": ["203.0.113.128/25"]}
        found = reach(region([rule("203.0.113.0/24")], routes=routes, prefix_lists=lists)).by_class()
        # A gateway endpoint lets nothing in.
        assert found == {SourceClass.TRANSIT_GATEWAY: AddressSet.of(["203.0.113.0/25"])}
        with pytest.raises(Unreadable, match="rtb-1 routes pl-1"):
            reach(region([rule("203.0.113.0/24")], routes=routes))


class TestAcls:
    def test_both_directions(self) -> None:
        rules = [rule("0.0.0.0/0")]
        inward, outward = entry(100, "203.0.113.0/24"), entry(100, "203.0.112.0/23", egress=True)
        assert (
            addresses(region(rules, [inward, outward], IGW))
            == AddressSet.of(["203.0.113.0/24", SUBNET_NETWORKS[0]]) - OWN
        )
        # Without a way out, nobody but the subnet.
        assert addresses(region(rules, [inward], IGW)) == AddressSet.of([SUBNET_NETWORKS[0]]) - OWN

    def test_what_stays_inside_the_subnet_meets_no_acl(self) -> None:
        entries = [entry(1, "0.0.0.0/0", allow=False), entry(1, "0.0.0.0/0", allow=False, egress=True)]
        assert addresses(region([rule("10.0.0.0/16")], entries)) == AddressSet.of([SUBNET_NETWORKS[0]]) - OWN

    def test_the_first_match_decides(self) -> None:
        entries = [
            entry(200, "203.0.113.0/24", allow=False),
            entry(100, "203.0.113.7/32", ports=[2376]),
            entry(300, "0.0.0.0/0"),
            entry(100, "0.0.0.0/0", egress=True),
        ]
        assert addresses(region([rule("203.0.113.0/24")], entries, IGW)) == AddressSet.of(["203.0.113.7"])

    def test_a_client_may_choose_its_port(self) -> None:
        entries = [entry(100, "0.0.0.0/0"), entry(100, "0.0.0.0/0", egress=True, ports=[443])]
        (way,) = reach(region([rule("203.0.113.0/24")], entries, IGW)).ways
        assert way.addresses == AddressSet.of(["203.0.113.0/24"])
        assert way.acl == Passage(ACL, 100, low_ports_only=True)
        assert (
            f" → {ACL} rule 100 allows it in, and lets answers out to client ports below 1024 only, "
            "which a client may choose → "
        ) in found(region([rule("203.0.113.0/24")], entries, IGW))


def test_the_path_is_named() -> None:
    (way,) = reach(region([rule("203.0.113.0/24", 2000, 3000)], ALLOW_ALL, IGW)).ways
    assert (way.rule.id, way.rule.source) == ("sgr-203.0.113.0/24-2000", "203.0.113.0/24")
    assert (way.source.kind, way.source.via, way.acl) == (
        SourceClass.INTERNET,
        "igw-1",
        Passage(ACL, 100, low_ports_only=False),
    )
    assert found(region([rule("203.0.113.0/24", 2000, 3000)], ALLOW_ALL, IGW)) == (
        "sg-1 rule sgr-203.0.113.0/24-2000 allows 203.0.113.0/24 on 2000-3000 → "
        f"{ACL} rule 100 allows it in → igw-1 leads to 198.51.100.10, 2001:db8:aa00:1::10"
    )


# --- Packet by packet ----------------------------------------------------------------------------------------------

# Small, so that networks meet: inside and outside the VPC and its subnet, private and public.
_CIDRS = st.sampled_from(
    [
        "10.0.1.0/24",
        "10.0.1.0/28",
        "10.0.0.0/16",
        "10.0.0.0/8",
        "10.2.0.0/16",
        "203.0.113.0/24",
        "203.0.113.64/26",
        "203.0.113.7/32",
        "0.0.0.0/0",
        "128.0.0.0/1",
        "0.0.0.0/1",
        "2001:db8:aa00:1::/64",
        "2001:db8::/32",
        "2600::/12",
        "::/0",
    ]
)
_PORTS = st.sampled_from([(2376, 2376), (0, 65535), (2000, 3000), (2377, 9000), (1, 2375)])
_SAMPLES = [
    *[
        "10.0.1.1",
        "10.0.1.200",
        "10.0.2.1",
        "10.2.0.1",
        "10.9.9.9",
        "203.0.113.7",
        "203.0.113.65",
        "203.0.113.200",
    ],
    *["8.8.8.8", "200.1.1.1", "2001:db8:aa00:1::5", "2001:db8:aa00:2::5", "2600:1::1", "2a00::1"],
]


def passes(facts: RegionFacts, source: str, port: int) -> bool:
    """One packet and its answer, looked up entry by entry; the slow way."""
    address = ipaddress.ip_address(source)

    def within(cidr: Any) -> bool:
        network = ipaddress.ip_network(str(cidr))
        return address.version == network.version and address in network

    def holds(networks: AddressSet) -> bool:
        return any(within(network) for network in networks.networks())

    rules = facts.rules[GROUP]
    if not any(
        r.rule.ports and r.rule.ports[0] <= port <= r.rule.ports[1] and holds(r.rule.addresses) for r in rules
    ):
        return False
    if any(within(cidr) for cidr in SUBNET_NETWORKS):
        return True
    acl = facts.acls[SUBNET]

    def first(entries: Any, at: int) -> bool:
        for each in sorted(entries, key=lambda e: e.number):
            if each.ports and each.ports[0] <= at <= each.ports[1] and holds(each.addresses):
                return bool(each.allow)
        return False

    if not first(acl.ingress, port) or not any(
        first(acl.egress, at) for at in (1, 1024, 2000, 2376, 2377, 3001, 9001, 65535)
    ):
        return False
    routes = [r for r in facts.tables[VPC].routes if within(r.destination)]
    if not routes:
        return False
    best = max(routes, key=lambda r: ipaddress.ip_network(r.destination).prefixlen)
    if best.target == "local":
        return True
    return best.target == "igw-1" and best.active and address.is_global | within("203.0.113.0/24")


@settings(deadline=None)
@given(
    rules=st.lists(st.tuples(_CIDRS, _PORTS), max_size=5),
    entries=st.lists(st.tuples(st.integers(1, 9), _CIDRS, st.booleans(), st.booleans(), _PORTS), max_size=8),
    routes=st.lists(
        st.tuples(_CIDRS, st.sampled_from(["igw-1", "nat-1"]), st.sampled_from(["active", "blackhole"])),
        max_size=4,
    ),
)
def test_the_set_is_what_packets_do(
    rules: list[tuple[str, tuple[int, int]]],
    entries: list[tuple[int, str, bool, bool, tuple[int, int]]],
    routes: list[tuple[str, str, str]],
) -> None:
    # A table holds each destination once, and the VPC's own are taken; an ACL holds each number once.
    table = {destination: (destination, target, state) for destination, target, state in routes}
    numbered = {
        (number, egress): (number, cidr, allow, egress, ports)
        for number, cidr, allow, egress, ports in entries
    }
    facts = region(
        [rule(cidr, *ports) for cidr, ports in rules],
        [entry(*each) for each in numbered.values()] or [entry(1, "192.0.2.0/24")],
        [route(*each) for each in table.values() if each[0] != VPC_NETWORKS[0]],
    )
    found = addresses(facts)
    for source in _SAMPLES:
        assert (source in found) == passes(facts, source, 2376), source


class TestStops:
    def stops(self, facts: RegionFacts) -> dict[SourceClass, Barrier]:
        return {stop.kind: stop.barrier for stop in reach(facts).stops}

    def test_a_host_without_a_public_address_is_not_reached_by_the_internet_whatever_its_rules(self) -> None:
        facts = region(
            [rule("0.0.0.0/0")],
            routes=[route("0.0.0.0/0", "igw-1")],
            host=replace(HOST, public=(), ipv6=()),
        )
        assert self.stops(facts) == {SourceClass.INTERNET: Barrier.ADDRESS}

    def test_without_a_route_an_address_is_of_no_use(self) -> None:
        assert self.stops(region([rule("0.0.0.0/0")])) == {SourceClass.INTERNET: Barrier.ROUTE}

    def test_an_acl_stops_before_a_rule_does(self) -> None:
        routes = [route("0.0.0.0/0", "igw-1")]
        entries = [entry(90, "0.0.0.0/0", allow=False), *ALLOW_ALL]
        by_nobody = {
            SourceClass.INTERNET: Barrier.ACL,
            SourceClass.VPC: Barrier.RULE,
            SourceClass.SUBNET: Barrier.RULE,
        }
        assert self.stops(region([], entries, routes)) == by_nobody

    def test_an_acl_that_lets_no_answer_out_stops_as_well(self) -> None:
        entries = [entry(90, "0.0.0.0/0", allow=False, egress=True), *ALLOW_ALL]
        facts = region([rule("0.0.0.0/0")], entries, [route("0.0.0.0/0", "igw-1")])
        assert self.stops(facts)[SourceClass.INTERNET] is Barrier.ACL

    def test_whom_no_rule_names_the_rules_stop(self) -> None:
        facts = region(
            [rule("10.0.1.0/24")], routes=[route("0.0.0.0/0", "igw-1"), route("10.9.0.0/16", "tgw-1")]
        )
        assert self.stops(facts) == {
            SourceClass.VPC: Barrier.RULE,
            SourceClass.INTERNET: Barrier.RULE,
            SourceClass.TRANSIT_GATEWAY: Barrier.RULE,
        }

    def test_who_gets_in_is_stopped_by_nothing(self) -> None:
        facts = region([rule("0.0.0.0/0"), rule("::/0")], routes=[route("0.0.0.0/0", "igw-1")])
        assert self.stops(facts) == {}

    def test_of_whom_an_unread_list_may_let_in_nothing_is_said(self) -> None:
        facts = region([rule("pl-9")], routes=[route("0.0.0.0/0", "igw-1")])
        assert self.stops(facts) == {}
