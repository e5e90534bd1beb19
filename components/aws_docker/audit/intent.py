"""Decides what a stack intends for its Docker hosts, and where the configuration and the wire differ from it. Pure.

The intent is the ingress rules that the stack's state holds: what the component was asked to admit, whatever has been
done to the security group since. How to get at the state, the configuration and the wire is for verifying.py.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from ..core.addresses import AddressSet, union
from ..core.checks import Severity
from ..core.ports import DOCKER_TLS_PORT
from .certificates import expires_soon, expiring
from .exposures import Judged
from .facts import RegionFacts, read_rules
from .findings import Closing, Finding, Step, StepKind, Unchecked
from .host_status import HostStatus, Standing
from .reach import Region
from .verdicts import PortJudgement, Verdict
from .wording import boot_findings, opening_finding, swarm_findings

_FLEET: Final = "aws-docker:index:DockerFleet"
_COMPONENTS: Final = ("aws-docker:index:DockerHost", _FLEET)
_RULE: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_INSTANCE: Final = "aws:ec2/instance:Instance"
_QUIET: Final = (Verdict.CLOSED, Verdict.FILTERED)


@dataclass(frozen=True, slots=True)
class Intent:
    """One host of a stack, as the stack's state has it."""

    name: str
    instance: str
    account: str
    region: str
    address: str
    """Where clients connect to; the host's own address where no network leads them there."""
    remote: bool
    rules: tuple[Mapping[str, Any], ...]
    """Its ingress rules, as DescribeSecurityGroupRules would have them."""
    certificates_expire_at: datetime.datetime | None = None
    """When the first of the server's and clients' certificates does, by the stack's state."""
    tunnel: bool = False
    """Whether Session Manager alone brings clients to it: nothing answers at its address."""


def read_intents(state: Mapping[str, Any]) -> list[Intent]:
    """The Docker hosts in `pulumi stack export`, alone or in fleets, whose rules are for all of their hosts."""
    deployment = cast(Mapping[str, Any], state.get("deployment") or {})
    resources = cast(Sequence[Mapping[str, Any]], deployment.get("resources") or ())
    parents = {str(each["urn"]): str(each.get("parent", "")) for each in resources}
    hosts = {str(each["urn"]): each for each in resources if each.get("type") in _COMPONENTS}
    instances: dict[str, list[Mapping[str, Any]]] = {urn: [] for urn in hosts}
    rules: dict[str, list[Mapping[str, Any]]] = {urn: [] for urn in hosts}
    for each in resources:
        host = _host_of(str(each["urn"]), parents, hosts)
        if host is None or each.get("delete"):
            continue
        if each.get("type") == _INSTANCE:
            instances[host].append(each)
        elif each.get("type") == _RULE:
            rules[host].append(_rule(each))
    return [_intent(hosts[urn], each, rules[urn]) for urn, of in instances.items() for each in of]


def _host_of(urn: str, parents: Mapping[str, str], hosts: Mapping[str, Any]) -> str | None:
    while urn:
        urn = parents.get(urn, "")
        if urn in hosts:
            return urn
    return None


