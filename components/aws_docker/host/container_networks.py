"""Chooses Docker's own networks on a host: apart from the VPC and from every trusted source. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Final

from ..core.addresses import AddressSet, Network
from ..core.errors import InvalidInput
from ..core.trust import PRIVATE

CHOSEN: Final = ("bip", "default-address-pools")
"""The options of daemon.json that are chosen here, where the user does not. A host keeps what it has of them."""

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
    bridge, *pools = _chosen(avoid)
    return (
        f"{bridge.network_address + 1}/{bridge.prefixlen}",
        [{"base": str(pool), "size": _NETWORK_SIZE} for pool in pools],
    )


def overlay_pool(avoid: Iterable[str | Network]) -> str | None:
    """Where a Swarm's overlay networks lie: apart from the networks to avoid and from those of containers. Docker's
    own choice, 10.0.0.0/8, covers most VPCs. None where no private /16 is left: then Docker chooses."""
    taken = AddressSet.of([*avoid, *_chosen(avoid)])
    free = (text for text in _CONTAINER_NETWORKS if not taken.overlaps(AddressSet.of([text])))
    return next(free, None)


def _chosen(avoid: Iterable[str | Network]) -> Sequence[Network]:
    """The bridge's network, and then the pools."""
    taken = AddressSet.of(avoid)
    free = (text for text in _CONTAINER_NETWORKS if not taken.overlaps(AddressSet.of([text])))
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
    return chosen
