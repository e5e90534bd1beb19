"""Findings that are accepted for a time: which, until when, and what is never accepted."""

import datetime
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog
from rich.console import Console

from aws_docker.audit.accepting import Acceptance, accept, read_accepted
from aws_docker.audit.findings import Exit, Finding, Unchecked
from aws_docker.audit.report import show, to_json
from aws_docker.audit.results import AuditReport
from aws_docker.audit.sarif import to_sarif
from aws_docker.core.checks import Severity
from aws_docker.core.errors import InvalidInput

from .test_report import SCHEMA

TODAY = datetime.date(2026, 11, 25)
ENI = "arn:aws:ec2:eu-central-1:1:network-interface/eni-1"
WIDER = Finding("open-wider-than-trusted", Severity.MEDIUM, ENI, "Too many reach it.")
OPEN = Finding("open-to-the-internet", Severity.HIGH, ENI, "The internet reaches it.")


def acceptance(**changes: Any) -> Acceptance:
    given = Acceptance(WIDER.kind, ENI, "the VPN's networks", TODAY, Severity.MEDIUM)
    return given._replace(**changes)


def report(*findings: Finding, unchecked: tuple[Unchecked, ...] = ()) -> AuditReport:
    return AuditReport([], findings, unchecked)


def test_an_accepted_finding_does_not_count() -> None:
    accepting = accept(report(WIDER), [acceptance()], TODAY)
    assert (accepting.status, accepting.findings) == (Exit.AS_INTENDED, [])
    assert accepting.accepted == [(WIDER, acceptance())]


@pytest.mark.parametrize(
    ("finding", "changes"),
    [
        (WIDER, {"expires": TODAY - datetime.timedelta(1)}),
        (WIDER, {"subject": ENI + "0"}),
        (WIDER, {"subject": ENI[:-1]}),
        (WIDER, {"subject": ENI.replace("eni-1", "[eni-1]")}),
        (WIDER, {"kind": "drift"}),
        (OPEN, {}),
        # The same kind and subject, and worse than what was looked at.
        (Finding("drift", Severity.CRITICAL, ENI, "m"), {"kind": "drift", "severity": Severity.HIGH}),
    ],
)
def test_what_counts_all_the_same(finding: Finding, changes: dict[str, Any]) -> None:
    accepting = accept(report(finding), [acceptance(**changes)], TODAY)
    assert accepting.status is Exit.FINDINGS
    assert [each.message for each in accepting.findings] == [finding.message]


def test_its_last_day_still_counts_and_the_next_says_that_it_is_over() -> None:
    assert accept(report(WIDER), [acceptance()], TODAY).status is Exit.AS_INTENDED
    (finding,) = accept(report(WIDER), [acceptance()], TODAY + datetime.timedelta(1)).findings
    assert finding.evidence[-1].text == (
        "it was accepted until 2026-11-25, which has passed: the VPN's networks"
    )


def test_subjects_may_hold_wildcards() -> None:
    wild = acceptance(subject="arn:aws:ec2:*:network-interface/eni-?")
    assert accept(report(WIDER), [wild], TODAY).status is Exit.AS_INTENDED


def test_what_could_not_be_checked_is_never_accepted() -> None:
    unchecked = (Unchecked("account 1", "denied."),)
    accepting = accept(report(WIDER, unchecked=unchecked), [acceptance(subject="*")], TODAY)
    assert accepting.status is Exit.NOT_CHECKED


def test_what_is_accepted_and_was_not_found_is_said() -> None:
    accepting = accept(report(), [acceptance()], TODAY)
    assert accepting.unused == [acceptance()]
    console = Console(record=True, width=200)
    show(accepting, console)
    assert "accepted, and not found" in console.export_text()


def test_all_forms_show_what_is_accepted() -> None:
    accepting = accept(report(WIDER, OPEN), [acceptance()], TODAY)
    document = json.loads(to_json(accepting))
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    assert [each["kind"] for each in document["findings"]] == ["open-to-the-internet"]
    assert document["accepted"][0]["acceptance"]["reason"] == "the VPN's networks"
    sarif = to_sarif(accepting, "0.1.0")
    SarifLog.model_validate_json(sarif)
    counting, accepted = json.loads(sarif)["runs"][0]["results"]
    assert "suppressions" not in counting
    assert accepted["suppressions"][0]["justification"] == "the VPN's networks (until 2026-11-25)"
    console = Console(record=True, width=200)
    show(accepting, console)
    text = console.export_text()
    assert "accepted  medium  Too many reach it." in text
    assert "complete: 1 high (1 accepted)" in text


YAML = f"""
accepted:
  - kind: open-wider-than-trusted
    subject: {ENI}
    reason: the VPN's networks
    expires: 2026-11-25
  - {{kind: drift, subject: "*", reason: r, expires: "2027-01-31", severity: low}}
"""


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text(YAML)
    first, second = read_accepted(file)
    assert first == acceptance()
    assert (second.expires, second.severity) == (datetime.date(2027, 1, 31), Severity.LOW)
    listed = [{"kind": WIDER.kind, "subject": ENI, "reason": "the VPN's networks", "expires": "2026-11-25"}]
    file.write_text(json.dumps(listed))
    assert read_accepted(file) == [acceptance()]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no list, nor one named `accepted`"),
        ("accepted: []\nexempted: []", "is no list, nor one named `accepted`"),
        ("[1]", "accepted[0]: 1 is no map"),
        (
            "- {kind: drift, subject: s, expires: 2027-01-31}",
            "accepted[0].reason: None is missing or no text",
        ),
        (
            "- {kind: drift, subject: s, reason: ' ', expires: 2027-01-31}",
            "accepted[0].reason: ' ' is missing",
        ),
        ("- {kind: drift, subject: s, reason: r}", "accepted[0].expires: None is no day"),
        ("- {kind: drift, subject: s, reason: r, expires: never}", "accepted[0].expires: 'never' is no day"),
        ("- {kind: drift, subject: s, reason: r, expires: 2027-01-31T01:00:00Z}", "is no day"),
        ("- {kind: drift, subject: s, reason: r, expires: 20270131}", "is no day"),
        ("- {kind: drifts, subject: s, reason: r, expires: 2027-01-31}", "'drifts' is no kind of finding"),
        ("- {kind: drift, subject: s, reason: r, expires: 2027-01-31, severity: worst}", "'worst' is none"),
        ("- {kind: drift, subject: s, reason: r, expires: 2027-01-31, until: x}", "'until' is not known"),
        ("{", "is neither YAML nor JSON"),
        ("#" * ((1 << 20) + 1), "is larger than 1 MiB"),
    ],
)
def test_a_file_that_says_it_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as error:
        read_accepted(file)
    assert says in str(error.value)