def _rule(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = cast(Mapping[str, Any], resource.get("inputs") or {})
    reference = inputs.get("referencedSecurityGroupId")
    return {
        "SecurityGroupRuleId": resource.get("id") or "",
        "GroupId": inputs.get("securityGroupId") or "",
        "IsEgress": False,
        "IpProtocol": inputs.get("ipProtocol", "tcp"),
        "FromPort": inputs.get("fromPort"),
        "ToPort": inputs.get("toPort"),
        "CidrIpv4": inputs.get("cidrIpv4"),
        "CidrIpv6": inputs.get("cidrIpv6"),
        "PrefixListId": inputs.get("prefixListId"),
        "ReferencedGroupInfo": {"GroupId": reference} if reference else None,
    }


def _intent(
    host: Mapping[str, Any], instance: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]
) -> Intent:
    outputs = cast(Mapping[str, Any], instance.get("outputs") or {})
    _, _, _, region, account, _ = str(outputs["arn"]).split(":", 5)
    shown = cast(Mapping[str, Any], host.get("outputs") or {})
    name = str(host["urn"]).rpartition("::")[2]
    key = ""
    if host.get("type") == _FLEET:
        fleet, name = name, str(instance["urn"]).rpartition("::")[2].removesuffix("-instance")
        key = name.removeprefix(f"{fleet}-")

    def output(snake: str, camel: str) -> str:
        return str(shown.get(snake) or shown.get(camel) or "")

    def of_host(snake: str, camel: str) -> str:
        """An output that a fleet has by host, under the plural's name."""
        if not key:
            return output(snake, camel)
        by_host: Any = shown.get(f"{snake}s") or shown.get(f"{camel}s") or {}
        return str(cast(Mapping[str, Any], by_host).get(key) or "") if isinstance(by_host, Mapping) else ""

    address = (
        of_host("public_ip", "publicIp") or of_host("private_ip", "privateIp") or str(outputs["privateIp"])
    )
    endpoint = of_host("endpoint", "endpoint")
    # The near end of a tunnel is the asking machine's own, and says nothing of the host's addresses.
    tunnel = endpoint == f"tcp://127.0.0.1:{DOCKER_TLS_PORT}" and not rules
    if endpoint and not tunnel:
        address = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    expire_at = _time(output("certificates_expire_at", "certificatesExpireAt"))
    # A run that ended before the host was ready has rules, and put out no endpoint yet.
    remote = bool(endpoint or rules) and not tunnel
    return Intent(
        name, str(instance["id"]), account, region, address, remote, tuple(rules), expire_at, tunnel
    )


def _time(text: str) -> datetime.datetime | None:
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def intended_sources(intent: Intent, facts: RegionFacts) -> tuple[AddressSet, list[Unchecked]]:
    """The addresses that a stack's rules stand for now, and what could not be resolved."""
    groups = {str(rule["GroupId"]) for rule in intent.rules}
    read = read_rules(intent.rules, facts.account, groups)
    region = Region(facts)
    found = AddressSet()
    unchecked: list[Unchecked] = []
    for rule in (rule for rules in read.values() for rule in rules):
        addresses, problem = region.sources_of(rule)
        found |= addresses
        if problem:
            unchecked.append(Unchecked(f"what {intent.name} intends", f"{problem}."))
    return found, unchecked


# --- Drift ---------------------------------------------------------------------------------------------------------


def configuration_drift(
    intent: Intent, intended: AddressSet, judged: Judged, now: datetime.datetime | None = None
) -> list[Finding]:
    """Where AWS's configuration differs from the intent; `judged` with the intended sources as the trusted ones."""
    drift: list[Finding] = []
    for opening in judged.openings:
        finding = opening_finding(opening, judged.region, "")
        if opening.wider:
            message = f"Wider than {intent.name} intends: {finding.message}"
            finding = replace(finding, kind="drift", message=message)
        drift.append(finding)
    drift += swarm_findings(judged)
    drift += boot_findings(judged)
    drift += _certificates(intent, now or datetime.datetime.now(datetime.UTC))
    subject = f"arn:aws:ec2:{intent.region}:{intent.account}:instance/{intent.instance}"
    if not judged.exposures:
        message = f"{intent.name} intends instance {intent.instance}, which is gone."
        close = (Closing("pulumi up --refresh"),)
        return [*drift, Finding("drift", Severity.HIGH, subject, message, close=close)]
    if missing := intended - _reaching(judged):
        message = (
            f"Narrower than {intent.name} intends: {missing.summary(4)} cannot reach TCP {DOCKER_TLS_PORT}."
        )
        text = "no rule, network ACL or route lets them through, by the instance's configuration"
        nothing = Step(StepKind.ABSENCE, intent.instance, text)
        drift.append(Finding("drift", Severity.LOW, f"{subject} narrower", message, evidence=(nothing,)))
    return drift


