"""Exact sets of IPv4 and IPv6 addresses: what every judgement of reachability is made of. Pure."""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Final, final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_Interval = tuple[int, int]
_Intervals = tuple[_Interval, ...]


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

    def summary(self, most: int, more: str = " and {} more") -> str:
        """The first networks, for people; where there are others, `more` follows, with their number for a "{}"."""
        networks = self.networks()
        first = ", ".join(map(str, islice(networks, most)))
        if next(networks, None) is None:
            return first
        # Counted only where it is asked for: a set may hold very many.
        return first + (more.format(1 + sum(1 for _ in networks)) if "{}" in more else more)

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
        return f"AddressSet({self.summary(8, ', …')})"


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
