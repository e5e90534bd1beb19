"""Writes down what was found: as a table for people, and as JSON whose form has a version (docs/audit.schema.json).

Decides how things are shown, and nothing else. SARIF is in sarif.py.
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .findings import Exit, Finding, Rank, Unchecked
from .verdicts import Certificate, PortJudgement, Verdict

VERSION: Final = 1
"""Of the JSON. It grows by names that readers may ignore; whatever else changes is a new version."""

_COLOURS: Final = {Rank.CRITICAL: "bold red", Rank.HIGH: "red", Rank.MEDIUM: "yellow", Rank.LOW: "cyan"}


class Report(Protocol):
    """What every command reports."""

    @property
    def command(self) -> str:
        """audit, probe or verify."""
        ...

    @property
    def findings(self) -> Sequence[Finding]: ...

    @property
    def unchecked(self) -> Sequence[Unchecked]: ...

    @property
    def status(self) -> Exit: ...

    def details(self) -> dict[str, Any]:
        """What the command alone has to say, as JSON."""
        ...

    def tables(self) -> Iterable[Table | str]:
        """The same for people: tables, and lines of text."""
        ...


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
        **report.details(),
    }
    return json.dumps(document, indent=2)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "rank": str(finding.rank),
        "subject": finding.subject,
        "message": finding.message,
        "path": list(finding.path),
        "close": list(finding.close),
    }


def show(report: Report, console: Console) -> None:
    """The report for people."""
    for shown in report.tables():
        console.print(escape(shown) if isinstance(shown, str) else shown, highlight=False)
    for finding in report.findings:
        colour = _COLOURS[finding.rank]
        console.print(
            f"[{colour}]{finding.rank}[/]  {escape(finding.message)}", highlight=False, soft_wrap=True
        )
        for step in finding.path:
            console.print(f"    {escape(step)}", highlight=False, soft_wrap=True)
        for command in finding.close:
            console.print(f"    [green]close it:[/] {escape(command)}", highlight=False, soft_wrap=True)
    for each in report.unchecked:
        text = f"[bold magenta]not checked[/]  {escape(each.subject)}: {escape(each.reason)}"
        console.print(text, highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(_summary(report))}[/]", highlight=False, soft_wrap=True)


def _summary(report: Report) -> str:
    ranks = [f"{count} {rank}" for rank in Rank if (count := sum(f.rank is rank for f in report.findings))]
    found = ", ".join(ranks) if ranks else "nothing found"
    if report.unchecked:
        return f"PARTIAL: {len(report.unchecked)} could not be checked; in what was checked, {found}"
    return f"complete: {found}"


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table in the house's form, without the columns that are empty; cells may hold markup."""
    filled = list(rows)
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    kept = [at for at in range(len(headings)) if at == 0 or any(row[at] for row in filled)]
    for at in kept:
        made.add_column(headings[at], overflow="fold")
    for row in filled:
        made.add_row(*(row[at] for at in kept))
    return made


# --- Ports ---------------------------------------------------------------------------------------------------------


def ports_json(ports: Iterable[PortJudgement]) -> list[dict[str, Any]]:
    """What was seen of ports."""
    return [
        {
            "address": port.endpoint.address,
            "port": port.endpoint.port,
            "name": port.endpoint.name,
            "verdict": str(port.verdict),
            "told": port.told,
            "engine": port.engine,
            "api_version": port.api_version,
            "min_api_version": port.min_api_version,
            "tls_version": port.tls_version,
            "certificate": _certificate(port.certificate),
            "expected_authority": port.expected_authority,
            "bundle_works": port.bundle_works,
            "bundle_told": port.bundle_told or None,
        }
        for port in ports
    ]


def _certificate(certificate: Certificate | None) -> dict[str, Any] | None:
    if certificate is None:
        return None
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
    }


_VERDICT_COLOURS: Final = {
    Verdict.API_IN_CLEAR_TEXT: "bold red",
    Verdict.API_WITHOUT_CLIENT_CERTIFICATE: "bold red",
    Verdict.MUTUAL_TLS: "green",
    Verdict.UNCLEAR: "magenta",
    Verdict.UNCHECKED: "magenta",
}


def ports_table(ports: Iterable[PortJudgement], title: str = "From the wire") -> Table:
    """What was seen of ports."""
    headings = ("port", "verdict", "how it was told", "engine", "certificate", "client bundle")
    return table(title, headings, map(_port_row, ports))


def _port_row(port: PortJudgement) -> Sequence[str]:
    engine = f"{port.engine or '?'}, API {port.api_version or '?'}" if port.engine or port.api_version else ""
    bundle = {True: "works", False: f"refused: {port.bundle_told}", None: ""}[port.bundle_works]
    return (
        str(port.endpoint),
        f"[{_VERDICT_COLOURS.get(port.verdict, 'default')}]{port.verdict}[/]",
        escape(port.told),
        escape(engine),
        escape(_certificate_text(port)),
        escape(bundle),
    )


def _certificate_text(port: PortJudgement) -> str:
    if port.certificate is None:
        return ""
    expected = {True: ", of the expected CA", False: ", NOT of the expected CA", None: ""}[
        port.expected_authority
    ]
    names = ", ".join(port.certificate.names) or port.certificate.subject
    return f"{port.tls_version or 'TLS'}, {names}, until {port.certificate.not_after:%Y-%m-%d}{expected}"


def counts_text(counts: Mapping[Verdict, int]) -> str:
    """How many ports there are of each kind."""
    return ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(counts.items()) if count)
