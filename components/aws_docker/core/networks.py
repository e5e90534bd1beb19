"""Decides which addresses can reach a port, and which networks may be trusted with one. Pure.

The component's input checks, the policy pack and the audit ask here; none of them has a second opinion. Where rules
and networks come from (Pulumi's inputs, boto3's answers) is for the callers to read.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final, NamedTuple, final

from .errors import InvalidInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_Interval = tuple[int, int]
_Intervals = tuple[_Interval, ...]


# --- Sets of addresses ---------------------------------------------------------------------------------------------


@final
class AddressSet:
    """An exact, immutable set of IPv4 and IPv6 addresses.

    Kept as sorted, disjoint, non-adjacent intervals of integers for each family, so that equal sets are equal
    objects and split halves, supersets and overlaps are seen for what they are. An IPv4-mapped IPv6 address is an
    IPv6 address here: no packet on a network carries it (RFC 4291, RFC 6890).
    """

    __slots__ = ("_hash", "_ipv4", "_ipv6")

    def __init__(self, ipv4: Iterable[_Interval] = (), ipv6: Iterable[_Interval] = ()) -> None:
        """The addresses of these intervals (first and last address, as integers), which may overlap."""
        self._ipv4 = _merged(ipv4)
        self._ipv6 = _merged(ipv6)
        self._hash = hash((self._ipv4, self._ipv6))

    @classmethod
    def of(cls, networks: Iterable["str | Network"]) -> "AddressSet":
        """The addresses of networks, given as CIDR strings or ipaddress networks.

        Host bits are ignored, as EC2 ignores them; a bare address is itself. Raises ValueError for what is not a
        network.
        """
        parts = [_single(network) if isinstance(network, str) else _network(network) for network in networks]
        return parts[0] if len(parts) == 1 else union(parts)

    @property
    def ipv4_size(self) -> int:
        """How many IPv4 addresses the set holds."""
        return sum(last - first + 1 for first, last in self._ipv4)

    @property
    def ipv6_size(self) -> int:
        """How many IPv6 addresses the set holds."""
        return sum(last - first + 1 for first, last in self._ipv6)

    @property
    def ipv4(self) -> "AddressSet":
        """The IPv4 addresses of the set."""
        return _made(self._ipv4, ())

    @property
    def ipv6(self) -> "AddressSet":
        """The IPv6 addresses of the set."""
        return _made((), self._ipv6)

    def networks(self) -> Iterator[Network]:
        """The fewest networks that hold exactly these addresses: IPv4 first, each family ascending."""
        for first, length in _blocks(self._ipv4, 32):
            yield ipaddress.IPv4Network((first, length))
        for first, length in _blocks(self._ipv6, 128):
            yield ipaddress.IPv6Network((first, length))

    def cidrs(self) -> tuple[str, ...]:
        """`networks` as strings."""
        return tuple(map(str, self.networks()))

    def overlaps(self, other: "AddressSet") -> bool:
        """Whether the two sets share an address."""
        return bool(self & other)

    def issubset(self, other: "AddressSet") -> bool:
        """Whether `other` holds every address of this set."""
        return _within(self._ipv4, other._ipv4) and _within(self._ipv6, other._ipv6)

    def __or__(self, other: "AddressSet") -> "AddressSet":
        return AddressSet(chain(self._ipv4, other._ipv4), chain(self._ipv6, other._ipv6))

    def __and__(self, other: "AddressSet") -> "AddressSet":
        return _made(_common(self._ipv4, other._ipv4), _common(self._ipv6, other._ipv6))

    def __sub__(self, other: "AddressSet") -> "AddressSet":
        return _made(_without(self._ipv4, other._ipv4), _without(self._ipv6, other._ipv6))

    def __le__(self, other: "AddressSet") -> bool:
        return self.issubset(other)

    def __contains__(self, address: "str | Address") -> bool:
        if isinstance(address, str):
            address = ipaddress.ip_address(address)
        intervals = self._ipv4 if address.version == 4 else self._ipv6
        number = int(address)
        return _within(((number, number),), intervals)

    def __bool__(self) -> bool:
        return bool(self._ipv4 or self._ipv6)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AddressSet):
            return NotImplemented
        return self._ipv4 == other._ipv4 and self._ipv6 == other._ipv6

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        blocks = list(islice(self.networks(), 9))
        shown = ", ".join(map(str, blocks[:8])) + (", …" if len(blocks) > 8 else "")
        return f"AddressSet({shown})"


def union(sets: Iterable[AddressSet]) -> AddressSet:
    """The addresses of all these sets: one merge, however many there are."""
    kept = list(sets)
    return AddressSet(
        chain.from_iterable(each._ipv4 for each in kept),  # pyright: ignore[reportPrivateUsage]
        chain.from_iterable(each._ipv6 for each in kept),  # pyright: ignore[reportPrivateUsage]
    )


def _made(ipv4: _Intervals, ipv6: _Intervals) -> AddressSet:
    # For intervals that are merged already.
    made = AddressSet.__new__(AddressSet)
    made._ipv4, made._ipv6, made._hash = ipv4, ipv6, hash((ipv4, ipv6))  # pyright: ignore[reportPrivateUsage]
    return made


@lru_cache(maxsize=65_536)
def _single(text: str) -> AddressSet:
    return _network(ipaddress.ip_network(text.strip(), strict=False))


def _network(network: Network) -> AddressSet:
    first = int(network.network_address)
    interval = ((first, first | int(network.hostmask)),)
    return _made(interval, ()) if network.version == 4 else _made((), interval)


def _merged(intervals: Iterable[_Interval]) -> _Intervals:
    merged: list[_Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def _common(ours: _Intervals, theirs: _Intervals) -> _Intervals:
    common: list[_Interval] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        first, last = max(ours[i][0], theirs[j][0]), min(ours[i][1], theirs[j][1])
        if first <= last:
            common.append((first, last))
        if ours[i][1] < theirs[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def _without(ours: _Intervals, theirs: _Intervals) -> _Intervals:
    rest: list[_Interval] = []
    j = 0
    for first, last in ours:
        while j < len(theirs) and theirs[j][1] < first:
            j += 1
        k = j
        while k < len(theirs) and theirs[k][0] <= last:
            if first < theirs[k][0]:
                rest.append((first, theirs[k][0] - 1))
            first = theirs[k][1] + 1
            k += 1
        if first <= last:
            rest.append((first, last))
    return tuple(rest)


def _within(ours: _Intervals, theirs: _Intervals) -> bool:
    for first, last in ours:
        at = bisect_right(theirs, (first, 1 << 128)) - 1
        if at < 0 or theirs[at][1] < last:
            return False
    return True


def _blocks(intervals: _Intervals, bits: int) -> Iterator[tuple[int, int]]:
    # The largest aligned block that starts here and still fits, again and again: the fewest networks.
    for start, last in intervals:
        first = start
        while first <= last:
            aligned = (first & -first).bit_length() - 1 if first else bits
            size = min(aligned, (last - first + 1).bit_length() - 1)
            yield first, bits - size
            first += 1 << size


EMPTY: Final = AddressSet()
EVERYWHERE: Final = AddressSet([(0, (1 << 32) - 1)], [(0, (1 << 128) - 1)])


# --- Rules of security groups and network ACLs ---------------------------------------------------------------------

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
    """One rule of a security group, as far as it concerns TCP. Make it with `Rule.of`."""

    ports: tuple[int, int] | None
    """First and last TCP port that it admits; None where it admits no TCP."""
    addresses: AddressSet
    groups: frozenset[str] = frozenset()
    """Security groups whose members are sources (`SELF` for its own)."""
    prefix_lists: frozenset[str] = frozenset()
    """Prefix lists that are sources and whose entries are not among the addresses."""
    all_traffic: bool = False
    """Whether it names no protocol and so no ports, as the rule of a default group does."""

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
        )


class AclEntry(NamedTuple):
    """One entry of a network ACL, of one direction, as far as it concerns TCP. Make it with `AclEntry.of`."""

    number: int
    allow: bool
    ports: tuple[int, int] | None
    addresses: AddressSet

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
        return cls(_whole(number), allow, tcp_ports(protocol, from_port, to_port), AddressSet.of([cidr]))


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


def admits(rule: Rule | AclEntry, port: int) -> bool:
    """Whether a rule is about TCP to this port."""
    return rule.ports is not None and rule.ports[0] <= port <= rule.ports[1]


def reachable(rules: Iterable[Rule], port: int) -> Reachability:
    """Exactly who reaches a TCP port through a security group, or several: rules only ever add sources."""
    about = [rule for rule in rules if admits(rule, port)]
    return Reachability(
        union(rule.addresses for rule in about),
        frozenset(chain.from_iterable(rule.groups for rule in about)),
        frozenset(chain.from_iterable(rule.prefix_lists for rule in about)),
    )


def acl_admits(entries: Iterable[AclEntry], port: int, last_port: int | None = None) -> AddressSet:
    """Exactly the addresses that one direction of a network ACL admits to a TCP port.

    The lowest-numbered entry that matches decides, and what matches none is denied (AWS, "Network ACL rules"). With
    `last_port`, the addresses for which at least one port from `port` to `last_port` is admitted: an ACL keeps no
    state, so a connection also needs the answers' way back to one of the client's ephemeral ports.
    """
    about = [
        entry
        for entry in sorted(entries, key=lambda entry: entry.number)
        if entry.ports is not None
        and entry.ports[0] <= (port if last_port is None else last_port)
        and port <= entry.ports[1]
    ]
    # Between two of these ports no entry begins or ends, so one port answers for all.
    starts = {port}
    if last_port is not None:
        edges = chain.from_iterable((first, last + 1) for first, last in (e.ports for e in about if e.ports))
        starts.update(edge for edge in edges if port < edge <= last_port)
    return union(_first_match(about, start) for start in starts)


def _first_match(entries: Iterable[AclEntry], port: int) -> AddressSet:
    admitted, decided = EMPTY, EMPTY
    for entry in entries:
        if admits(entry, port):
            if entry.allow:
                admitted |= entry.addresses - decided
            decided |= entry.addresses
    return admitted


@lru_cache(maxsize=65_536, typed=True)
def tcp_ports(
    protocol: str | float, from_port: str | float | None, to_port: str | float | None
) -> tuple[int, int] | None:
    """The first and last TCP port of a rule that names a protocol and ports; None where it admits no TCP.

    -1 (or "all") is every protocol, on every port whatever range stands beside it (EC2 API, IpPermission). For TCP,
    EC2 demands a range, so 0 to 0 is port 0 alone; where a port is absent or -1, which EC2 refuses, the rule is read
    as widely as it could be meant. Raises ValueError for a protocol or port that is none.
    """
    number = _protocol(protocol)
    if number == -1:
        return _EVERY_PORT
    if number != _PROTOCOLS["tcp"]:
        return None
    first = -1 if from_port is None else _whole(from_port)
    last = -1 if to_port is None else _whole(to_port)
    if -1 in (first, last):
        return _EVERY_PORT
    if not (0 <= first <= 65_535 and 0 <= last <= 65_535):
        raise ValueError(f"{from_port!r} to {to_port!r} is not a range of TCP ports")
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


# --- What may be trusted -------------------------------------------------------------------------------------------

PRIVATE: Final = AddressSet.of(
    [
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598, shared address space: also inside VPCs and EKS clusters
        "fc00::/7",  # RFC 4193, unique local
    ]
)
"""What is not routed on the internet. All else counts as public, documentation and benchmark networks included."""

MOST_PUBLIC_IPV4: Final = 65_536
"""Public IPv4 addresses that trusted sources may hold together: a /16, the largest that one organisation's own
range plausibly is."""

WIDEST_PUBLIC_IPV6: Final = 48
"""Prefix length of the widest public IPv6 network that may be trusted: what one site is assigned (RFC 6177)."""

# Where no packet that reaches a VPC comes from (RFC 6890's registries: not valid as a source, or not forwarded).
_NEVER_SOURCES: Final = {
    "unspecified": AddressSet.of(["0.0.0.0/8", "::/128"]),  # RFC 1122 "this network", RFC 4291
    "loopback": AddressSet.of(["127.0.0.0/8", "::1/128"]),
    "link-local": AddressSet.of(["169.254.0.0/16", "fe80::/10"]),
    "multicast": AddressSet.of(["224.0.0.0/4", "ff00::/8"]),
    "IPv4-mapped": AddressSet.of(["::ffff:0:0/96"]),
    # RFC 1112 section 4; RFC 4291 section 4: of IPv6, only 2000::/3 is assigned besides the networks named above.
    "reserved": AddressSet.of(["240.0.0.0/4"])
    | (EVERYWHERE.ipv6 - AddressSet.of(["2000::/3", "fc00::/7", "fe80::/10", "ff00::/8"])),
}
NEVER_SOURCES: Final = union(_NEVER_SOURCES.values())
"""Where no packet that reaches a VPC comes from."""


def trusted_networks(cidrs: Sequence[str], argument: str = "trusted_cidrs") -> tuple[Network, ...]:
    """The networks that `cidrs` name, in their order, if they may be trusted.

    Raises InvalidInput for what is not a network in its canonical form, can be nobody's source address, is named
    twice, or is too wide (see `too_wide`).
    """
    networks: list[Network] = []
    for cidr in cidrs:
        network = _trusted_network(cidr, argument)
        for known in networks:
            if network == known:
                raise InvalidInput(argument, cidr, "name each network once", "is named twice")
            if network.version == known.version and network.overlaps(known):
                inner, outer = (network, known) if network.prefixlen > known.prefixlen else (known, network)
                raise InvalidInput(argument, str(inner), "leave it out", f"is already part of '{outer}'")
        networks.append(network)
    reason = too_wide(AddressSet.of(networks))
    if reason is not None:
        raise InvalidInput(argument, ", ".join(cidrs), "name only the networks that are yours", reason)
    return tuple(networks)


def _trusted_network(cidr: Any, argument: str) -> Network:
    if not isinstance(cidr, str):
        raise InvalidInput(
            argument, cidr, "write a network as a string, such as '10.0.5.0/24'", "is no string"
        )
    try:
        if "%" in cidr:  # an address with a zone means something on one machine only
            raise ValueError
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise InvalidInput(
            argument, cidr, "write one such as '10.0.5.0/24' or '2001:db8:7::/48'", "is not a network"
        ) from None
    address, _, length = cidr.partition("/")
    if not length:
        single = f"{network.network_address}/{network.max_prefixlen}"
        raise InvalidInput(argument, cidr, f"write '{single}' for this one address", "has no prefix length")
    if not length.isdecimal():
        raise InvalidInput(argument, cidr, f"write '{network}'", "has no prefix length")
    if ipaddress.ip_address(address) != network.network_address:
        single = f"{ipaddress.ip_address(address)}/{network.max_prefixlen}"
        raise InvalidInput(argument, cidr, f"write '{network}' or '{single}'", "has host bits set")
    addresses = _network(network)
    if addresses <= NEVER_SOURCES:
        kind = next(name for name, never in _NEVER_SOURCES.items() if addresses.overlaps(never))
        raise InvalidInput(
            argument, cidr, "leave it out: nothing that reaches the host comes from there", f"is {kind}"
        )
    return network


def too_wide(addresses: AddressSet) -> str | None:
    """Why these addresses together are too many to be trusted (a predicate: "holds ..."), or None.

    Private addresses are an organisation's own and may be as many as there are. Taken together, so that halves such
    as 0.0.0.0/1 and 128.0.0.0/1 are seen for what they are; of a network that is partly public, that part counts.
    """
    public = addresses - PRIVATE
    if public.ipv4_size > MOST_PUBLIC_IPV4:
        return f"holds {public.ipv4_size:,} public IPv4 addresses, and at most {MOST_PUBLIC_IPV4:,} can be trusted"
    for network in public.ipv6.networks():
        if network.prefixlen < WIDEST_PUBLIC_IPV6:
            return f"holds {network}, and the widest public IPv6 network that can be trusted is a /{WIDEST_PUBLIC_IPV6}"
    return None


# --- Networks for containers ---------------------------------------------------------------------------------------

# Docker's own choices first (moby daemon/libnetwork/ipamutils), then the rest of RFC 1918 and RFC 6598 from the end
# that people use last.
_CONTAINER_NETWORKS: Final = (
    *(f"172.{second}.0.0/16" for second in range(17, 32)),
    "192.168.0.0/16",
    *(f"10.{second}.0.0/16" for second in range(255, -1, -1)),
    *(f"100.{second}.0.0/16" for second in range(127, 63, -1)),
)
_POOLS: Final = 4
_NETWORK_SIZE: Final = 24


def container_address_pools(avoid: Iterable[str | Network]) -> tuple[str, list[dict[str, str | int]]]:
    """Docker's bridge address (`bip`) and `default-address-pools`, apart from the networks to avoid.

    A container network that covers the VPC or a trusted source would swallow the answers to it, and Docker's default
    bridge, 172.17.0.0/16, is a common VPC network. The pools make networks of 254 addresses: 1,024 of them where the
    pools are /16s. Raises InvalidInput where no private network is left.
    """
    taken = AddressSet.of(avoid)
    free = (text for text in _CONTAINER_NETWORKS if not taken.overlaps(_single(text)))
    chosen = [ipaddress.ip_network(text) for text in islice(free, _POOLS + 1)]
    if len(chosen) < 2:
        # No /16 is whole: take what is left of private space, /24 by /24.
        rest = (n for n in (PRIVATE.ipv4 - taken).networks() if n.prefixlen <= _NETWORK_SIZE)
        small = chain.from_iterable(network.subnets(new_prefix=_NETWORK_SIZE) for network in rest)
        chosen = list(islice(small, _POOLS + 1))
    if len(chosen) < 2:
        raise InvalidInput(
            "trusted_cidrs",
            ", ".join(taken.ipv4.cidrs()),
            "trust narrower networks",
            "leaves, with the VPC's own networks, no private network for containers",
        )
    bridge, *pools = chosen
    return (
        f"{bridge.network_address + 1}/{bridge.prefixlen}",
        [{"base": str(pool), "size": _NETWORK_SIZE} for pool in pools],
    )
