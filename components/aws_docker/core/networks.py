"""Decides which addresses can reach a port, through security groups' rules and network ACLs. Pure.

The component's input checks, the policy pack and the audit ask here; none of them has a second opinion. Where rules
and networks come from (Pulumi's inputs, boto3's answers) is for the callers to read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from .addresses import EMPTY, AddressSet, Network, union
from .ports import Transport

SELF: Final = "self"
"""The group that a rule names by "self": its own."""

_EVERY_PORT: Final = (0, 65_535)

# The names that AWS and its providers take; every other protocol is named by its IANA number.
_PROTOCOLS: Final = {
    "all": -1,
    "icmp": 1,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "sctp": 132,
}


class Rule(NamedTuple):
    """One rule of a security group, as far as it concerns TCP and UDP. Make it with `Rule.of`."""

    ports: tuple[int, int] | None
    """First and last TCP port that it admits; None where it admits no TCP."""
    addresses: AddressSet
    groups: frozenset[str] = frozenset()
    """Security groups whose members are sources (`SELF` for its own)."""
    prefix_lists: frozenset[str] = frozenset()
    """Prefix lists that are sources and whose entries are not among the addresses."""
    all_traffic: bool = False
    """Whether it names no protocol and so no ports, as the rule of a default group does."""
    udp: tuple[int, int] | None = None
    """First and last UDP port that it admits; None where it admits no UDP."""

    @classmethod
    def of(
        cls,
        protocol: str | float,
        from_port: str | float | None,
        to_port: str | float | None,
        *,
        cidrs: Iterable[str | Network] = (),
        groups: Iterable[str] = (),
        prefix_lists: Iterable[str] = (),
    ) -> "Rule":
        """A rule as AWS, CloudFormation and Pulumi spell it; raises ValueError for what none of them means."""
        return cls(
            tcp_ports(protocol, from_port, to_port),
            AddressSet.of(cidrs),
            frozenset(groups),
            frozenset(prefix_lists),
            _protocol(protocol) == -1,
            ports_of("udp", protocol, from_port, to_port),
        )


class AclEntry(NamedTuple):
    """One entry of a network ACL, of one direction, as far as it concerns TCP and UDP. Make it with `AclEntry.of`."""

    number: int
    allow: bool
    ports: tuple[int, int] | None
    """First and last TCP port that it is about."""
    addresses: AddressSet
    udp: tuple[int, int] | None = None
    """First and last UDP port that it is about."""

    @classmethod
    def of(
        cls,
        number: str | float,
        allow: bool,
        protocol: str | float,
        from_port: str | float | None,
        to_port: str | float | None,
        cidr: str | Network,
    ) -> "AclEntry":
        """An entry as AWS, CloudFormation and Pulumi spell it; raises ValueError for what none of them means."""
        return cls(
            _whole(number),
            allow,
            tcp_ports(protocol, from_port, to_port),
            AddressSet.of([cidr]),
            ports_of("udp", protocol, from_port, to_port),
        )


@dataclass(frozen=True, slots=True)
class Reachability:
    """Who reaches a port: addresses, and the groups and prefix lists whose addresses the rules do not say.

    False where nobody does.
    """

    addresses: AddressSet
    groups: frozenset[str]
    prefix_lists: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.addresses or self.groups or self.prefix_lists)


def admits(rule: Rule | AclEntry, port: int, transport: Transport = "tcp") -> bool:
    """Whether a rule is about this port of TCP, or of UDP."""
    ports = rule.ports if transport == "tcp" else rule.udp
    return ports is not None and ports[0] <= port <= ports[1]


def reachable(rules: Iterable[Rule], port: int) -> Reachability:
    """Exactly who reaches a TCP port through a security group, or several: rules only ever add sources."""
    about = [rule for rule in rules if admits(rule, port)]
    return Reachability(
        union(rule.addresses for rule in about),
        frozenset(chain.from_iterable(rule.groups for rule in about)),
        frozenset(chain.from_iterable(rule.prefix_lists for rule in about)),
    )


def acl_admits(
    entries: Iterable[AclEntry], port: int, last_port: int | None = None, transport: Transport = "tcp"
) -> AddressSet:
    """Exactly the addresses that one direction of a network ACL admits to a port.

    The lowest-numbered entry that matches decides, and what matches none is denied (AWS, "Network ACL rules"). With
    `last_port`, the addresses for which at least one port from `port` to `last_port` is admitted: an ACL keeps no
    state, so a connection also needs the answers' way back to one of the client's ephemeral ports.
    """
    about = [
        (entry, ports)
        for entry in sorted(entries, key=lambda entry: entry.number)
        if (ports := entry.ports if transport == "tcp" else entry.udp) is not None
        and ports[0] <= (port if last_port is None else last_port)
        and port <= ports[1]
    ]
    # Between two of these ports no entry begins or ends, so one port answers for all.
    starts = {port}
    if last_port is not None:
        edges = chain.from_iterable((first, last + 1) for _, (first, last) in about)
        starts.update(edge for edge in edges if port < edge <= last_port)
    return union(_first_match(about, start) for start in starts)


def _first_match(entries: Iterable[tuple[AclEntry, tuple[int, int]]], port: int) -> AddressSet:
    admitted, decided = EMPTY, EMPTY
    for entry, (first, last) in entries:
        if first <= port <= last:
            if entry.allow:
                admitted |= entry.addresses - decided
            decided |= entry.addresses
    return admitted


def tcp_ports(
    protocol: str | float, from_port: str | float | None, to_port: str | float | None
) -> tuple[int, int] | None:
    """The first and last TCP port of a rule that names a protocol and ports; None where it admits no TCP.

    As `ports_of` reads them.
    """
    return ports_of("tcp", protocol, from_port, to_port)


@lru_cache(maxsize=65_536, typed=True)
def ports_of(
    transport: Transport, protocol: str | float, from_port: str | float | None, to_port: str | float | None
) -> tuple[int, int] | None:
    """The first and last TCP (or UDP) port of a rule that names a protocol and ports; None where it admits none.

    -1 (or "all") is every protocol, on every port whatever range stands beside it (EC2 API, IpPermission). For TCP
    and UDP, EC2 demands a range, so 0 to 0 is port 0 alone; where a port is absent or -1, which EC2 refuses, the rule
    is read as widely as it could be meant. Raises ValueError for a protocol or port that is none.
    """
    number = _protocol(protocol)
    if number == -1:
        return _EVERY_PORT
    if number != _PROTOCOLS[transport]:
        return None
    first = -1 if from_port is None else _whole(from_port)
    last = -1 if to_port is None else _whole(to_port)
    if -1 in (first, last):
        return _EVERY_PORT
    if not (0 <= first <= 65_535 and 0 <= last <= 65_535):
        raise ValueError(f"{from_port!r} to {to_port!r} is not a range of {transport.upper()} ports")
    return (first, last) if first <= last else None


def _protocol(value: str | float) -> int:
    if isinstance(value, str) and (name := value.strip().lower()) in _PROTOCOLS:
        return _PROTOCOLS[name]
    try:
        number = _whole(value)
    except ValueError:
        number = 256
    if not -1 <= number <= 255:
        raise ValueError(f"{value!r} is not a protocol")
    return number


def _whole(value: str | float) -> int:
    # Numbers are floats where they come through Pulumi, and strings where they come through Cloud Control.
    if not isinstance(value, bool):
        try:
            if (number := int(value)) == float(value):
                return number
        except (OverflowError, TypeError, ValueError):
            pass
    raise ValueError(f"{value!r} is not a whole number")
