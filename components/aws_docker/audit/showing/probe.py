"""What `aws-docker probe` shows beside its findings: what each port is, and how many there are of each verdict."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from ..results import ProbeReport
from .parts import counts_text, ports_json, ports_table


def details(report: ProbeReport) -> dict[str, Any]:
    """What the probe alone has to say, as JSON."""
    return {
        "counts": {str(verdict): count for verdict, count in sorted(report.counts.items())},
        "ports": ports_json(report.ports),
    }


def tables(report: ProbeReport) -> Iterable[Table | str]:
    """The same for people."""
    if report.ports:
        yield ports_table(report.ports)
    yield f"{report.counts.total():,} ports: {counts_text(report.counts)}"
