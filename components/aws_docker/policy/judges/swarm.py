"""Judges who reaches a Docker Swarm's ports beside its members: the internet always, others where a Swarm is at work.

Of private networks nothing is said where no rule of the resource is for a Swarm's managers.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ...core.addresses import AddressSet, Network
from ...core.networks import admits
from ...core.ports import DOCKER_PLAIN_PORT, SWARM_MANAGEMENT_PORT, SWARM_PORTS, Transport
from ...core.swarm import more_than_members, names_a_swarm
from ...core.trust import PRIVATE, too_wide
from ..configuration import Trusted
from ..findings import Finding, doubtful, shown, violation
from ..reading.facts import Facts, Forward, Ingress
from ..reading.values import About

_HINT: Final = "let the members alone in, by a rule whose source is their own group"


def swarm_findings(facts: Facts, members: Trusted, swarm: bool = False) -> Iterator[Finding]:
    """Every way in to a Swarm's ports for others than its members.

    Which groups are the Swarm's cannot be told from a rule, so those that a rule names are taken for them. `swarm`
    says that a Swarm is known to be at work behind the rules.
    """
    # What opens 2375 too is found by docker-no-2375, whoever it admits, and must go anyway.
    rules = [rule for rule in facts.ingress if not admits(rule.rule, DOCKER_PLAIN_PORT)]
    swarm = swarm or any(map(_names_a_swarm, rules))
    for rule in rules:
        yield from _ingress(rule, members, swarm)
    for forward in facts.forwards:
        if (forward.first, forward.last) == (SWARM_MANAGEMENT_PORT,) * 2:
            yield from _forward(forward)


def _names_a_swarm(rule: Ingress) -> bool:
    # The widest range that it may turn out to have, or what of it is certain.
    return names_a_swarm(rule.rule.ports) or names_a_swarm(rule.sure)


def _ingress(rule: Ingress, members: Trusted, swarm: bool) -> Iterator[Finding]:
    ports = [each for each in SWARM_PORTS if admits(rule.rule, each[1], each[0])]
    if not ports:
        return
    where = rule.where or "the rule"
    others = list(_others(rule.rule.addresses - members.addresses, swarm))
    beyond = [shown(AddressSet.of(others))] if others else []
    if swarm:
        beyond += [f"prefix list {each}" for each in sorted(rule.rule.prefix_lists - members.prefix_lists)]
    certain = [each for each in ports if _surely(rule, *each)]
    if beyond and certain:
        yield violation(f"{where} admits {' and '.join(beyond)} to {_named(certain)}; {_HINT}")
    elif beyond:
        yield from doubtful(rule.about, f": {where} may admit {' and '.join(beyond)} to {_named(ports)}")
    unknown = [*rule.address, *(each for each in rule.perhaps if each.about is not About.GROUP)]
    yield from doubtful(unknown, f": {where} may admit others than a Swarm's members to {_named(ports)}")


def _others(addresses: AddressSet, swarm: bool) -> Iterator[Network]:
    """The networks of these that hold more than members; the internet alone where nothing says that it is a Swarm."""
    public = addresses - PRIVATE
    if too_wide(public) or (swarm and public):
        yield from (each for each in addresses.networks() if AddressSet.of([each]) & public)
    if swarm:
        yield from more_than_members(addresses & PRIVATE)


def _surely(rule: Ingress, transport: Transport, port: int) -> bool:
    sure = rule.sure if transport == "tcp" else rule.sure_udp
    return sure is not None and sure[0] <= port <= sure[1]


def _named(ports: Iterable[tuple[Transport, int]]) -> str:
    return " and ".join(f"{_WHAT[port]} ({transport.upper()} {port})" for transport, port in ports)


_WHAT: Final = {
    2377: "where a Swarm's managers are told what to do",
    7946: "a Swarm's gossip",
    4789: "a Swarm's overlay networks, which take packets from whoever sends some",
}


def _forward(forward: Forward) -> Iterator[Finding]:
    if forward.doubts:
        says = f"{forward.by} may be one that {forward.what} TCP {SWARM_MANAGEMENT_PORT}, a Swarm's"
        yield from doubtful(forward.doubts, f": {says}")
        return
    yield violation(
        f"{forward.where}: {forward.by} {forward.what} TCP {SWARM_MANAGEMENT_PORT}, where a Swarm's managers are told "
        f"what to do, so who reaches it is no longer for its members' rules to say; {_HINT}"
    )
