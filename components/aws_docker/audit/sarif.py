"""Writes findings as SARIF 2.1.0 (OASIS), so that code scanning can show and follow them.

The place of a finding is a resource and no file. GitHub wants a file all the same: the resource's name stands in for
one. A fingerprint holds what stays from run to run: kind and subject. What could not be checked makes the run
unsuccessful, and is among its notifications.
"""

import hashlib
import json
import re
from typing import Any, Final

from ..core.checks import Check, Severity
from .accepting import Acceptance, AcceptingReport
from .checks import CHECKS
from .findings import Exit, Finding, Report, Step, lines

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
# GitHub's scale for "security-severity": above 9 is critical, from 7 high, from 4 medium.
_SEVERITIES: Final = {
    Severity.CRITICAL: "9.8",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}


def to_sarif(report: Report, version: str) -> str:
    """The report as a SARIF log of one run."""
    worst: dict[str, Severity] = {}
    accepted = report.accepted if isinstance(report, AcceptingReport) else ()
    for finding in (*report.findings, *(finding for finding, _ in accepted)):  # the worst come first
        worst.setdefault(finding.kind, finding.severity)
    rules = [_rule(CHECKS[kind], severity) for kind, severity in worst.items()]
    index = {rule["id"]: at for at, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": f"aws-docker {report.command}",
                "semanticVersion": version,
                "rules": rules,
            }
        },
        "automationDetails": {"id": f"aws-docker/{report.command}/"},
        "invocations": [
            {
                "executionSuccessful": report.status is not Exit.NOT_CHECKED,
                "exitCode": int(report.status),
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": f"{each.subject} could not be checked: {each.reason}"},
                    }
                    for each in report.unchecked
                ],
            }
        ],
        "results": [
            *(_result(finding, index[finding.kind]) for finding in report.findings),
            *(_suppressed(_result(each, index[each.kind]), acceptance) for each, acceptance in accepted),
        ],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(check: Check, severity: Severity) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": check.what},
        "fullDescription": {"text": f"{check.what} {check.why}"},
        "help": {"text": f"{check.why} {check.hint}"},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["security"], "security-severity": _SEVERITIES[severity]},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    text = "\n".join(
        [finding.message, *lines(finding), *(f"Close it: {each.hint}" for each in finding.close)]
    )
    identity = f"{finding.kind} {finding.subject}"
    result: dict[str, Any] = {
        "ruleId": finding.kind,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": _file(finding.subject),
                "logicalLocations": [{"fullyQualifiedName": finding.subject, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"subject/v1": hashlib.sha256(identity.encode()).hexdigest()},
        "properties": {"severity": str(finding.severity)},
    }
    # What leads there: for each way in the steps from the source to what is there; without one, what is there.
    if finding.paths:
        result["codeFlows"] = [
            {
                "threadFlows": [
                    {"locations": [{"location": _place(step)} for step in (*path, *finding.evidence)]}
                ]
            }
            for path in finding.paths
        ]
    elif finding.evidence:
        result["relatedLocations"] = [_place(step) for step in finding.evidence]
    return result


def _suppressed(result: dict[str, Any], acceptance: Acceptance) -> dict[str, Any]:
    """A finding that is accepted, by a file of its own."""
    justification = f"{acceptance.reason} (until {acceptance.expires})"
    return {
        **result,
        "suppressions": [{"kind": "external", "justification": justification}],
    }


def _place(step: Step) -> dict[str, Any]:
    """A step as a location: the resource in its group or file, and what it does."""
    name = f"{step.of}/{step.id}" if step.of else step.id
    return {
        "physicalLocation": _file(name),
        "logicalLocations": [{"fullyQualifiedName": name, "kind": str(step.kind)}],
        "message": {"text": step.text},
    }


def _file(name: str) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": re.sub(r"[^A-Za-z0-9._/-]+", "/", name).strip("/")},
        "region": {"startLine": 1},
    }
