"""Decides what a probe is asked to touch: addresses, ports and names, one after the other, however many there are.

Resolves names; sends nothing.
"""

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from ..core.addresses import Address, Network
from ..core.errors import InvalidInput
from ..core.ports import DOCKER_PORTS

MOST_ADDRESSES: Final = 65_536
"""How many addresses a probe takes without being told that it is meant: a /16."""


class Endpoint(NamedTuple):
    """One address and port, and the name by which it was asked for."""

    address: str
    port: int
    name: str

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """What one argument names: a network, or the addresses of a host."""

    hosts: tuple[Network | Address, ...]
    ports: tuple[int, ...]
    name: str | None = None
    """A DNS name, where one was given: certificates are checked for it."""

    @property
    def addresses(self) -> int:
        """How many addresses it holds."""
        return sum(1 if isinstance(host, Address) else host.num_addresses for host in self.hosts)

    def endpoints(self) -> Iterator[Endpoint]:
        """Every address and port, made as they are asked for."""
        for host in self.hosts:
            for address in [host] if isinstance(host, Address) else host:
                text = str(address)
                for port in self.ports:
                    yield Endpoint(text, port, self.name or text)


def parse_target(text: str, ports: Sequence[int] = DOCKER_PORTS) -> Target:
    """A target as people write it: an address, a network, or a name; with a port, or as `tcp://`.

    Raises InvalidInput for what is none, and for a name without an address.
    """
    given = text.strip()
    scheme, separator, rest = given.rpartition("://")
    if separator and scheme not in ("tcp", "http", "https"):
        raise InvalidInput("target", text, "write an address, a network, a name, or tcp://ADDRESS:PORT")
    rest = rest.rstrip("/") if separator else rest
    host, port = _split(rest, text)
    chosen = tuple(ports) if port is None else (port,)
    try:
        if "/" in host:
            return Target((ipaddress.ip_network(host),), chosen)
        return Target((ipaddress.ip_address(host),), chosen)
    except ValueError as error:
        if "/" in host or not host or host.replace(".", "").isdigit():
            raise InvalidInput(
                "target",
                text,
                "write one such as 10.0.5.10, 10.0.5.0/24 or host:2376",
                f"is no target ({error})",
            ) from None
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidInput("target", text, "check the name, or write an address", "has no address") from None
    addresses = dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    return Target(tuple(addresses), chosen, host)


def _split(rest: str, text: str) -> tuple[str, int | None]:
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        if port and not port.startswith(":"):
            host = host + port  # [2001:db8::]/64
            port = ""
        port = port.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    if port and not (port.isdecimal() and 0 < int(port) < 65_536):
        raise InvalidInput("target", text, "write a port from 1 to 65535", f"has the port {port!r}")
    return host, int(port) if port else None


def count_addresses(targets: Iterable[Target]) -> int:
    """How many addresses these targets hold together; what stands twice counts twice."""
    return sum(target.addresses for target in targets)


def every_endpoint(targets: Iterable[Target]) -> Iterator[Endpoint]:
    """The endpoints of all targets, made as they are asked for."""
    return chain.from_iterable(target.endpoints() for target in targets)
