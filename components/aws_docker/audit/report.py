"""Writes down what was found: as a table for people, and as JSON whose form has a version (docs/audit.schema.json).

What the findings of all commands look like is decided here, what each command alone has to say in showing/. SARIF is in
sarif.py.
"""

import datetime
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..core.checks import Severity
from .accepting import Acceptance, AcceptingReport
from .findings import Finding, Report, Step, lines
from .showing import audit, probe, verify

VERSION: Final = 2
"""Of the JSON. It grows by names that readers may ignore; whatever else changes is a new version."""

_COLOURS: Final = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}


class _View(NamedTuple):
    """How a command's own results are shown."""

    details: Callable[[Any], dict[str, Any]]
    tables: Callable[[Any], Iterable[Table | str]]


_VIEWS: Final = {
    "audit": _View(audit.details, audit.tables),
    "probe": _View(probe.details, probe.tables),
    "verify": _View(verify.details, verify.tables),
}


def to_json(report: Report) -> str:
    """The report as JSON."""
    document = {
        "command": report.command,
        "version": VERSION,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "complete": not report.unchecked,
        "exit_status": int(report.status),
        "findings": [_finding(each) for each in report.findings],
        "unchecked": [{"subject": each.subject, "reason": each.reason} for each in report.unchecked],
        **_accepted(report),
        **_VIEWS[report.command].details(_whole(report)),
    }
    return json.dumps(document, indent=2)


def _whole(report: Report) -> Report:
    """What the command found, whatever of it is accepted."""
    return report.report if isinstance(report, AcceptingReport) else report


def _accepted(report: Report) -> dict[str, Any]:
    if not isinstance(report, AcceptingReport):
        return {"accepted": []}
    return {
        "accepted": [
            {**_finding(finding), "acceptance": _acceptance(acceptance)}
            for finding, acceptance in report.accepted
        ],
        "acceptances_without_finding": [_acceptance(each) for each in report.unused],
    }


def _acceptance(acceptance: Acceptance) -> dict[str, Any]:
    return {
        "kind": acceptance.kind,
        "subject": acceptance.subject,
        "reason": acceptance.reason,
        "expires": acceptance.expires.isoformat(),
        "severity": str(acceptance.severity),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "message": finding.message,
        "paths": [[_step(step) for step in path] for path in finding.paths],
        "evidence": [_step(step) for step in finding.evidence],
        "close": [{"hint": each.hint, "removes": each.removes or None} for each in finding.close],
    }


def _step(step: Step) -> dict[str, Any]:
    return {"kind": str(step.kind), "id": step.id, "of": step.of or None, "text": step.text}


def show(report: Report, console: Console) -> None:
    """The report for people."""
    for shown in _VIEWS[report.command].tables(_whole(report)):
        console.print(escape(shown) if isinstance(shown, str) else shown, highlight=False)
    for finding in report.findings:
        colour = _COLOURS[finding.severity]
        console.print(
            f"[{colour}]{finding.severity}[/]  {escape(finding.message)}", highlight=False, soft_wrap=True
        )
        for line in lines(finding):
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
        for closing in finding.close:
            console.print(f"    [green]close it:[/] {escape(closing.hint)}", highlight=False, soft_wrap=True)
    if isinstance(report, AcceptingReport):
        for line in _acceptances(report):
            console.print(line, highlight=False, soft_wrap=True)
    for each in report.unchecked:
        text = f"[bold magenta]not checked[/]  {escape(each.subject)}: {escape(each.reason)}"
        console.print(text, highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(_summary(report))}[/]", highlight=False, soft_wrap=True)


def _acceptances(report: AcceptingReport) -> Iterable[str]:
    for finding, acceptance in report.accepted:
        yield f"[dim]accepted[/]  {finding.severity}  {escape(finding.message)}"
        yield f"    until {acceptance.expires}: {escape(acceptance.reason)}"
    for acceptance in report.unused:
        about = f"{acceptance.kind} of {acceptance.subject}"
        yield f"[dim]accepted, and not found[/]  {escape(about)}: take it out of the file"


def _summary(report: Report) -> str:
    number = Counter(finding.severity for finding in report.findings)
    counts = [f"{number[severity]} {severity}" for severity in Severity if number[severity]]
    found = ", ".join(counts) if counts else "nothing found"
    if isinstance(report, AcceptingReport) and report.accepted:
        found += f" ({len(report.accepted)} accepted)"
    if report.unchecked:
        return f"PARTIAL: {len(report.unchecked)} could not be checked; in what was checked, {found}"
    return f"complete: {found}"
