"""Decides exactly which sources reach a port of a network interface, and by which rule, ACL and route. Pure.

A packet needs all of it: a security group's rule (rules only add), the subnet's network ACL in both directions (it
keeps no state, and applies to nothing that stays inside the subnet), and a route back to its source: inside the VPC,
by an internet gateway where the interface has a public address, by a peering connection from the peer's own networks,
by a transit gateway, VPN or other target from whatever is routed there. Sets of addresses and first matches are
networks.py's to compute.

Over UDP nobody needs an answer to do harm, so there the network ACL's way in is all that counts of it.

A client may choose the port it connects from, so an ACL that lets answers out to any client port lets somebody in.
Which addresses stand behind a transit gateway or a VPN, and what a middlebox does, AWS does not say here: their class
holds every address that is routed there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from ..core.addresses import EMPTY, EVERYWHERE, AddressSet, union
from ..core.networks import SELF, AclEntry, acl_admits, admits
from ..core.ports import Transport
from ..core.trust import NEVER_SOURCES, PRIVATE
from .facts import Acl, GroupRule, Interface, RegionFacts, RouteTable

INTERNET: Final = EVERYWHERE - PRIVATE - NEVER_SOURCES
"""Where packets from the internet can come from."""
_GLOBAL_IPV6: Final = AddressSet.of(["2000::/3"])
_FIRST_PORT, _LAST_PORT = 1, 65_535
FIRST_EPHEMERAL: Final = 1_024


class SourceClass(StrEnum):
    """How a source comes to the interface."""

    INTERNET = "internet"
    SUBNET = "subnet"
    VPC = "vpc"
    PEERING = "peering"
    TRANSIT_GATEWAY = "transit-gateway"
    VPN = "vpn"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Source:
    """A class of sources: where they are, and by what they come."""

    kind: SourceClass
    via: str
    """The id of the gateway or connection; the subnet's or VPC's own for what stays inside."""
    addresses: AddressSet


@dataclass(frozen=True, slots=True)
class Passage:
    """How sources pass a network ACL."""

    acl: str
    number: int | None
    """Of the entry that lets the first of their addresses in, which stands for all."""
    low_ports_only: bool
    """Whether answers to some of them get out only to client ports below 1024: a client may choose its port."""


@dataclass(frozen=True, slots=True)
class Way:
    """Sources that one rule lets in by one route, all the way."""

    rule: GroupRule
    source: Source
    addresses: AddressSet
    """Exactly those that get through everything."""
    acl: Passage | None
    """How they pass the network ACL; None for what stays inside the subnet, and meets none."""


class Barrier(StrEnum):
    """What stops a class of sources, in the order in which their packets meet it."""

    ADDRESS = "address"
    """The interface has no address that they could send to."""
    ROUTE = "route"
    """No route leads to them, and so none back."""
    ACL = "acl"
    """The network ACL lets none of them in, or no answer out."""
    RULE = "rule"
    """No security group's rule names any of them."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A class of sources of which nobody gets in, and the first thing that sees to it."""

    kind: SourceClass
    via: str
    """By what they would come; empty for who has no way."""
    barrier: Barrier
    acl: str
    """The interface's network ACL."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who reaches one port of one interface."""

    port: int
    ways: tuple[Way, ...]
    unresolved: tuple[str, ...] = ()
    """Sources that could not be resolved to addresses, a sentence each."""
    stops: tuple[Stop, ...] = ()
    """Whom nothing lets in, and what stops them: each way packets could come by, and the internet always."""

    @property
    def addresses(self) -> AddressSet:
        """Exactly the sources that get through."""
        return union(way.addresses for way in self.ways)

    def by_class(self) -> dict[SourceClass, AddressSet]:
        """The same by how they come."""
        found: dict[SourceClass, AddressSet] = {}
        for way in self.ways:
            found[way.source.kind] = found.get(way.source.kind, EMPTY) | way.addresses
        return found


class Unreadable(ValueError):
    """What keeps an interface from being judged: a sentence."""


