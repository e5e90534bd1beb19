"""Writes findings as SARIF 2.1.0 (OASIS), so that code scanning can show and follow them.

The place of a finding is a resource and no file. GitHub wants a file all the same: the resource's name stands in for
one. A fingerprint holds what stays from run to run: kind and subject. What could not be checked makes the run
unsuccessful, and is among its notifications.
"""

import hashlib
import json
import re
from typing import Any, Final

from .findings import KINDS, Exit, Finding, Kind, Rank
from .report import Report

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {Rank.CRITICAL: "error", Rank.HIGH: "error", Rank.MEDIUM: "warning", Rank.LOW: "note"}
# GitHub's scale for "security-severity": above 9 is critical, from 7 high, from 4 medium.
_SEVERITIES: Final = {Rank.CRITICAL: "9.8", Rank.HIGH: "8.0", Rank.MEDIUM: "5.5", Rank.LOW: "2.0"}


def to_sarif(report: Report, version: str) -> str:
    """The report as a SARIF log of one run."""
    worst: dict[str, Rank] = {}
    for finding in report.findings:  # the worst come first
        worst.setdefault(finding.kind, finding.rank)
    rules = [_rule(KINDS[kind], rank) for kind, rank in worst.items()]
    index = {rule["id"]: at for at, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": f"aws-docker {report.command}",
                "semanticVersion": version,
                "informationUri": "https://pypi.org/project/aws-docker/",
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
        "results": [_result(finding, index[finding.kind]) for finding in report.findings],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(kind: Kind, rank: Rank) -> dict[str, Any]:
    return {
        "id": kind.id,
        "shortDescription": {"text": kind.what},
        "fullDescription": {"text": f"{kind.what} {kind.why}"},
        "help": {"text": kind.why},
        "defaultConfiguration": {"level": _LEVELS[rank]},
        "properties": {"tags": ["security"], "security-severity": _SEVERITIES[rank]},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    text = "\n".join([finding.message, *finding.path, *(f"Close it: {command}" for command in finding.close)])
    identity = f"{finding.kind} {finding.subject}"
    return {
        "ruleId": finding.kind,
        "ruleIndex": rule,
        "level": _LEVELS[finding.rank],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": re.sub(r"[^A-Za-z0-9._/-]+", "/", finding.subject).strip("/")
                    },
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.subject, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"subject/v1": hashlib.sha256(identity.encode()).hexdigest()},
        "properties": {"rank": str(finding.rank)},
    }
