"""What `aws-docker verify` shows beside its findings: each host's intent, configuration and answers, side by side."""

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..results import VerifyReport
from ..verdicts import Verdict
from .parts import ports_json, ports_table, table


def details(report: VerifyReport) -> dict[str, Any]:
    """What the comparison alone has to say, as JSON."""
    return {
        "hosts": [
            {
                "name": host.intent.name,
                "account": host.intent.account,
                "region": host.intent.region,
                "instance": host.intent.instance,
                "address": host.intent.address,
                "remote": host.intent.remote,
                "intended": list(host.intended.cidrs()),
                "configured": list(host.configured.cidrs()),
                "here": host.here,
                "wire": ports_json(host.ports),
            }
            for host in report.hosts
        ]
    }


def tables(report: VerifyReport) -> Iterable[Table | str]:
    """The same for people."""
    headings = ("host", "instance", "intended sources of 2376", "configured", "the wire, from here")
    rows = [
        (
            escape(host.intent.name),
            host.intent.instance,
            host.intended.summary(4) or ("nobody: a tunnel alone" if host.intent.tunnel else "nobody"),
            host.configured.summary(4) or "nobody",
            ", ".join(f"{port.endpoint.port} {port.verdict}" for port in host.ports),
        )
        for host in report.hosts
    ]
    if rows:
        yield table("What the stack intends, and what there is", headings, rows)
    silent = (Verdict.CLOSED, Verdict.FILTERED)
    if speaking := [port for host in report.hosts for port in host.ports if port.verdict not in silent]:
        yield ports_table(speaking)
