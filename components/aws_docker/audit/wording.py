"""Makes findings of what was judged of instances: the sentence, the ways as steps, and the commands that close them.
Pure.

Whether something is a finding has been decided by exposures.py; how a finding is shown is for report.py and sarif.py.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ..core.checks import Severity
from ..core.dockerd import Listener
from ..core.ports import Transport
from .exposures import BootExposure, Judged, Level, Opening
from .facts import Instance, Interface
from .findings import Closing, Finding, Step, StepKind
from .reach import FIRST_EPHEMERAL, SourceClass, Way
from .swarm import SwarmLevel, SwarmOpening

_SEVERITIES: Final = {
    Level.INTERNET_WITHOUT_TLS: Severity.CRITICAL,
    Level.INTERNET: Severity.HIGH,
    Level.WIDER: Severity.MEDIUM,
    Level.TRUSTED_WITHOUT_TLS: Severity.MEDIUM,
}
_MOST_NETWORKS: Final = 4


def audit_findings(judged: Judged) -> Iterator[Finding]:
    """What the audit finds in a region."""
    for opening in judged.openings:
        yield opening_finding(opening, judged.region, ", which no --trusted names,")
    yield from swarm_findings(judged)
    yield from boot_findings(judged)


def swarm_findings(judged: Judged) -> Iterator[Finding]:
    """Who reaches a Swarm's ports beside its members."""
    for opening in judged.swarms:
        yield Finding(
            str(opening.level),
            Severity.HIGH if opening.certain and opening.level is SwarmLevel.INTERNET else Severity.MEDIUM,
            opening.arn,
            _swarm_sentence(opening),
            tuple(_path(opening.interface, way, transport) for transport, way in opening.ways),
            close=_revoke([way for _, way in opening.ways], judged.region),
        )


def opening_finding(opening: Opening, region: str, whose: str) -> Finding:
    """An opening as a finding; `whose` is said of the addresses that get in and are not trusted."""
    return Finding(
        str(opening.level),
        _SEVERITIES[opening.level],
        opening.arn,
        _sentence(opening, whose),
        tuple(_path(opening.exposure.interface, way) for way in opening.ways),
        tuple(listens(where, listener) for where, listener in opening.listeners),
        _close(opening.level, opening.ways, region),
    )


def boot_findings(judged: Judged) -> Iterator[Finding]:
    """What is wrong with the user-data of a region's instances."""
    for boot in judged.boots:
        yield from _boot_findings(boot)


def _sentence(opening: Opening, whose: str) -> str:
    instance, interface = opening.exposure.instance, opening.exposure.interface
    what, state = _place(instance, interface)
    ports = " and ".join(str(port.port) for port in opening.ports)
    match opening.level:
        case Level.INTERNET | Level.INTERNET_WITHOUT_TLS:
            who = "The internet reaches"
        case Level.TRUSTED_WITHOUT_TLS:
            who = "Trusted sources reach"
        case _:
            who = f"{opening.outside.summary(_MOST_NETWORKS, ' and others')}{whose} reach"
    if any(not listener.safe for _, listener in opening.listeners):
        what_for = ", where user-data starts a Docker API that asks no client for a certificate"
    elif opening.level is Level.INTERNET_WITHOUT_TLS:
        what_for = ", the port of the Docker API without TLS"
    else:
        what_for = ""
    return f"{who} TCP {ports} of {what}{state}{what_for}."


def _swarm_sentence(opening: SwarmOpening) -> str:
    what, state = _place(opening.instance, opening.interface)
    ports = " and ".join(f"{transport.upper()} {port}" for transport, port in opening.ports)
    if opening.level is SwarmLevel.INTERNET:
        who = "The internet reaches"
    else:
        who = (
            f"{opening.outside.summary(_MOST_NETWORKS, ' and others')}, which are no group of members, reach"
        )
    sure = (
        "" if opening.certain else "; nothing says that it is in one, and other programs use these ports, too"
    )
    return f"{who} {ports} of {what}{state}, a Docker Swarm's{sure}."


