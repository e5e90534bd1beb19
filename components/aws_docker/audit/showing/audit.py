"""What `aws-docker audit` shows beside its findings: who reaches each port of each interface."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from ...core.addresses import AddressSet
from ...core.dockerd import Listener
from ..exposures import InterfaceExposure, PortExposure
from ..reach import INTERNET, Passage, SourceClass
from ..results import AuditReport
from .parts import table


def details(report: AuditReport) -> dict[str, Any]:
    """What the audit alone has to say, as JSON."""
    return {
        "trusted": list(report.trusted.cidrs()),
        "scope": [{"account": account, "region": region} for account, region in report.scope],
        "skipped": [{"account": account, "region": region} for account, region in report.skipped],
        "interfaces": [_interface(each) for each in report.exposures],
        "workloads": [
            {
                "kind": each.kind,
                "arn": each.arn,
                "runs_docker": each.runs_docker,
                "listeners": [_listener(*found) for found in each.unsafe],
            }
            for each in report.workloads
        ],
    }


def tables(report: AuditReport) -> Iterable[Table | str]:
    """The same for people: a line for each port that somebody reaches, or that user-data serves."""
    headings = ("instance", "interface", "region", "port", "who reaches it", "user-data", "level")
    rows = [
        (
            escape(each.instance.name or each.instance.id),
            each.interface.id,
            each.region
            if len({account for account, _ in report.scope}) < 2
            else f"{each.account} {each.region}",
            str(port.port),
            escape(_who(port, AddressSet.of((*each.interface.private, *each.interface.ipv6)))),
            escape(str(port.listener[1].access) if port.listener else ""),
            str(port.level),
        )
        for each in report.exposures
        for port in each.ports
        if port.reach.ways or port.listener
    ]
    quiet = len(report.exposures) - len({(row[1], row[2]) for row in rows})
    if rows:
        yield table("By AWS's configuration", headings, rows)
    interfaces, regions = _count(report.exposures, "interface"), _count(report.scope, "region")
    yield f"{interfaces} of instances in {regions}; nobody reaches {quiet:,} of them"
    if report.workloads:
        kinds = Counter(each.kind for each in report.workloads)
        counted = ", ".join(
            f"{count:,} {kind}" + ("s" if count != 1 else "") for kind, count in kinds.items()
        )
        yield f"read besides: {counted.replace('task-definition', 'task definition')}"
    if report.skipped:
        names = ", ".join(dict.fromkeys(region for _, region in report.skipped))
        yield f"skipped, as --skip-region names them: {names}"


def _who(port: PortExposure, own: AddressSet) -> str:
    """Who reaches a port, by class; the internet by its name where it is all of it."""
    shown: list[str] = []
    everybody = port.reach.addresses | own
    for kind, addresses in sorted(
        port.reach.by_class().items(), key=lambda item: list(SourceClass).index(item[0])
    ):
        families: list[str] = []
        # Nobody is a source for itself: a hole in every list, which says nothing.
        rest = addresses | own if kind is SourceClass.SUBNET else addresses
        if kind is SourceClass.INTERNET:
            if INTERNET.ipv4 <= everybody:
                families, rest = ["IPv4"], rest.ipv6
            if INTERNET.ipv6 <= everybody:
                families, rest = [*families, "IPv6"], rest.ipv4
        if families:
            shown.append(f"the whole internet ({', '.join(families)})")
        if rest:
            shown.append(f"{kind}: {rest.summary(3)}")
    return "; ".join(shown) or "nobody"


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things):,} {noun}" + ("s" if len(things) != 1 else "")


def _interface(exposure: InterfaceExposure) -> dict[str, Any]:
    return {
        "account": exposure.account,
        "region": exposure.region,
        "instance": exposure.instance.id,
        "name": exposure.instance.name,
        "state": exposure.instance.state,
        "interface": exposure.interface.id,
        "private": list(exposure.interface.private),
        "public": list(exposure.interface.public),
        "ipv6": list(exposure.interface.ipv6),
        "runs_docker": exposure.runs_docker,
        "level": str(exposure.level),
        "ports": [_port(port) for port in exposure.ports],
    }


def _port(port: PortExposure) -> dict[str, Any]:
    return {
        "port": port.port,
        "level": str(port.level),
        "sources": list(port.reach.addresses.cidrs()),
        "ways": [
            {
                "class": str(way.source.kind),
                "via": way.source.via,
                "group": way.rule.group,
                "rule": way.rule.id,
                "names": way.rule.source,
                "acl": None if way.acl is None else _passage(way.acl),
                "sources": list(way.addresses.cidrs()),
            }
            for way in port.reach.ways
        ],
        "unresolved": list(port.reach.unresolved),
        "listener": None if port.listener is None else _listener(*port.listener),
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {"id": passage.acl, "entry": passage.number, "low_ports_only": passage.low_ports_only}


def _listener(where: str, listener: Listener) -> dict[str, Any]:
    return {
        "where": where,
        "listens": str(listener),
        "access": str(listener.access),
        "binding": str(listener.binding),
        "reason": listener.reason,
    }
