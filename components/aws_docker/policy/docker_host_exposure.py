"""docker-host-exposure: put together, who reaches the Docker API of a machine in this stack?

Joins machine, interfaces, groups, rules and prefix lists, wherever they were made: a listener on any port, and a rule
for that port in a resource of its own. Stack policies run once all resources are known: at a preview before anything
is made, on `pulumi up` after it. What must be stopped is therefore stopped by the other policies too.
"""

from collections.abc import Iterator
from functools import partial

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from ..core.dockerd import Access, Binding, Listener
from ..core.trust import too_wide
from .configuration import NOBODY, SCHEMA, TRUST_SCHEMA, Settings, settings
from .findings import Certainty, Finding, violation
from .judges.machines import documents
from .judges.sources import network_findings
from .reading.facts import Facts, Ingress
from .reading.join import Host, Index
from .rule import deliver, guarded

_NAME = "docker-host-exposure"


def _validate(args: StackValidationArgs, report: ReportViolation) -> None:
    configured = settings(args.get_config())
    found: dict[str | None, dict[Finding, None]] = {}
    for urn, finding in _judge(args, configured):
        found.setdefault(urn, {})[finding] = None
    later: list[Finding] = []
    for urn, findings in found.items():
        exempt, note = configured.exemption(urn or "")
        if exempt:
            continue
        now = [each for each in findings if configured.blocks(each)]
        later += [each for each in findings if not configured.blocks(each)]
        deliver(now, _BLOCKING, lambda text, at=urn: report(text, at), note)
    deliver(later, configured, lambda text: report(text, None))


_BLOCKING = Settings(not_yet_known="mandatory")


def _judge(args: StackValidationArgs, configured: Settings) -> Iterator[tuple[str | None, Finding]]:
    try:
        index = Index(args.resources)
    except Exception as error:
        yield None, Finding(Certainty.UNREADABLE, f"the stack could not be read ({type(error).__name__})")
        return
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


docker_host_exposure = StackValidationPolicy(
    name=_NAME,
    description="Nobody but trusted sources may reach the Docker API of a machine, through whichever resources.",
    validate=_validate,
    enforcement_level=EnforcementLevel.MANDATORY,
    severity=Severity.CRITICAL,
    remediation_steps="Delete or narrow the rule that the finding names, or take the listener away.",
    config_schema=PolicyConfigSchema({**TRUST_SCHEMA, **SCHEMA}),
)