class Region:
    """The facts of a region, indexed; answers for each interface and port."""

    def __init__(self, facts: RegionFacts) -> None:
        self.facts = facts
        self._routed_by: dict[str, list[tuple[str, AddressSet]]] = {}
        self._admitted: dict[tuple[str, int, Transport], tuple[AddressSet, AddressSet]] = {}

    @cached_property
    def _members(self) -> Mapping[str, AddressSet]:
        # Rules that name a group admit its members' private addresses and IPv6 addresses (AWS, "Referencing security
        # groups"), never their public ones.
        members: dict[str, list[str]] = {}
        for interface in self.facts.interfaces:
            for group in interface.groups:
                members.setdefault(group, []).extend((*interface.private, *interface.ipv6))
        return {group: AddressSet.of(addresses) for group, addresses in members.items()}

    def reach(self, interface: Interface, port: int, transport: Transport = "tcp") -> Reach:
        """Who reaches this port. Raises Unreadable where a part of the answer is missing."""
        ways: list[Way] = []
        unresolved: list[str] = []
        sources = self._sources(interface)
        acl = self._acl(interface)
        admitted, ordinary = self._through(acl, port, transport)
        for rule, named, problem in self._admitted_by_rules(interface, port, transport):
            if problem:
                unresolved.append(problem)
            for source in sources:
                through = named & source.addresses
                inside = source.kind is SourceClass.SUBNET
                if not inside:
                    through &= admitted
                if through:
                    passage = None if inside else _passage(acl, port, through, ordinary, transport)
                    ways.append(Way(rule, source, through, passage))
        # Whom an unread list or group lets in is not known: that no rule names them can't be said then.
        stops = tuple(
            stop
            for stop in self._stops(interface, acl, sources, admitted, ways)
            if not (unresolved and stop.barrier is Barrier.RULE)
        )
        return Reach(port, tuple(ways), tuple(dict.fromkeys(unresolved)), stops)

    def _stops(
        self, interface: Interface, acl: Acl, sources: list[Source], admitted: AddressSet, ways: list[Way]
    ) -> Iterator[Stop]:
        """What stops each class of sources of which nobody gets in."""
        if not any(source.kind is SourceClass.INTERNET for source in sources):
            addressed = interface.public or any(address in _GLOBAL_IPV6 for address in interface.ipv6)
            barrier = Barrier.ROUTE if addressed else Barrier.ADDRESS
            yield Stop(SourceClass.INTERNET, "", barrier, acl.id)
        served = {way.source.via for way in ways}
        for source in sources:
            if source.via not in served:
                inside = source.kind is SourceClass.SUBNET
                passes = inside or source.addresses & admitted
                yield Stop(source.kind, source.via, Barrier.RULE if passes else Barrier.ACL, acl.id)

    def _admitted_by_rules(
        self, interface: Interface, port: int, transport: Transport
    ) -> Iterator[tuple[GroupRule, AddressSet, str | None]]:
        """Each rule about a port, whom it names besides the interface itself, and what could not be resolved."""
        own = AddressSet.of((*interface.private, *interface.ipv6))
        for group in interface.groups:
            if group not in self.facts.rules:
                raise Unreadable(f"the rules of {group} are not known")
            for rule in self.facts.rules[group]:
                if admits(rule.rule, port, transport):
                    named, problem = self.sources_of(rule)
                    yield rule, named - own, problem

    def sources_of(self, rule: GroupRule) -> tuple[AddressSet, str | None]:
        """The addresses that a rule names, and what of them could not be resolved."""
        sets = [rule.rule.addresses]
        problem: str | None = None
        for group in rule.rule.groups:
            if rule.foreign_group:
                problem = (
                    f"{rule.group} rule {rule.id} admits the members of {group}, a group of another account"
                )
            sets.append(self._members.get(rule.group if group == SELF else group, EMPTY))
        for prefix_list in rule.rule.prefix_lists:
            entries = self.facts.prefix_lists.get(prefix_list)
            if entries is None:
                problem = f"{rule.group} rule {rule.id} admits {prefix_list}, whose entries could not be read"
            sets.append(entries or EMPTY)
        return union(sets), problem

    def _acl(self, interface: Interface) -> Acl:
        acl = self.facts.acls.get(interface.subnet)
        if acl is None:
            raise Unreadable(f"the network ACL of {interface.subnet} is not known")
        return acl

    def _through(self, acl: Acl, port: int, transport: Transport) -> tuple[AddressSet, AddressSet]:
        """Who gets through an ACL in both directions, and who does from an ephemeral port."""
        known = self._admitted.get((acl.id, port, transport))
        if known is None:
            inward = acl_admits(acl.ingress, port, transport=transport)
            known = (
                (inward, inward)
                if transport == "udp"
                else (
                    inward & acl_admits(acl.egress, _FIRST_PORT, _LAST_PORT),
                    inward & acl_admits(acl.egress, FIRST_EPHEMERAL, _LAST_PORT),
                )
            )
            self._admitted[acl.id, port, transport] = known
        return known

    def _sources(self, interface: Interface) -> list[Source]:
        table = self.facts.tables.get(interface.subnet) or self.facts.tables.get(interface.vpc)
        if table is None:
            raise Unreadable(f"the route table of {interface.subnet} is not known")
        subnet = self.facts.subnets.get(interface.subnet)
        if subnet is None:
            raise Unreadable(f"the networks of {interface.subnet} are not known")
        found = [Source(SourceClass.SUBNET, interface.subnet, subnet)]
        for target, addresses in self._routed(table):
            source = self._source(interface, target, addresses - subnet)
            if source is not None and source.addresses:
                found.append(source)
        return found

    def _source(self, interface: Interface, target: str, addresses: AddressSet) -> Source | None:
        kind = target.partition("-")[0]
        reachable = addresses - NEVER_SOURCES
        match kind:
            case "local":
                return Source(SourceClass.VPC, interface.vpc, addresses)
            case "igw":
                internet = reachable & INTERNET
                ipv4 = internet.ipv4 if interface.public else EMPTY
                routed = any(address in _GLOBAL_IPV6 for address in interface.ipv6)
                return Source(SourceClass.INTERNET, target, ipv4 | (internet.ipv6 if routed else EMPTY))
            case "pcx":
                peering = self.facts.peerings.get(target)
                if peering is None:
                    return None  # not active, or of a region that was not asked: no packet passes the former
                others = union(networks for vpc, networks in peering.items() if vpc != interface.vpc)
                return Source(SourceClass.PEERING, target, reachable & others)
            case "tgw":
                return Source(SourceClass.TRANSIT_GATEWAY, target, reachable)
            case "vgw":
                return Source(SourceClass.VPN, target, reachable)
            case "nat" | "eigw":
                return None  # they let nothing in that was not asked for from inside
            case _:
                return Source(SourceClass.OTHER, target, reachable)

    def _routed(self, table: RouteTable) -> list[tuple[str, AddressSet]]:
        """What leaves by each target: the longest prefix wins, and between equals the first listed."""
        known = self._routed_by.get(table.id)
        if known is None:
            known = self._routed_by[table.id] = list(self._longest_prefixes(table))
        return known

    def _longest_prefixes(self, table: RouteTable) -> Iterator[tuple[str, AddressSet]]:
        routes: list[tuple[int, AddressSet, str, bool]] = []
        for route in table.routes:
            if route.destination.startswith("pl-"):
                entries = self.facts.prefix_lists.get(route.destination)
                if entries is None:
                    raise Unreadable(
                        f"{table.id} routes {route.destination}, whose entries could not be read"
                    )
                if route.target.startswith("vpce-"):
                    # S3 or DynamoDB by a gateway endpoint, which lets nothing in.
                    route = replace(route, active=False)
            else:
                entries = AddressSet.of([route.destination])
            for network in entries.networks():
                routes.append((network.prefixlen, AddressSet.of([network]), route.target, route.active))
        decided = EMPTY
        found: dict[str, AddressSet] = {}
        for _, addresses, target, active in sorted(routes, key=lambda route: -route[0]):
            if active:  # what a blackhole swallows has no way back
                found[target] = found.get(target, EMPTY) | (addresses - decided)
            decided |= addresses
        yield from found.items()


def _passage(acl: Acl, port: int, through: AddressSet, ordinary: AddressSet, transport: Transport) -> Passage:
    first = str(next(through.networks()).network_address)
    inward = _deciding(acl.ingress, port, first, transport)
    return Passage(acl.id, inward.number if inward else None, not through <= ordinary)


def _deciding(
    entries: tuple[AclEntry, ...], port: int, address: str, transport: Transport
) -> AclEntry | None:
    ordered = sorted(entries, key=lambda entry: entry.number)
    return next((e for e in ordered if admits(e, port, transport) and address in e.addresses), None)
