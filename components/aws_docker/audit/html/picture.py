"""Decides what a report's page draws: hosts, the worst first, and for each port its ways in and what stops the others.
Pure.

A lane is one class of sources on its way to a port: source, gateway, network ACL, rule, security group, port. Who gets
in and what stops the others has been decided by reach.py, how bad that is by exposures.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...core.addresses import EMPTY, AddressSet, union
from ...core.checks import Severity
from ..exposures import InterfaceExposure, Level, PortExposure
from ..facts import Interface
from ..findings import Finding, Report, Unchecked
from ..reach import INTERNET, Barrier, SourceClass, Stop, Way
from ..results import AuditReport, VerifyReport

_MOST_NETWORKS: Final = 3
_MOST_LISTED: Final = 6

_WHO: Final = {
    SourceClass.INTERNET: "the internet",
    SourceClass.SUBNET: "this subnet",
    SourceClass.VPC: "this VPC",
    SourceClass.PEERING: "a peered VPC",
    SourceClass.TRANSIT_GATEWAY: "behind a transit gateway",
    SourceClass.VPN: "behind a VPN",
    SourceClass.OTHER: "behind another target",
}
_SEVERITIES: Final = {
    Level.INTERNET_WITHOUT_TLS: Severity.CRITICAL,
    Level.INTERNET: Severity.HIGH,
    Level.WIDER: Severity.MEDIUM,
    Level.TRUSTED_WITHOUT_TLS: Severity.MEDIUM,
}


class State(StrEnum):
    """What becomes of packets at a node."""

    PASSES = "passes"
    STOPS = "stops"
    BEYOND = "beyond"
    """They never come so far."""


@dataclass(frozen=True)
class Node:
    """One thing on the way."""

    kind: str
    title: str
    details: tuple[str, ...]
    state: State = State.PASSES


@dataclass(frozen=True)
class Lane:
    """A class of sources, on its way to a port."""

    who: str
    nodes: tuple[Node, ...]
    trusted: bool = True
    """Whether all who get in are trusted."""

    @property
    def arrives(self) -> bool:
        return all(node.state is State.PASSES for node in self.nodes)

    @property
    def label(self) -> str:
        """The lane in one sentence, for who does not see it."""
        stop = next((node for node in self.nodes if node.state is State.STOPS), None)
        port = self.nodes[-1].title
        if stop is None:
            return f"{self.who} reaches {port}" + (", and is trusted" if self.trusted else "")
        return f"{self.who} does not reach {port}: {'; '.join(stop.details)}"


@dataclass(frozen=True)
class Port:
    """One port of a host."""

    title: str
    severity: str
    """Empty where nothing is wrong with it."""
    level: str
    listener: str
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Host:
    """An instance's interface."""

    name: str
    ids: tuple[str, ...]
    addresses: tuple[str, ...]
    place: str
    severity: str
    ports: tuple[Port, ...]
    findings: tuple[Finding, ...]
    intent: str = ""
    """What a stack intends for it, where there is one."""


@dataclass(frozen=True)
class Picture:
    """All that a page shows."""

    hosts: tuple[Host, ...]
    """Who is reached, or serves; or has findings."""
    quiet: tuple[Host, ...]
    """Whom nobody reaches, and of whom nothing is wrong."""
    others: tuple[Finding, ...]
    """Findings that are no drawn host's."""
    unchecked: Sequence[Unchecked]
    counts: tuple[tuple[str, int], ...]
    """Findings by severity; zeroes, too."""
    scope: str
    trusted: str


