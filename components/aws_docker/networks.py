"""Decides which addresses a set of networks holds, and whether it may be trusted. Pure.

The component's input checks, the policy pack and the audit ask here; none of them has a second opinion.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import cache

from .errors import InvalidInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_PUBLIC_IPV4 = 65_536
"""Public IPv4 addresses that trusted sources may hold together: a /16, the largest that one organisation's office
or provider range plausibly is."""

WIDEST_PUBLIC_IPV6 = 48
"""Prefix length of the widest public IPv6 network that may be trusted: one site's assignment (RFC 6177)."""

# Not routed on the internet: RFC 1918, RFC 6598 (carrier-grade NAT, also used inside VPCs), RFC 4193.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)

# Docker's own choice first (moby daemon/libnetwork/ipamutils), then the rest of RFC 1918, then RFC 6598.
_BRIDGE_CANDIDATES = (
    *(f"172.{second}.0.0/16" for second in range(17, 32)),
    *(f"192.168.{third}.0/20" for third in range(0, 256, 16)),
    *(f"10.{second}.0.0/16" for second in range(255, 199, -1)),
    *(f"100.{second}.0.0/16" for second in range(127, 63, -1)),
)
_POOL_COUNT = 8


@cache
def _parse(text: str) -> Network:
    return ipaddress.ip_network(text, strict=False)


def trusted_networks(cidrs: Sequence[str], argument: str = "trusted_cidrs") -> tuple[Network, ...]:
    """The networks that `cidrs` name, in their order, if they may be trusted.

    Raises InvalidInput for what is not a network in its canonical form, cannot be anybody's source address, is named
    twice, or is too wide (see too_wide).
    """
    networks: list[Network] = []
    for cidr in cidrs:
        network = _trusted_network(cidr, argument)
        for other in networks:
            if network.version == other.version and network.overlaps(other):
                raise InvalidInput(
                    argument, cidr, f"{other} names these addresses too: name each address once"
                )
        networks.append(network)
    reason = too_wide(networks)
    if reason is not None:
        raise InvalidInput(argument, ", ".join(cidrs), reason)
    return tuple(networks)


def _trusted_network(cidr: str, argument: str) -> Network:
    if not isinstance(cidr, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(argument, cidr, "write a network as a string, such as '10.0.5.0/24'")
    try:
        network = _parse(cidr)
    except ValueError:
        raise InvalidInput(
            argument, cidr, "write a network such as '10.0.5.0/24' or '2001:db8:7::/48'"
        ) from None
    address, _, length = cidr.partition("/")
    if not length.isdecimal():
        single = f"{network.network_address}/{network.max_prefixlen}"
        raise InvalidInput(argument, cidr, f"say how wide the network is: '{single}' is this one address")
    if ipaddress.ip_address(address) != network.network_address:
        single = f"{address}/{network.max_prefixlen}"
        raise InvalidInput(
            argument,
            cidr,
            f"it has host bits set: write '{network}' for the network, '{single}' for the address",
        )
    for kind, members in _NEVER_SOURCES.items():
        for never in members:
            if network.version == never.version and network.subnet_of(never):  # pyright: ignore[reportArgumentType]
                raise InvalidInput(
                    argument, cidr, f"these are {kind} addresses, from which nothing arrives: leave it out"
                )
    return network


# Networks from which no packet reaches an interface in a VPC.
_NEVER_SOURCES: dict[str, tuple[Network, ...]] = {
    "unspecified": (ipaddress.ip_network("0.0.0.0/8"), ipaddress.ip_network("::/128")),
    "loopback": (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
    "link-local": (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10")),
    "multicast": (ipaddress.ip_network("224.0.0.0/4"), ipaddress.ip_network("ff00::/8")),
    "reserved": (ipaddress.ip_network("240.0.0.0/4"), ipaddress.ip_network("::ffff:0:0/96")),
}


def too_wide(networks: Iterable[Network]) -> str | None:
    """Why these networks together are too wide to be trusted, or None.

    Together, so that halves such as 0.0.0.0/1 and 128.0.0.0/1 are seen for what they are. Private networks are the
    organisation's own and may be of any size.
    """
    kept = list(networks)
    public_ipv4 = 0
    for network in ipaddress.collapse_addresses(n for n in kept if isinstance(n, ipaddress.IPv4Network)):
        public_ipv4 += network.num_addresses - _private_addresses(network)
    if public_ipv4 > MOST_PUBLIC_IPV4:
        return f"together they hold {public_ipv4:,} public IPv4 addresses, and at most {MOST_PUBLIC_IPV4:,} are trusted: name the networks that are yours"
    for network in ipaddress.collapse_addresses(n for n in kept if isinstance(n, ipaddress.IPv6Network)):
        private = any(network.subnet_of(p) for p in _PRIVATE if isinstance(p, ipaddress.IPv6Network))
        if not private and network.prefixlen < WIDEST_PUBLIC_IPV6:
            return f"together they hold the public IPv6 network {network}, and the widest trusted is a /{WIDEST_PUBLIC_IPV6}: name the networks that are yours"
    return None


def _private_addresses(network: ipaddress.IPv4Network) -> int:
    count = 0
    for private in _PRIVATE:
        if isinstance(private, ipaddress.IPv4Network) and network.overlaps(private):
            count += min(network.num_addresses, private.num_addresses)
    return count


def container_address_pools(avoid: Iterable[str]) -> tuple[str, list[dict[str, str | int]]]:
    """Docker's bridge address (`bip`) and `default-address-pools` that overlap none of the networks to avoid.

    A container network that covers the VPC or a trusted source would swallow the answers to it. Raises InvalidInput
    if no private network is left.
    """
    taken = [_parse(text) for text in avoid]
    free = [
        network
        for network in map(_parse, _BRIDGE_CANDIDATES)
        if not any(network.version == other.version and network.overlaps(other) for other in taken)
    ]
    if len(free) < 2:
        raise InvalidInput(
            "trusted_cidrs",
            ", ".join(map(str, taken)),
            "with the VPC's they leave no private network for containers: name the networks that are yours",
        )
    bridge, *pools = free[: _POOL_COUNT + 1]
    return f"{bridge.network_address + 1}/{bridge.prefixlen}", [
        {"base": str(pool), "size": 24} for pool in pools
    ]
