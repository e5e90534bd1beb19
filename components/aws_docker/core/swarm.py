"""Decides which rules speak of a Docker Swarm, and which sources are more than its members. Pure.

Other programs have a Swarm's ports too: VXLAN of any kind is UDP 4789, and members of other clusters gossip on 7946.
Its managers' port is a Swarm's alone. The policies and the audit ask here.
"""

from collections.abc import Iterator
from typing import Final

from .addresses import AddressSet, Network
from .ports import SWARM_MANAGEMENT_PORT

_FEW: Final = 8
"""Ports of a range that is meant for each of them."""
_SMALLEST_SUBNETS: Final = {4: 28, 6: 64}
"""Prefix lengths of the smallest subnets that AWS makes ("Subnet CIDR blocks"): what is smaller names machines."""


def names_a_swarm(ports: tuple[int, int] | None) -> bool:
    """Whether a range of TCP ports is meant for a Swarm's managers."""
    return ports is not None and ports[0] <= SWARM_MANAGEMENT_PORT <= ports[1] < ports[0] + _FEW


def more_than_members(addresses: AddressSet) -> Iterator[Network]:
    """The networks of these that are no single machines, as a Swarm's members may be named."""
    return (each for each in addresses.networks() if each.prefixlen <= _SMALLEST_SUBNETS[each.version])