def picture(report: Report) -> Picture:
    """What the page of a report draws."""
    hosts: list[Host] = []
    scope = trusted = ""
    if isinstance(report, AuditReport):
        hosts = [_host(exposure, report.findings, report.trusted) for exposure in report.exposures]
        scope = ", ".join(f"account {account} in {region}" for account, region in report.scope)
        trusted = report.trusted.summary(8) or "nobody was named"
    elif isinstance(report, VerifyReport):
        for host in report.hosts:
            intent = f"{host.intent.name} intends {host.intended.summary(_MOST_NETWORKS) or 'nobody'}"
            hosts += [_host(exposure, report.findings, host.intended, intent) for exposure in host.exposures]
        scope = ", ".join(sorted({f"account {h.intent.account} in {h.intent.region}" for h in report.hosts}))
        trusted = "whom the stack intends"
    order = [*map(str, Severity), ""]
    loud = sorted(filter(_is_loud, hosts), key=lambda host: (order.index(host.severity), host.name))
    drawn = {id(finding) for host in hosts for finding in host.findings}
    number = [sum(finding.severity is severity for finding in report.findings) for severity in Severity]
    return Picture(
        tuple(loud),
        tuple(host for host in hosts if not _is_loud(host)),
        tuple(finding for finding in report.findings if id(finding) not in drawn),
        report.unchecked,
        tuple(zip(map(str, Severity), number, strict=True)),
        scope,
        trusted,
    )


def _is_loud(host: Host) -> bool:
    return bool(host.findings) or any(
        port.listener or any(lane.arrives for lane in port.lanes) for port in host.ports
    )


def _host(
    exposure: InterfaceExposure, findings: Sequence[Finding], trusted: AddressSet, intent: str = ""
) -> Host:
    instance, interface = exposure.instance, exposure.interface
    ends = (f"/{instance.id}", f"/{interface.id}")
    # A subject is an ARN, and what is said of it may follow.
    own = tuple(each for each in findings if each.subject.partition(" ")[0].endswith(ends))
    worst = min((list(Severity).index(each.severity) for each in own), default=None)
    state = "" if instance.state == "running" else f", {instance.state}"
    return Host(
        instance.name or instance.id,
        (instance.id, interface.id),
        (*interface.public, *interface.private, *interface.ipv6),
        f"{exposure.region}, account {exposure.account}{state}",
        "" if worst is None else str(list(Severity)[worst]),
        tuple(_port(interface, port, trusted) for port in exposure.ports),
        own,
        intent,
    )


def _port(interface: Interface, port: PortExposure, trusted: AddressSet) -> Port:
    by_source: dict[tuple[SourceClass, str], list[Way]] = {}
    for way in port.reach.ways:
        by_source.setdefault((way.source.kind, way.source.via), []).append(way)
    lanes = [
        *(
            Lane(_WHO[ways[0].source.kind], tuple(_nodes(interface, port, ways)), not _strange(ways, trusted))
            for ways in by_source.values()
        ),
        *(_stopped(interface, port, stop) for stop in port.reach.stops),
    ]
    # The internet first, those who get in before those who don't, and among them the strangers.
    order = list(_WHO.values())
    lanes.sort(key=lambda lane: (not lane.arrives, lane.trusted, order.index(lane.who)))
    served = port.listener
    return Port(
        f"TCP {port.port}",
        str(_SEVERITIES.get(port.level, "")),
        str(port.level).replace("-", " "),
        f"{served[1]}: {served[1].reason} ({served[0]})" if served else "",
        tuple(lanes),
    )


def _strange(ways: Sequence[Way], trusted: AddressSet) -> bool:
    return any(way.addresses - trusted for way in ways)


