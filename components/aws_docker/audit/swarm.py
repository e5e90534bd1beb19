"""Decides who reaches a Docker Swarm's ports on an instance beside its members. Pure.

Private networks count only where something says that a Swarm is there: user-data that makes or joins one, or a rule
for its managers' port. Groups that rules name are taken for the Swarm's own. What opens 2375 too is a finding already,
and closed by the same command.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ..core.addresses import AddressSet, union
from ..core.networks import Rule, admits
from ..core.ports import DOCKER_PLAIN_PORT, SWARM_PORTS, Transport
from ..core.swarm import more_than_members, names_a_swarm
from .facts import Instance, Interface
from .reach import Region, SourceClass, Way


class SwarmLevel(StrEnum):
    """How open a Swarm's ports are, from the worst."""

    INTERNET = "swarm-open-to-the-internet"
    WIDER = "swarm-open-wider-than-members"


@dataclass(frozen=True, slots=True)
class SwarmOpening:
    """Others than members at a Swarm's ports of one interface."""

    level: SwarmLevel
    instance: Instance
    interface: Interface
    arn: str
    """The interface's."""
    ports: tuple[tuple[Transport, int], ...]
    ways: tuple[tuple[Transport, Way], ...]
    """Each rule and route once."""
    outside: AddressSet
    certain: bool
    """Whether something says that a Swarm is there."""


def swarm_openings(
    region: Region, instance: Instance, interface: Interface, in_swarm: bool, trusted: AddressSet
) -> Iterator[SwarmOpening]:
    """What is open on an interface; `in_swarm` says what its user-data does. Raises Unreadable."""
    rules = [rule.rule for group in interface.groups for rule in region.facts.rules.get(group, ())]
    certain = in_swarm or any(names_a_swarm(rule.ports) for rule in rules)
    open_ports = [each for each in SWARM_PORTS if any(_about(rule, *each) for rule in rules)]
    found: dict[SwarmLevel, list[tuple[Transport, int, Way]]] = {}
    for transport, port in open_ports:
        for way in region.reach(interface, port, transport).ways:
            level = _level(way, certain, trusted)
            if level is not None and _about(way.rule.rule, transport, port):
                found.setdefault(level, []).append((transport, port, way))
    for level in SwarmLevel:
        if ways := found.get(level):
            once: dict[tuple[str, str], tuple[Transport, Way]] = {
                (way.rule.id, way.source.via): (transport, way) for transport, _, way in ways
            }
            yield SwarmOpening(
                level,
                instance,
                interface,
                region.facts.arn("network-interface", interface.id),
                tuple(dict.fromkeys((transport, port) for transport, port, _ in ways)),
                tuple(once.values()),
                union(way.addresses - trusted for _, _, way in ways),
                certain,
            )


def _about(rule: Rule, transport: Transport, port: int) -> bool:
    return admits(rule, port, transport) and not admits(rule, DOCKER_PLAIN_PORT)


def _level(way: Way, certain: bool, trusted: AddressSet) -> SwarmLevel | None:
    others = way.addresses - trusted
    if way.rule.rule.groups or not others:
        return None
    if way.source.kind is SourceClass.INTERNET:
        return SwarmLevel.INTERNET
    wide = way.rule.rule.prefix_lists or any(more_than_members(way.rule.rule.addresses - trusted))
    return SwarmLevel.WIDER if certain and wide else None
