"""Decides which ports containers may publish to the trusted sources: none that is Docker's own. Pure.

Who the sources are is access.py's; security_group.py and the host's firewall (agent.py) open the ports to them alone.
"""

from collections.abc import Sequence

from ..core.errors import InvalidInput
from ..core.ports import DOCKERS_OWN

_ARGUMENT = "published_ports"


def bounds(port: str) -> tuple[int, int]:
    """The first and last port of `8080` or `32768-60999`."""
    first, _, last = port.partition("-")
    return int(first), int(last or first)


def check_ports(ports: Sequence[str]) -> None:
    """Raises InvalidInput for a port that is none, that is Docker's or Swarm's, or that is named twice."""
    seen: list[str] = []
    for port in ports:
        first, last = bounds(port)
        if not 1 <= first <= last <= 65535 or port != (str(first) if first == last else f"{first}-{last}"):
            hint = "give a port from 1 to 65535, or the first and last of a range, the smaller one first"
            raise InvalidInput(_ARGUMENT, port, hint)
        for own, whose in DOCKERS_OWN.items():
            if first <= own <= last:
                hint = (
                    f"leave TCP {own} out of it" if first < last else "publish the container on another port"
                )
                raise InvalidInput(_ARGUMENT, port, hint, f"holds TCP {own}, which is {whose}")
        for other in seen:
            if first <= bounds(other)[1] and bounds(other)[0] <= last:
                raise InvalidInput(_ARGUMENT, port, "name each port once", f"overlaps {other}")
        seen.append(port)