def _nodes(interface: Interface, port: PortExposure, ways: Sequence[Way]) -> Iterator[Node]:
    """The way of one class of sources, by whichever rules let some of it in."""
    source = ways[0].source
    yield Node("source", _WHO[source.kind], (_addresses(interface, ways),))
    inside = source.kind in (SourceClass.SUBNET, SourceClass.VPC)
    lead = ", ".join((*interface.public, *interface.ipv6)) or ", ".join(interface.private)
    yield Node("gateway", source.via, ("stays inside" if inside else f"leads to {lead}",))
    passages = [way.acl for way in ways if way.acl is not None]
    if passages:
        numbers = sorted({each.number for each in passages if each.number is not None})
        let_in = f"rule {', '.join(map(str, numbers))} lets them in" if numbers else "lets them in"
        low = (
            ("answers get out to low client ports only",)
            if any(each.low_ports_only for each in passages)
            else ()
        )
        yield Node("network ACL", passages[0].acl, (let_in, *low))
    else:
        yield Node("network ACL", "none", ("nothing inside a subnet meets one",))
    rules = {way.rule.id: f"allows {way.rule.source} on {_ports(way)}" for way in ways}
    title = next(iter(rules)) if len(rules) == 1 else f"{len(rules)} rules"
    said = list(rules.values()) if len(rules) == 1 else [f"{each} {text}" for each, text in rules.items()]
    more = (f"and {len(said) - _MOST_LISTED} more, which --json lists",) if len(said) > _MOST_LISTED else ()
    yield Node("rule", title, (*said[:_MOST_LISTED], *more))
    groups = dict.fromkeys(way.rule.group for way in ways)
    yield Node("security group", ", ".join(groups), (f"of {interface.id}",))
    listens = str(port.listener[1].access) if port.listener else "what listens is not in user-data"
    yield Node("port", f"TCP {port.port}", (listens,))


def _addresses(interface: Interface, ways: Sequence[Way]) -> str:
    """Who gets in, in few words: all of the internet by its name, and a subnet without the interface's own hole."""
    kind = ways[0].source.kind
    own = AddressSet.of((*interface.private, *interface.ipv6))
    addresses = union(way.addresses for way in ways)
    if kind is SourceClass.SUBNET:
        for family, hole in ((addresses.ipv4, own.ipv4), (addresses.ipv6, own.ipv6)):
            addresses |= hole if family else EMPTY
        return addresses.summary(_MOST_NETWORKS)
    if kind is not SourceClass.INTERNET:
        return addresses.summary(_MOST_NETWORKS)
    families: list[str] = []
    for name, whole in (("IPv4", INTERNET.ipv4), ("IPv6", INTERNET.ipv6)):
        if whole <= addresses | own:
            families.append(name)
            addresses -= whole
    everybody = f"everybody ({', '.join(families)})" if families else ""
    return ", ".join(filter(None, (everybody, addresses.summary(_MOST_NETWORKS))))


def _ports(way: Way) -> str:
    first, last = way.rule.rule.ports or (0, 0)
    if (first, last) == (0, 65_535):
        return "every port"
    return str(first) if first == last else f"{first} to {last}"


# --- Who is stopped -------------------------------------------------------------------------------------------------

_STOPPED_AT: Final = {Barrier.ADDRESS: 1, Barrier.ROUTE: 1, Barrier.ACL: 2, Barrier.RULE: 3}
_BECAUSE: Final = {
    Barrier.ADDRESS: "the interface has no public address",
    Barrier.ROUTE: "no route leads there",
    Barrier.ACL: "the network ACL lets nobody in, or no answer out",
    Barrier.RULE: "no rule of a security group names them",
}


def _stopped(interface: Interface, port: PortExposure, stop: Stop) -> Lane:
    acl = "none" if stop.kind is SourceClass.SUBNET else stop.acl
    on_the_way = (
        ("source", _WHO[stop.kind]),
        ("gateway", stop.via or "no way"),
        ("network ACL", acl),
        ("rule", "no rule"),
        ("security group", ", ".join(interface.groups)),
        ("port", f"TCP {port.port}"),
    )
    at = _STOPPED_AT[stop.barrier]
    last = len(on_the_way) - 1
    nodes = [
        Node(
            kind,
            # What they would meet further on is nobody's to say.
            title if place <= at or place == last else "",
            (_BECAUSE[stop.barrier],) if place == at else (),
            State.STOPS if place == at else State.PASSES if place < at else State.BEYOND,
        )
        for place, (kind, title) in enumerate(on_the_way)
    ]
    return Lane(_WHO[stop.kind], tuple(nodes))
