"""Decides what an instance exposes: who reaches its Docker ports, what its user-data starts there, and how bad that is.
Pure.

reach.py says who reaches a port, aws_docker.boot what user-data starts; wording.py makes findings of it. Levels: open
to the internet without TLS; open to the internet; open wider than trusted; trusted only; none. A port number proves
nothing, and 2375 is no exception: it counts as without TLS only while nothing is known that asks for a client's
certificate there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..boot import BootJudgement, judge
from ..core.addresses import AddressSet, union
from ..core.dockerd import Access, Binding, Listener
from ..core.ports import DOCKER_PLAIN_PORT, DOCKER_PORTS
from .facts import Instance, Interface, RegionFacts
from .findings import Unchecked
from .reach import Reach, Region, SourceClass, Unreadable, Way
from .swarm import SwarmOpening, swarm_openings


class Level(StrEnum):
    """How open a port is."""

    INTERNET_WITHOUT_TLS = "open-to-the-internet-without-tls"
    INTERNET = "open-to-the-internet"
    WIDER = "open-wider-than-trusted"
    TRUSTED_WITHOUT_TLS = "trusted-without-tls"
    TRUSTED = "trusted-only"
    NONE = "none"


_OPEN: Final = (Level.INTERNET_WITHOUT_TLS, Level.INTERNET, Level.WIDER, Level.TRUSTED_WITHOUT_TLS)
"""The levels that are not as they should be."""


@dataclass(frozen=True, slots=True)
class PortExposure:
    """One port of one interface: who reaches it, and what user-data starts there."""

    port: int
    level: Level
    reach: Reach
    listener: tuple[str, Listener] | None = None
    """Where in user-data, and what; the most open one where there are several."""


@dataclass(frozen=True, slots=True)
class InterfaceExposure:
    """An instance's interface."""

    account: str
    region: str
    instance: Instance
    interface: Interface
    runs_docker: bool
    ports: tuple[PortExposure, ...]

    @property
    def level(self) -> Level:
        """The worst of its ports'."""
        order = list(Level)
        return min((port.level for port in self.ports), key=order.index, default=Level.NONE)


@dataclass(frozen=True, slots=True)
class Opening:
    """Why an interface is at a level at which it should not be: the ports that are, and the ways that make them so."""

    level: Level
    exposure: InterfaceExposure
    ports: tuple[PortExposure, ...]
    ways: tuple[Way, ...]
    """Each rule and route once."""
    outside: AddressSet
    """Whom these ways admit that is not trusted."""
    arn: str
    """The interface's."""

    @property
    def listeners(self) -> tuple[tuple[str, Listener], ...]:
        """What user-data starts on the ports."""
        return tuple(port.listener for port in self.ports if port.listener)

    @property
    def wider(self) -> bool:
        """Whether somebody gets in that is not trusted; else it is what listens that is wrong."""
        return self.level is not Level.TRUSTED_WITHOUT_TLS


