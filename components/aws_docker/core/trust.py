"""Decides which networks may be trusted with a Docker host, and what is too wide for that. Pure."""

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from .addresses import EVERYWHERE, AddressSet, Network, union
from .errors import InvalidInput

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
    addresses = AddressSet.of([network])
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
