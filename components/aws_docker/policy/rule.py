"""Makes a policy of the engine's out of a judge: levels, exemptions, and what happens when something fails.

A judge says what it finds in a resource's facts; here it becomes violations. Nothing that a resource holds can end
the pack, and nothing that could not be judged passes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ReportViolation,
    ResourceRemediation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
    proxy,
)

from ..core.checks import Check
from .configuration import SCHEMA, Settings, settings
from .findings import Certainty, Finding, guarded
from .reading.facts import Facts
from .reading.join import Index
from .reading.table import READ, Role, ignored, read, roles

Judge = Callable[[Facts, Settings], Iterable[Finding]]
StackJudge = Callable[[Index, Settings], Iterable[tuple[str, Finding]]]

_MOST: Final = 20
"""Findings of one resource that are reported one by one."""


class Undecided(proxy.UnknownValueError):
    """Tells the engine, as an advisory finding, what could not be judged. The engine adds its own first words."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        super().__init__(proxy.UNKNOWN_STRING_VALUE, [])
        listed = list(findings)
        self.message = "; ".join(finding.text for finding in listed) + ". All else was judged"
        if any(finding.certainty is Certainty.NOT_YET for finding in listed):
            self.message += (
                "; what is not known yet is judged again on `pulumi up`, before the resource is made"
            )


class ResourceRule(ResourceValidationPolicy):
    """A policy that judges each resource on its own, before it is made."""

    check: Check
    remediates: bool


class StackRule(StackValidationPolicy):
    """A policy that judges a stack as a whole, once all its resources are known."""

    check: Check


def resource_rule(
    check: Check,
    judge: Judge,
    *,
    of: Role = READ,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
    schema: Mapping[str, dict[str, Any]] | None = None,
    remediate: ResourceRemediation | None = None,
) -> ResourceRule:
    """A policy out of a judge of one resource's facts. `of` are the roles of the kinds that it has to do with."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        facts = read(args.resource_type, args.props) if roles(args.resource_type) & of else None
        ignoring = ignored(args.resource_type, args.opts.ignore_changes)
        if facts is None and not ignoring:
            return
        facts = facts or Facts()
        facts.ignored = ignoring
        configured = settings(args.get_config())
        findings = list(guarded(lambda: judge(facts, configured)))
        if not findings and not configured.problems:
            return
        exempt, note = configured.exemption(args.urn)
        deliver([] if exempt else findings, configured, lambda text: report(text, None), note)
        if exempt and findings:
            args.not_applicable(f"exempt until {exempt.expires}: {exempt.reason}")

    rule = ResourceRule(validate=validate, remediate=remediate, **_as_engine(check, level, schema))
    rule.check, rule.remediates = check, remediate is not None
    return rule


def stack_rule(
    check: Check,
    judge: StackJudge,
    *,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
    schema: Mapping[str, dict[str, Any]] | None = None,
) -> StackRule:
    """A policy out of a judge of a whole stack, which names the URN of the resource that a finding is about."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        configured = settings(args.get_config())
        found: dict[str | None, dict[Finding, None]] = {}
        for urn, finding in _of_stack(args, judge, configured):
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

    rule = StackRule(validate=validate, **_as_engine(check, level, schema))
    rule.check = check
    return rule


_BLOCKING: Final = Settings(not_yet_known="mandatory")


def _of_stack(
    args: StackValidationArgs, judge: StackJudge, configured: Settings
) -> Iterator[tuple[str | None, Finding]]:
    try:
        index = Index(args.resources)
    except Exception as error:
        yield None, Finding(Certainty.UNREADABLE, f"the stack could not be read ({type(error).__name__})")
        return
    yield from judge(index, configured)


def _as_engine(
    check: Check, level: EnforcementLevel, schema: Mapping[str, dict[str, Any]] | None
) -> dict[str, Any]:
    """What the engine and its console show of a check."""
    return {
        "name": check.id,
        "description": f"{check.what} {check.why}",
        "enforcement_level": level,
        "severity": Severity[check.severity.name],
        "remediation_steps": check.hint,
        "config_schema": PolicyConfigSchema({**(schema or {}), **SCHEMA}),
    }


def deliver(
    findings: Iterable[Finding], configured: Settings, report: Callable[[str], None], note: str = ""
) -> None:
    """Reports findings at the levels that are configured. Raises Undecided for what is advisory."""
    listed = dict.fromkeys(findings)
    blocking = [_SAID[each.certainty] + each.text for each in listed if configured.blocks(each)]
    blocking += [
        f"could not evaluate: the policy's configuration: {problem}" for problem in configured.problems
    ]
    for text in blocking[:_MOST]:
        report(f"{text} ({note})" if note else text)
    if len(blocking) > _MOST:
        report(f"and {len(blocking) - _MOST} more findings of this kind")
    if later := [each for each in listed if not configured.blocks(each)]:
        raise Undecided(later)


_SAID: Final = {
    Certainty.CERTAIN: "",
    Certainty.UNREADABLE: "could not evaluate: ",
    Certainty.UNRELATED: "could not evaluate: ",
    Certainty.NOT_YET: "not known yet: ",
}
