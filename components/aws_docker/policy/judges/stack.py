"""Judges a stack as a whole: who reaches the listeners of its machines, and prefix lists that it made itself.

The join of resources is `reading.join`'s; who reaches a port by one rule is `judges.sources`'.
"""

from collections.abc import Iterator
from functools import partial

from pulumi_policy import PolicyResource

from ...core.dockerd import Access, Binding, Listener
from ...core.trust import too_wide
from ..configuration import NOBODY, Settings
from ..findings import Certainty, Finding, guarded, violation
from ..reading.facts import Facts, Ingress
from ..reading.join import Host, Index
from .machines import documents
from .sources import network_findings


def exposure_findings(index: Index, configured: Settings) -> Iterator[tuple[str, Finding]]:
    """Who reaches the Docker API of the stack's machines, each with the resource's URN that is to blame."""
    for resource, rule in index.rules():
        for finding in guarded(partial(_prefix_lists, index, resource, rule, configured)):
            yield resource.urn, finding
    for host in index.hosts():
        for finding in guarded(partial(_host, host, index, configured)):
            yield host.resource.urn, finding


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


def _listeners(host: Host) -> Iterator[Listener]:
    """Where a machine serves the Docker API to others than itself."""
    for machine in host.facts.machines:
        for _, judged in documents(machine):
            for found in judged.listeners:
                listener = found.listener
                if listener.kind == "tcp" and listener.port and listener.binding is not Binding.LOOPBACK:
                    yield listener