def _place(instance: Instance, interface: Interface) -> tuple[str, str]:
    """An interface in a sentence, and what is to be said of its instance's state."""
    named = f"{instance.name} ({instance.id}, {interface.id})"
    state = "" if instance.state == "running" else f", which is {instance.state},"
    return (named if instance.name else f"{instance.id} ({interface.id})"), state


def _path(interface: Interface, way: Way, transport: Transport = "tcp") -> tuple[Step, ...]:
    rule = way.rule
    first, last = (rule.rule.ports if transport == "tcp" else rule.rule.udp) or (0, 0)
    ports = (
        "every port" if (first, last) == (0, 65_535) else str(first) if first == last else f"{first}-{last}"
    )
    of = "UDP " if transport == "udp" else ""
    allows = f"{rule.group} rule {rule.id} allows {rule.source} on {of}{ports}"
    steps = [Step(StepKind.RULE, rule.id, allows, rule.group)]
    if (passage := way.acl) is not None:
        text = f"{passage.acl} rule {'?' if passage.number is None else passage.number} allows it in"
        if passage.low_ports_only:
            text += f", and lets answers out to client ports below {FIRST_EPHEMERAL} only, which a client may choose"
        steps.append(Step(StepKind.ACL, passage.acl, text))
    match way.source.kind:
        case SourceClass.INTERNET:
            lead = ", ".join((*interface.public, *interface.ipv6))
            text = f"{way.source.via} leads to {lead}"
        case SourceClass.SUBNET | SourceClass.VPC:
            text = f"inside {way.source.via}"
        case kind:
            text = f"{way.source.via} ({kind})"
    return (*steps, Step(StepKind.ROUTE, way.source.via, text))


def listens(where: str, listener: Listener) -> Step:
    """A listener as a piece of evidence."""
    return Step(StepKind.LISTENER, str(listener), f"{where}: {listener}: {listener.reason}", where)


def _close(level: Level, ways: Sequence[Way], region: str) -> tuple[Closing, ...]:
    if level is Level.TRUSTED_WITHOUT_TLS:
        hint = "start dockerd with --tlsverify, --tlscacert, --tlscert and --tlskey beside -H (docs/how-it-works.md)"
        return (Closing(hint),)
    return _revoke(ways, region)


def _revoke(ways: Sequence[Way], region: str) -> tuple[Closing, ...]:
    rules = dict.fromkeys((way.rule.group, way.rule.id) for way in ways)
    return tuple(
        Closing(
            f"aws ec2 revoke-security-group-ingress --region {region} --group-id {group} "
            f"--security-group-rule-ids {rule}",
            rule,
        )
        for group, rule in rules
    )


def _boot_findings(boot: BootExposure) -> Iterator[Finding]:
    what = _name(boot.instance)
    if boot.unreached:
        message = f"User-data of {what} starts a Docker API that asks no client for a certificate; nothing reaches it."
        listeners = tuple(listens(where, listener) for where, listener in boot.unreached)
        yield Finding("listener-without-tls", Severity.LOW, boot.arn, message, evidence=listeners)
    if boot.private_keys or boot.swarm_keys:
        message, places = holds(f"User-data of {what}", boot.private_keys, boot.swarm_keys)
        yield Finding("private-key-in-user-data", Severity.MEDIUM, boot.arn, message, evidence=places)


def holds(what: str, private_keys: Sequence[str], swarm_keys: Sequence[str]) -> tuple[str, tuple[Step, ...]]:
    """What secrets something holds: where they stand, never what they are."""
    named = [
        *(["a private key"] if private_keys else []),
        *(["a join token or unlock key of a Swarm"] if swarm_keys else []),
    ]
    places = tuple(
        Step(StepKind.PRIVATE_KEY, where, where) for where in dict.fromkeys((*private_keys, *swarm_keys))
    )
    return f"{what} holds {' and '.join(named)}.", places


def _name(instance: Instance) -> str:
    return f"{instance.name} ({instance.id})" if instance.name else instance.id
