"""What the commands' reports share: tables, ports, and the pieces of findings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.markup import escape
from rich.table import Table

from ..certificates import ServerCertificate
from ..verdicts import PortJudgement, Verdict


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without the columns that are empty; cells may hold markup."""
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
            "evidence": port.evidence,
            "engine": port.engine,
            "api_version": port.api_version,
            "min_api_version": port.min_api_version,
            "tls_version": port.tls_version,
            "certificate": _certificate(port.certificate),
            "expected_authority": port.expected_authority,
            "bundle_works": port.bundle_works,
            "bundle_evidence": port.bundle_evidence or None,
        }
        for port in ports
    ]


def _certificate(certificate: ServerCertificate | None) -> dict[str, Any] | None:
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
    headings = ("port", "verdict", "evidence", "engine", "certificate", "client bundle")
    return table(title, headings, map(_port_row, ports))


def _port_row(port: PortJudgement) -> Sequence[str]:
    engine = f"{port.engine or '?'}, API {port.api_version or '?'}" if port.engine or port.api_version else ""
    bundle = {True: "works", False: f"refused: {port.bundle_evidence}", None: ""}[port.bundle_works]
    return (
        str(port.endpoint),
        f"[{_VERDICT_COLOURS.get(port.verdict, 'default')}]{port.verdict}[/]",
        escape(port.evidence),
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
