"""Judges a stack as a whole: who reaches the listeners of its machines, and prefix lists that it made itself.

The join of resources is `reading.join`'s; who reaches a port by one rule is `judges.sources`'.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from pulumi_policy import PolicyResource

from ...core.dockerd import Access, Binding, Listener
from ...core.trust import too_wide
from ..configuration import NOBODY, Settings
from ..findings import Certainty, Finding, guarded, violation
from ..reading.facts import Facts, Ingress
from ..reading.join import Forwarded, Host, Index
from ..reading.table import read
from .machines import documents, in_swarm, listener_finding
from .sources import network_findings
from .swarm import swarm_findings

_DOCKER_PORTS: Final = (2375, 2376)


def exposure_findings(index: Index, configured: Settings) -> Iterator[tuple[str, Finding]]:
    """Who reaches the Docker API of the stack's machines, each with the resource's URN that is to blame."""
    for resource, rule in index.rules():
        for finding in guarded(partial(_prefix_lists, index, resource, rule, configured)):
            yield resource.urn, finding
    for host in index.hosts():
        for finding in guarded(partial(_host, host, index, configured)):
            yield host.resource.urn, finding
        for finding in guarded(partial(_swarm, host, index, configured)):
            yield host.resource.urn, finding
        for forwarded in index.forwarded(host.resource):
            for finding in guarded(partial(_forwarded, forwarded, host)):
                yield forwarded.resource.urn, finding
    for service, made in index.published():
        for finding in guarded(partial(_published, made)):
            yield service.urn, finding
    for sender, document, facts in index.sent():
        for finding in guarded(partial(_sent, document, facts)):
            yield sender.urn, finding


def _prefix_lists(
    index: Index, resource: PolicyResource, given: Ingress, configured: Settings
) -> Iterator[Finding]:
    """A rule for 2376 whose prefix list, made in this stack, holds sources that are not trusted."""
    rule, entries = index.with_entries(resource, given)
    if not entries:
        return
    if reason := too_wide(entries):
        only = Facts(ingress=[rule])
        for finding in network_findings(only, 2376, NOBODY):
            if finding.certainty is Certainty.CERTAIN:
                yield violation(f"{finding.text}; its prefix list {reason}")
    elif not entries <= configured.trusted.addresses and not configured.trusted.prefix_lists:
        yield from network_findings(Facts(ingress=[rule]), 2376, configured.trusted)


def _host(host: Host, index: Index, configured: Settings) -> Iterator[Finding]:
    """Who reaches the listeners of one machine."""
    for listener in _listeners(host):
        port = listener.port or 0
        trusted = configured.trusted if listener.access is Access.MUTUAL_TLS else NOBODY
        says = f"the Docker API is served on TCP {port} ({listener.access.value})"
        for group in host.groups:
            for resource, rule in group.rules:
                resolved, _ = index.with_entries(resource, rule)
                for finding in network_findings(Facts(ingress=[resolved]), port, trusted):
                    yield Finding(finding.certainty, f"{says}, and in {resource.name} {finding.text}")
        if host.elsewhere:
            groups = ", ".join(host.elsewhere[:6])
            yield Finding(
                Certainty.NOT_YET,
                f"{host.resource.name}: {says}, behind {groups}, which this stack did not make, so who reaches it "
                "cannot be told here; the audit can",
            )


def _swarm(host: Host, index: Index, configured: Settings) -> Iterator[Finding]:
    """Who reaches a Swarm's ports on a machine that makes one or joins one, by rules that do not say so themselves."""
    if not any(map(in_swarm, host.facts.machines)):
        return
    for group in host.groups:
        for resource, rule in group.rules:
            resolved, _ = index.with_entries(resource, rule)
            for finding in swarm_findings(Facts(ingress=[resolved]), configured.trusted, swarm=True):
                text = f"its user-data makes or joins a Docker Swarm, and in {resource.name} {finding.text}"
                yield Finding(finding.certainty, text)


def _forwarded(forwarded: Forwarded, host: Host) -> Iterator[Finding]:
    """A load balancer in front of the Docker API on a port of its own; Docker's two ports are judged everywhere."""
    for listener in _listeners(host):
        if forwarded.port.raw == listener.port and listener.port not in _DOCKER_PORTS:
            yield violation(
                f"the load balancer forwards to TCP {listener.port} of {host.resource.name}, where the Docker API is "
                f"served ({listener.access.value}): who reaches it is no longer for its rules to say"
            )


def _published(made: PolicyResource) -> Iterator[Finding]:
    """An endpoint service in front of Docker's ports: other networks and accounts reach them."""
    facts = read(made.resource_type, made.props)
    for forward in () if facts is None else facts.forwards:
        for port in _DOCKER_PORTS:
            if forward.first <= port <= forward.last and not forward.doubts:
                yield violation(
                    f"the service publishes TCP {port}, by {made.name}, to other networks and accounts; leave Docker's "
                    "ports out of it"
                )


def _sent(document: PolicyResource, facts: Facts) -> Iterator[Finding]:
    """What a document opens with the parameters that are sent to it, and not with its own."""
    own = read(document.resource_type, document.props) or Facts()
    for listener in _unsafe(facts) - _unsafe(own):
        yield listener_finding(f"{document.name}, with these parameters", listener)


def _unsafe(facts: Facts) -> set[Listener]:
    judged = (judged for machine in facts.machines for _, judged in documents(machine))
    return {found.listener for each in judged for found in each.unsafe}


def _listeners(host: Host) -> Iterator[Listener]:
    """Where a machine serves the Docker API to others than itself."""
    for machine in host.facts.machines:
        for _, judged in documents(machine):
            for found in judged.listeners:
                listener = found.listener
                if listener.kind == "tcp" and listener.port and listener.binding is not Binding.LOOPBACK:
                    yield listener