@dataclass(frozen=True, slots=True)
class BootExposure:
    """What is wrong with an instance's user-data, whoever reaches it."""

    instance: Instance
    arn: str
    unreached: tuple[tuple[str, Listener], ...]
    """Listeners without TLS that nothing reaches now, and where they are configured."""
    private_keys: tuple[str, ...]
    """Where private keys stand."""
    swarm_keys: tuple[str, ...] = ()
    """Where a Swarm's join tokens and unlock keys stand."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about a region."""

    region: str
    exposures: tuple[InterfaceExposure, ...] = ()
    openings: tuple[Opening, ...] = ()
    boots: tuple[BootExposure, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    swarms: tuple[SwarmOpening, ...] = ()


def judge_region(facts: RegionFacts, trusted: AddressSet, only: Iterable[str] | None = None) -> Judged:
    """Every interface of every instance (of `only` these instances) that is not terminated."""
    region = Region(facts)
    exposures: list[InterfaceExposure] = []
    openings: list[Opening] = []
    boots: list[BootExposure] = []
    unchecked: list[Unchecked] = []
    swarms: list[SwarmOpening] = []
    interfaces: dict[str, list[Interface]] = {}
    for interface in facts.interfaces:
        if interface.instance:
            interfaces.setdefault(interface.instance, []).append(interface)
    chosen = None if only is None else set(only)
    for instance in facts.instances:
        if chosen is not None and instance.id not in chosen:
            continue
        boot = judge(instance.user_data or b"")
        subject = facts.arn("instance", instance.id)
        unchecked += [Unchecked(f"user-data of {subject}", f"{reason}.") for reason in boot.unread]
        reached = False
        for interface in sorted(interfaces.get(instance.id, ()), key=lambda each: each.device):
            arn = facts.arn("network-interface", interface.id)
            try:
                exposure = _expose(facts, region, instance, interface, boot, trusted)
                swarms += swarm_openings(region, instance, interface, boot.in_swarm, trusted)
            except Unreadable as error:
                unchecked.append(Unchecked(arn, f"{error}."))
                continue
            exposures.append(exposure)
            openings += _openings(exposure, trusted, arn)
            for each in dict.fromkeys(
                sentence for port in exposure.ports for sentence in port.reach.unresolved
            ):
                unchecked.append(Unchecked(arn, f"{each}."))
            reached |= any(port.listener and port.level is not Level.NONE for port in exposure.ports)
        unreached = () if reached else tuple(without_tls(boot))
        if unreached or boot.private_keys or boot.swarm_keys:
            boots.append(BootExposure(instance, subject, unreached, boot.private_keys, boot.swarm_keys))
    return Judged(
        facts.region, tuple(exposures), tuple(openings), tuple(boots), tuple(unchecked), tuple(swarms)
    )


def _expose(
    facts: RegionFacts,
    region: Region,
    instance: Instance,
    interface: Interface,
    boot: BootJudgement,
    trusted: AddressSet,
) -> InterfaceExposure:
    listeners = _listeners(boot, interface)
    ports = tuple(
        _port(region.reach(interface, port), listeners.get(port), trusted)
        for port in sorted({*DOCKER_PORTS, *listeners})
    )
    return InterfaceExposure(facts.account, facts.region, instance, interface, boot.runs_docker, ports)


def _listeners(boot: BootJudgement, interface: Interface) -> dict[int, tuple[str, Listener]]:
    """The most open listener on each port of this interface."""
    order = list(Access)
    found: dict[int, tuple[str, Listener]] = {}
    for finding in boot.listeners:
        listener = finding.listener
        if listener.port is None or listener.binding in (Binding.MACHINE, Binding.LOOPBACK):
            continue
        # An address that another interface has is not served here; one that none has may be given later.
        known = found.get(listener.port)
        if known is None or order.index(listener.access) > order.index(known[1].access):
            found[listener.port] = (finding.where, listener)
    return found


def _port(reach: Reach, listener: tuple[str, Listener] | None, trusted: AddressSet) -> PortExposure:
    return PortExposure(reach.port, _level(reach, listener, trusted), reach, listener)


def _level(reach: Reach, listener: tuple[str, Listener] | None, trusted: AddressSet) -> Level:
    if not reach.ways:
        return Level.NONE
    unsafe = not listener[1].safe if listener else reach.port == DOCKER_PLAIN_PORT
    by_class = reach.by_class()
    internet = by_class.get(SourceClass.INTERNET)
    if internet is not None and internet - trusted:
        return Level.INTERNET_WITHOUT_TLS if unsafe else Level.INTERNET
    if reach.addresses - trusted:
        return Level.WIDER
    return Level.TRUSTED_WITHOUT_TLS if listener and unsafe else Level.TRUSTED


# --- Openings ------------------------------------------------------------------------------------------------------


def _openings(exposure: InterfaceExposure, trusted: AddressSet, arn: str) -> Iterator[Opening]:
    """One for each level: the ports that share it share most of its ways."""
    for level in _OPEN:
        if ports := tuple(port for port in exposure.ports if port.level is level):
            ways = _ways(ports, level, trusted)
            outside = union(way.addresses - trusted for way in ways)
            yield Opening(level, exposure, ports, ways, outside, arn)


def _ways(ports: Sequence[PortExposure], level: Level, trusted: AddressSet) -> tuple[Way, ...]:
    """The ways that make the level so, each rule and route once."""
    found: dict[tuple[str, str], Way] = {}
    for port in ports:
        for way in port.reach.ways:
            internet = way.source.kind is SourceClass.INTERNET
            if level in (Level.INTERNET, Level.INTERNET_WITHOUT_TLS) and not internet:
                continue
            if level is Level.TRUSTED_WITHOUT_TLS or way.addresses - trusted:
                found.setdefault((way.rule.id, way.source.via), way)
    return tuple(found.values())


def without_tls(boot: BootJudgement) -> Iterator[tuple[str, Listener]]:
    """The listeners that ask no client for a certificate, and where they are configured."""
    for found in boot.listeners:
        listener = found.listener
        if (
            not listener.safe
            and listener.access is not Access.UNREADABLE
            and listener.binding is not Binding.MACHINE
        ):
            yield found.where, listener