def status_drift(status: HostStatus) -> tuple[list[Finding], list[Unchecked]]:
    """Where a host, by its own word, does not have in force what its stack intends.

    A host that has nowhere to write says nothing: the wire is all there is. One that is asleep serves nobody, and has
    what is intended when it wakes.
    """
    host = status.host
    if host.parameter is None or status.standing in (Standing.READY, Standing.ASLEEP):
        return [], []
    if status.standing is Standing.UNKNOWN:
        return [], [Unchecked(f"what {host.name} has in force", f"{status.evidence}.")]
    word = status.word or {}
    # Whom the stack has taken away may still be root by the configuration before.
    older = status.standing is Standing.FAILED and word.get("document") not in ("", host.digest)
    severity = Severity.HIGH if older else Severity.MEDIUM
    subject = f"{host.instance} status"
    message = f"{host.name} does not have in force what the stack intends: {status.evidence}."
    said = Step(
        StepKind.ANSWER, host.parameter, f"the host's own word, of {word.get('at') or 'no known time'}"
    )
    close = (Closing(hint=f"{status.hint}."),) if status.hint else ()
    return [Finding("drift", severity, subject, message, evidence=(said,), close=close)], []


def _certificates(intent: Intent, now: datetime.datetime) -> Iterator[Finding]:
    """What the stack knows of its certificates: the clients', too, which no probe sees."""
    ends = intent.certificates_expire_at
    subject = f"arn:aws:ec2:{intent.region}:{intent.account}:instance/{intent.instance} certificates"
    if ends is not None and ends < now:
        message = f"A certificate of {intent.name} expired on {ends:%Y-%m-%d}, by the stack's state."
        yield Finding("certificate-expired", Severity.MEDIUM, subject, message)
    elif ends is not None and expires_soon(ends, now):
        yield expiring(f"A certificate of {intent.name}", subject, ends)


def _reaching(judged: Judged) -> AddressSet:
    """Who reaches the instance's TLS port; it does itself."""
    return union(
        addresses
        for exposure in judged.exposures
        for port in exposure.ports
        if port.port == DOCKER_TLS_PORT
        for addresses in (
            port.reach.addresses,
            AddressSet.of((*exposure.interface.private, *exposure.interface.ipv6)),
        )
    )


def wire_drift(
    intent: Intent, intended: AddressSet, ports: Iterable[PortJudgement], here: str | None
) -> list[Finding]:
    """Where the wire, seen from the address `here`, differs from the intent, besides what a probe finds by itself."""
    drift: list[Finding] = []
    inside = here is not None and here in intended
    for port in ports:
        subject = f"{port.endpoint}"
        if port.verdict in _QUIET:
            if intent.remote and inside and port.endpoint.port == DOCKER_TLS_PORT:
                message = f"{intent.name} intends to serve {here}, from where {subject} is {port.verdict}."
                drift.append(_on_the_wire(port, Severity.MEDIUM, message))
        elif port.endpoint.port != DOCKER_TLS_PORT or not intent.remote:
            message = f"{intent.name} intends nothing at {subject}, which answers: {port.verdict}."
            drift.append(_on_the_wire(port, Severity.HIGH, message))
        elif port.verdict is not Verdict.MUTUAL_TLS and port.checked and not port.findings:
            message = f"{intent.name} intends mutual TLS at {subject}, which is {port.verdict}."
            drift.append(_on_the_wire(port, Severity.HIGH, message))
    return drift


def _on_the_wire(port: PortJudgement, severity: Severity, message: str) -> Finding:
    subject = str(port.endpoint)
    seen = Step(StepKind.ANSWER, subject, port.evidence)
    return Finding("drift", severity, subject, message, evidence=(seen,))
