"""What resources say about exposure, in one form whatever their provider: the input of every judge.

Each fact keeps what is certain apart from what is not known, so that a judge can report the one and name the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

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
    sure_udp: tuple[int, int] | None = None
    """The UDP ports that it admits for certain."""


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
    """A port at which, or to which, TCP is forwarded: by a load balancer, or by what is like one."""

    where: str
    what: str
    first: int
    last: int
    doubts: tuple[Doubt, ...] = ()
    by: str = "the load balancer"
    hides_client: bool = True
    """Whether the daemon sees the forwarder in place of the client."""


DESCRIBERS: Final = "every process on the machine and everybody with ec2:DescribeInstanceAttribute"
"""Who reads user-data."""


class UserData(NamedTuple):
    """A document that machines run: at their start, or when somebody sends it to them."""

    where: str
    text: str | None
    """What of it is known."""
    doubt: Doubt | None
    readers: str | None = DESCRIBERS
    """Who can read it beside those who run it; None where nobody else can."""
    has_lines: bool = True
    """Whether it stands in the resource as it is judged, so that a line can be found in it."""
    elsewhere: tuple[Doubt, ...] = ()
    """What it runs that stands elsewhere."""


class Port(NamedTuple):
    """A port that a container publishes."""

    where: str
    address: str
    """Of the host; empty for all."""
    outside: int | None
    """None for one that is chosen when the container starts, or not known."""
    inside: int


class Container(NamedTuple):
    """A container to be run. What is not known of it is left out, and named in `doubts` where it decides."""

    where: str
    image: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    ports: tuple[Port, ...] = ()
    every_port: bool = False
    """Whether all that its image exposes is published."""
    mounts: tuple[str, ...] = ()
    """Such as `/var/run/docker.sock:/var/run/docker.sock`."""
    shares_network: bool = False
    """Whether all of its listeners are reached from outside: on the host's network, or on an interface of its own."""
    privileged: bool = False
    doubts: tuple[Doubt, ...] = ()


class Client(NamedTuple):
    """A Docker provider: whom it speaks to, and with which certificates."""

    host: Value
    certificate_path: Value
    materials: tuple[Value, ...]


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
    containers: list[Container] = field(default_factory=list[Container])
    clients: list[Client] = field(default_factory=list[Client])
    ignored: list[str] = field(default_factory=list[str])
    """Properties that policies judge and whose changes are ignored."""
    unread: list[Doubt] = field(default_factory=list[Doubt])
    """What of the network could not be read at all."""
    unread_machines: list[Doubt] = field(default_factory=list[Doubt])
    """What of machines could not be read at all."""
    unread_documents: list[Doubt] = field(default_factory=list[Doubt])
    """What of documents that are sent to machines could not be read at all."""
    unread_containers: list[Doubt] = field(default_factory=list[Doubt])
    """What of containers could not be read at all."""
    unread_clients: list[Doubt] = field(default_factory=list[Doubt])
    """What of Docker's clients could not be read at all."""

    def known_items(self, listed: Value) -> Iterator[Value]:
        """The items of a list that are known; what is not is kept as unread."""
        if listed.doubt:
            self.unread.append(listed.doubt)
        for item in listed.each():
            if item.doubt:
                self.unread.append(item.doubt)
            else:
                yield item
