"""What resources say about exposure, in one form whatever their provider: the input of every judge.

Each fact keeps what is certain apart from what is not known, so that a judge can report the one and name the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...core.networks import AclEntry, Rule
from .values import Doubt, Value


@dataclass(frozen=True, slots=True)
class Ingress:
    """A rule that lets sources in: of a security group, or what is like one."""

    where: str
    rule: Rule
    """Its certain sources, on the widest ports that it may turn out to admit."""
    sure: tuple[int, int] | None
    """The TCP ports that it admits for certain."""
    about: tuple[Doubt, ...] = ()
    """What leaves open whether it admits a port."""
    address: tuple[Doubt, ...] = ()
    """An address or a prefix list that is a source for certain, whichever it is."""
    group: tuple[Doubt, ...] = ()
    """A security group that is a source for certain, whichever it is."""
    perhaps: tuple[Doubt, ...] = ()
    """What may hold sources, or none."""


@dataclass(frozen=True, slots=True)
class AclItem:
    """An inbound entry of a network ACL."""

    where: str
    entry: AclEntry | None
    """None where something of it is not known."""
    named: bool
    """Whether it names a protocol, and so a range of ports."""
    doubts: tuple[Doubt, ...] = ()
    allow: bool = True
    """Whether it may allow."""
    ports: tuple[int, int] | None = None
    """The widest TCP ports that it may be about."""


class Forward(NamedTuple):
    """A port at which, or to which, a load balancer forwards TCP."""

    where: str
    what: str
    first: int
    last: int
    doubts: tuple[Doubt, ...] = ()


class UserData(NamedTuple):
    """A start-up document."""

    where: str
    text: str | None
    doubt: Doubt | None


class Metadata(NamedTuple):
    """How an instance's metadata service may be reached. None where it is not said."""

    where: str
    tokens: str | None
    hop_limit: str | float | None
    disabled: bool
    doubts: tuple[Doubt, ...]
    supported: bool = True
    """Whether the resource has the setting at all."""
    inherited: str | None = None
    """Where the setting comes from if it is not said here: the launch template."""


class Machine(NamedTuple):
    """An instance, or the description of some to come."""

    where: str
    user_data: tuple[UserData, ...]
    metadata: Metadata | None


@dataclass(slots=True)
class Facts:
    """All that one resource says."""

    ingress: list[Ingress] = field(default_factory=list[Ingress])
    acl: list[AclItem] = field(default_factory=list[AclItem])
    forwards: list[Forward] = field(default_factory=list[Forward])
    machines: list[Machine] = field(default_factory=list[Machine])
    unread: list[Doubt] = field(default_factory=list[Doubt])
    """What of the network could not be read at all."""
    unread_machines: list[Doubt] = field(default_factory=list[Doubt])
    """What of machines could not be read at all."""

    def known_items(self, listed: Value) -> Iterator[Value]:
        """The items of a list that are known; what is not is kept as unread."""
        if listed.doubt:
            self.unread.append(listed.doubt)
        for item in listed.each():
            if item.doubt:
                self.unread.append(item.doubt)
            else:
                yield item
