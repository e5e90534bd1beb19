"""Decides what an instance exposes: who reaches its Docker ports, what its user-data starts there, and how bad that is.
Pure.

reach.py says who reaches a port, aws_docker.boot what user-data starts. Ranked: open to the internet without TLS; open
to the internet; open wider than trusted; trusted only; none. A port number proves nothing, and 2375 is no exception:
it counts as without TLS only while nothing is known that asks for a client's certificate there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..boot import BootJudgement, judge
from ..core.addresses import AddressSet
from ..core.dockerd import Access, Binding, Listener
from ..core.ports import DOCKER_PORTS
from .facts import Instance, Interface, RegionFacts
from .findings import Finding, Rank, Unchecked
from .reach import Reach, Region, SourceClass, Unreadable, Way

_MOST_WAYS: Final = 8
_MOST_NETWORKS: Final = 4


class Level(StrEnum):
    """How open a port is."""

    INTERNET_WITHOUT_TLS = "open-to-the-internet-without-tls"
    INTERNET = "open-to-the-internet"
    WIDER = "open-wider-than-trusted"
    TRUSTED_WITHOUT_TLS = "trusted-without-tls"
    TRUSTED = "trusted-only"
    NONE = "none"


_RANKS: Final = {
    Level.INTERNET_WITHOUT_TLS: Rank.CRITICAL,
    Level.INTERNET: Rank.HIGH,
    Level.WIDER: Rank.MEDIUM,
    Level.TRUSTED_WITHOUT_TLS: Rank.MEDIUM,
}


@dataclass(frozen=True, slots=True)
class PortExposure:
    """One port of one interface: who reaches it, and what user-data starts there."""

    port: int
    level: Level
    reach: Reach
    listener: tuple[str, Listener] | None = None
    """Where in user-data, and what; the most open one where there are several."""


@dataclass(frozen=True, slots=True)
class Exposure:
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
class Judged:
    """What was decided about a region."""

    exposures: tuple[Exposure, ...] = ()
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()


def judge_region(facts: RegionFacts, trusted: AddressSet, only: Iterable[str] | None = None) -> Judged:
    """Every interface of every instance (of `only` these instances) that is not terminated."""
    region = Region(facts)
    exposures: list[Exposure] = []
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
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
            try:
                exposure = _expose(facts, region, instance, interface, boot, trusted)
            except Unreadable as error:
                unchecked.append(Unchecked(facts.arn("network-interface", interface.id), f"{error}."))
                continue
            exposures.append(exposure)
            findings += _reach_findings(facts, exposure, trusted)
            for each in dict.fromkeys(
                sentence for port in exposure.ports for sentence in port.reach.unresolved
            ):
                unchecked.append(Unchecked(facts.arn("network-interface", interface.id), f"{each}."))
            reached |= any(port.listener and port.level is not Level.NONE for port in exposure.ports)
        findings += _user_data_findings(instance, boot, subject, reached)
    return Judged(tuple(exposures), tuple(findings), tuple(unchecked))


def _expose(
    facts: RegionFacts,
    region: Region,
    instance: Instance,
    interface: Interface,
    boot: BootJudgement,
    trusted: AddressSet,
) -> Exposure:
    listeners = _listeners(boot, interface)
    ports = tuple(
        _port(region.reach(interface, port), listeners.get(port), trusted)
        for port in sorted({*DOCKER_PORTS, *listeners})
    )
    return Exposure(facts.account, facts.region, instance, interface, boot.runs_docker, ports)


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
    unsafe = not listener[1].safe if listener else reach.port == 2375
    by_class = reach.by_class()
    internet = by_class.get(SourceClass.INTERNET)
    if internet is not None and internet - trusted:
        return Level.INTERNET_WITHOUT_TLS if unsafe else Level.INTERNET
    if reach.addresses - trusted:
        return Level.WIDER
    return Level.TRUSTED_WITHOUT_TLS if listener and unsafe else Level.TRUSTED


# --- Findings ------------------------------------------------------------------------------------------------------


def _reach_findings(facts: RegionFacts, exposure: Exposure, trusted: AddressSet) -> Iterable[Finding]:
    """One finding for each level: the ports that share it share most of its paths."""
    for level, rank in _RANKS.items():
        ports = [port for port in exposure.ports if port.level is level]
        if not ports:
            continue
        ways = _ways(ports, level, trusted)
        path = [_step(exposure, way) for way in ways[:_MOST_WAYS]]
        if len(ways) > _MOST_WAYS:
            path.append(f"and {len(ways) - _MOST_WAYS} more rules and routes, which --json lists")
        path += [f"{where}: {listener}: {listener.reason}" for where, listener in _shown(ports)]
        yield Finding(
            str(level),
            rank,
            facts.arn("network-interface", exposure.interface.id),
            _message(exposure, level, ports, ways, trusted),
            tuple(path),
            _close(facts, level, ways),
        )


def _ways(ports: Sequence[PortExposure], level: Level, trusted: AddressSet) -> list[Way]:
    """The ways that make the level so, each rule and route once."""
    found: dict[tuple[str, str], Way] = {}
    for port in ports:
        for way in port.reach.ways:
            internet = way.source.kind is SourceClass.INTERNET
            if level in (Level.INTERNET, Level.INTERNET_WITHOUT_TLS) and not internet:
                continue
            if level is Level.TRUSTED_WITHOUT_TLS or way.addresses - trusted:
                found.setdefault((way.rule.id, way.source.via), way)
    return list(found.values())


def _shown(ports: Sequence[PortExposure]) -> list[tuple[str, Listener]]:
    return [port.listener for port in ports if port.listener]


def _step(exposure: Exposure, way: Way) -> str:
    first, last = way.rule.rule.ports or (0, 0)
    ports = (
        "every port" if (first, last) == (0, 65_535) else str(first) if first == last else f"{first}-{last}"
    )
    steps = [f"{way.rule.group} rule {way.rule.id} allows {way.rule.source} on {ports}"]
    if way.acl:
        steps.append(way.acl)
    match way.source.kind:
        case SourceClass.INTERNET:
            lead = ", ".join((*exposure.interface.public, *exposure.interface.ipv6))
            steps.append(f"{way.source.via} leads to {lead}")
        case SourceClass.SUBNET:
            steps.append(f"inside {way.source.via}")
        case SourceClass.VPC:
            steps.append(f"inside {way.source.via}")
        case kind:
            steps.append(f"{way.source.via} ({kind})")
    return " → ".join(steps)


def _message(
    exposure: Exposure, level: Level, ports: Sequence[PortExposure], ways: Sequence[Way], trusted: AddressSet
) -> str:
    instance, interface = exposure.instance, exposure.interface
    what = (
        f"{instance.name} ({instance.id}, {interface.id})"
        if instance.name
        else f"{instance.id} ({interface.id})"
    )
    named = " and ".join(str(port.port) for port in ports)
    state = "" if instance.state == "running" else f", which is {instance.state},"
    who = {
        Level.INTERNET: "The internet reaches",
        Level.INTERNET_WITHOUT_TLS: "The internet reaches",
        Level.TRUSTED_WITHOUT_TLS: "Trusted sources reach",
    }.get(level) or f"{_some(_outside(ways, trusted))}, which no --trusted names, reach"
    listening = _shown(ports)
    if any(not listener.safe for _, listener in listening):
        what_for = ", where user-data starts a Docker API that asks no client for a certificate"
    elif level is Level.INTERNET_WITHOUT_TLS:
        what_for = ", the port of the Docker API without TLS"
    else:
        what_for = ""
    return f"{who} TCP {named} of {what}{state}{what_for}."


def _outside(ways: Sequence[Way], trusted: AddressSet) -> AddressSet:
    found = AddressSet()
    for way in ways:
        found |= way.addresses - trusted
    return found


def _some(addresses: AddressSet) -> str:
    """The first networks of a set, for people."""
    networks = addresses.networks()
    shown = [str(network) for _, network in zip(range(_MOST_NETWORKS), networks, strict=False)]
    more = next(networks, None) is not None
    return ", ".join(shown) + (" and others" if more else "")


def _close(facts: RegionFacts, level: Level, ways: Sequence[Way]) -> tuple[str, ...]:
    if level is Level.TRUSTED_WITHOUT_TLS:
        return (
            "start dockerd with --tlsverify, --tlscacert, --tlscert and --tlskey beside -H (docs/how-it-works.md)",
        )
    rules = dict.fromkeys((way.rule.group, way.rule.id) for way in ways)
    return tuple(
        f"aws ec2 revoke-security-group-ingress --region {facts.region} --group-id {group} "
        f"--security-group-rule-ids {rule}"
        for group, rule in rules
    )


def _user_data_findings(
    instance: Instance, boot: BootJudgement, subject: str, reached: bool
) -> Iterable[Finding]:
    what = f"{instance.name} ({instance.id})" if instance.name else instance.id
    unsafe = [
        finding
        for finding in boot.listeners
        if not finding.listener.safe
        and finding.listener.access is not Access.UNREADABLE
        and finding.listener.binding is not Binding.MACHINE
    ]
    if unsafe and not reached:
        message = f"User-data of {what} starts a Docker API that asks no client for a certificate; nothing reaches it."
        path = tuple(f"{each.where}: {each.listener}: {each.listener.reason}" for each in unsafe)
        yield Finding("listener-without-tls", Rank.LOW, subject, message, path)
    if boot.private_keys:
        # Where it stands, never what it is.
        path = tuple(str(where) for where in boot.private_keys)
        yield Finding(
            "private-key-in-user-data",
            Rank.MEDIUM,
            subject,
            f"User-data of {what} holds a private key.",
            path,
        )
