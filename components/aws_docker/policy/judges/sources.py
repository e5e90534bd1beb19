"""Judges who reaches a port, by the core in `networks`: certain findings, and what is not known by name.

Whether a start-up document opens a listener is for `boot`; what is made of the findings is for `rule`.
"""

from collections.abc import Iterator
from typing import Final

from ...core.addresses import AddressSet
from ...core.networks import SELF, acl_admits, admits
from ..configuration import NOBODY, Trusted
from ..findings import Finding, doubtful, shown, violation
from ..reading.facts import AclItem, Facts, Forward, Ingress
from ..reading.values import About

_OWN: Final = "its own members"


def network_findings(facts: Facts, port: int, trusted: Trusted) -> Iterator[Finding]:
    """Every way in to a port that a resource opens to somebody who is not trusted with it."""
    hint = _mend(port, trusted)
    for rule in facts.ingress:
        if admits(rule.rule, port):
            yield from _ingress(rule, port, trusted, hint)
    if facts.acl:
        yield from _acl(facts.acl, port, trusted)
    for forward in facts.forwards:
        if forward.first <= port <= forward.last:
            yield from _forward(forward, port)
    yield from doubtful(facts.unread, f", so it may admit sources to TCP {port}")


def group_findings(facts: Facts, port: int) -> Iterator[Finding]:
    """All-traffic rules between the members of security groups: every default group has one."""
    for rule in facts.ingress:
        if not rule.rule.all_traffic:
            if rule.rule.groups or rule.group:
                protocol = [each for each in rule.about if each.about is About.PROTOCOL]
                yield from doubtful(
                    protocol, f": {_where(rule.where)} may admit all traffic between members of groups"
                )
            continue
        groups = [_named(group) for group in sorted(rule.rule.groups)]
        groups += [f"a group ({doubt.where}, not known yet)" for doubt in rule.group if not doubt.final]
        for group in groups:
            yield violation(
                f"{_where(rule.where)} admits all traffic from {group}, TCP {port} included: whoever is a member "
                "reaches a Docker daemon that listens there. Name the ports that are meant"
            )
        perhaps = [each for each in rule.perhaps if each.about is About.GROUP]
        yield from doubtful(
            perhaps, f": {_where(rule.where)} may admit all traffic between members of groups"
        )


def ignored_findings(facts: Facts) -> Iterator[Finding]:
    """Properties that were judged, and that `pulumi up` never sets again."""
    for name in facts.ignored:
        yield violation(
            f"changes of {name} are ignored: what was judged is what the state holds, and not what AWS has once "
            "somebody changed it"
        )


def _mend(port: int, trusted: Trusted) -> str:
    if port == 2375:
        return "nobody may reach 2375: delete the rule, or leave 2375 out of its range"
    if not trusted:
        return "no source is trusted: set trustedCidrs in the policy's configuration, or delete the rule"
    return "narrow it to the trusted sources"


def _ingress(rule: Ingress, port: int, trusted: Trusted, hint: str) -> Iterator[Finding]:
    where, sources = _where(rule.where), rule.rule
    beyond: list[str] = []
    if not sources.addresses <= trusted.addresses:
        beyond.append(shown(_beyond(sources.addresses, trusted)))
    beyond += [
        f"prefix list {each}" for each in sorted(sources.prefix_lists) if each not in trusted.prefix_lists
    ]
    by_range = not sources.all_traffic
    if by_range:
        beyond += [_named(each) for each in sorted(sources.groups) if not trusted.has_group(each)]
    # Where nobody is trusted, a source that is there is one too many, whichever it is.
    doubts = [*rule.address, *(rule.group if by_range else ())]
    if trusted == NOBODY:
        beyond += [f"a source ({doubt.where}, not known yet)" for doubt in doubts if not doubt.final]
        doubts = [doubt for doubt in doubts if doubt.final]

    if beyond and rule.sure and rule.sure[0] <= port <= rule.sure[1]:
        yield violation(f"{where} admits {' and '.join(beyond)} to TCP {port} ({_range(rule)}); {hint}")
    elif beyond:
        yield from doubtful(rule.about, f": {where} may admit {' and '.join(beyond)} to TCP {port}")
    perhaps = rule.perhaps if by_range else [each for each in rule.perhaps if each.about is not About.GROUP]
    yield from doubtful([*doubts, *perhaps], f": {where} may admit an untrusted source to TCP {port}")


def _beyond(addresses: AddressSet, trusted: Trusted) -> AddressSet:
    """The networks that are not wholly trusted, as they stand: what a reader finds again in the rule."""
    if not trusted.addresses:
        return addresses
    return AddressSet.of(
        each for each in addresses.networks() if not AddressSet.of([each]) <= trusted.addresses
    )


def _acl(items: list[AclItem], port: int, trusted: Trusted) -> Iterator[Finding]:
    admitted = acl_admits([item.entry for item in items if item.entry], port)
    open_entries = [item for item in items if item.entry is None and item.ports is not None]
    open_entries = [item for item in open_entries if item.ports and item.ports[0] <= port <= item.ports[1]]
    for item in items:
        entry = item.entry
        if entry is None or not (item.named and entry.allow and admits(entry, port)):
            continue
        if rest := (entry.addresses & admitted) - trusted.addresses:
            says = f"{_where(item.where)} allows {shown(rest)} a range of TCP ports with {port} in it"
            if any(other.entry is None and not other.allow for other in open_entries):
                doubts = [doubt for other in open_entries for doubt in other.doubts]
                yield from doubtful(doubts, f": {says}, unless that entry denies it first")
            else:
                yield violation(f"{says}; leave {port} out of the range, or deny it in an earlier entry")
    for item in open_entries:
        if item.named and item.allow:
            yield from doubtful(
                item.doubts, f": {_where(item.where)} may allow a range of TCP ports with {port} in it"
            )


def _forward(forward: Forward, port: int) -> Iterator[Finding]:
    says = f"{forward.where}: {forward.by} {forward.what} TCP {port}"
    if port != 2375 and not forward.hides_client:
        return
    if forward.doubts:
        yield from doubtful(forward.doubts, f": {forward.by} may be one that {forward.what} TCP {port}")
    elif port == 2375:
        yield violation(f"{says}, Docker's port without TLS; take another port, or delete it")
    else:
        yield violation(
            f"{says}, so whoever reaches {forward.by} reaches the daemon, and the daemon's firewall sees "
            f"{forward.by} for its client; let clients reach the host itself"
        )


def _where(where: str) -> str:
    return where or "the rule"


def _named(group: str) -> str:
    return _OWN if group == SELF else f"the members of {group}"


def _range(rule: Ingress) -> str:
    if rule.rule.all_traffic:
        return "all traffic"
    ports = rule.rule.ports
    if ports is None or rule.about:
        return "TCP"
    return f"TCP {ports[0]}" if ports[0] == ports[1] else f"TCP {ports[0]} to {ports[1]}"
