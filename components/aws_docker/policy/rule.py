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
    proxy,
)

from .configuration import SCHEMA, Settings, settings
from .findings import Certainty, Finding
from .reading.facts import Facts
from .reading.table import read

Judge = Callable[[Facts, Settings], Iterable[Finding]]

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


def resource_rule(
    name: str,
    description: str,
    judge: Judge,
    *,
    severity: Severity,
    remediation_steps: str,
    enforcement_level: EnforcementLevel = EnforcementLevel.MANDATORY,
    schema: Mapping[str, dict[str, Any]] | None = None,
    remediate: ResourceRemediation | None = None,
) -> ResourceValidationPolicy:
    """A policy that judges each resource on its own, before it is made."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        facts = read(args.resource_type, args.props)
        if facts is None:
            return
        configured = settings(args.get_config())
        findings = list(guarded(lambda: judge(facts, configured)))
        if not findings and not configured.problems:
            return
        exempt, note = configured.exemption(args.urn)
        deliver([] if exempt else findings, configured, lambda text: report(text, None), note)
        if exempt and findings:
            args.not_applicable(f"exempt until {exempt.expires}: {exempt.reason}")

    return ResourceValidationPolicy(
        name=name,
        description=description,
        validate=validate,
        remediate=remediate,
        enforcement_level=enforcement_level,
        severity=severity,
        remediation_steps=remediation_steps,
        config_schema=PolicyConfigSchema({**(schema or {}), **SCHEMA}),
    )


def guarded(judge: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A judge's findings, and one more where it fails: by the error's name, since its text may repeat a secret."""
    try:
        yield from judge()
    except Exception as error:
        yield Finding(Certainty.UNREADABLE, f"the resource could not be judged ({type(error).__name__})")


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
    Certainty.NOT_YET: "not known yet: ",
}
