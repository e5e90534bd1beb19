"""How commands report: table, JSON or SARIF on standard output, progress on standard error."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from aws_docker import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_docker.audit.accepting import Acceptance
    from aws_docker.audit.findings import Report
    from aws_docker.audit.host_status import HostStatus


class Advance(Protocol):
    """Told how many are done, of how many, and what is being done."""

    def __call__(self, done: int, total: int, doing: str = "") -> None: ...


@contextmanager
def progress(title: str) -> Generator[Advance]:
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: int, total: int, doing: str = "") -> None:
            bar.update(task, completed=done, total=total, description=doing or title)

        yield advance


def print_json(value: Any) -> None:
    """A command's answer for programs."""
    print(json.dumps(value, indent=2))


def finish_statuses(command: str, statuses: "Sequence[HostStatus]", as_json: bool) -> None:
    """Print what a command has seen of hosts, and end with the exit status that this comes to."""
    from aws_docker.audit.host_status import exit_of

    ended = exit_of(statuses)
    if as_json:
        print_json({"command": command, "status": int(ended), "hosts": _statuses_json(statuses)})
    else:
        _show_statuses(statuses)
    raise typer.Exit(int(ended))


def _show_statuses(statuses: "Sequence[HostStatus]") -> None:
    """What hosts say, as a table."""
    from rich.console import Console
    from rich.markup import escape

    from aws_docker.audit.host_status import Standing
    from aws_docker.audit.notices import notices
    from aws_docker.audit.showing.parts import table

    colours = {
        Standing.READY: "green",
        Standing.UNDER_WAY: "yellow",
        Standing.ASLEEP: "blue",
        Standing.FAILED: "bold red",
    }
    rows = [
        (
            escape(each.host.name),
            escape(each.host.instance),
            f"[{colours.get(each.standing, 'magenta')}]{each.standing}[/]",
            escape(each.evidence),
            *(escape((each.word or {}).get(name, "")) for name in ("engine", "certificate_expires_at", "at")),
        )
        for each in statuses
    ]
    headings = ("host", "instance", "", "because", "engine", "certificate until", "written")
    console = Console(file=sys.stdout)
    console.print(table("Hosts", headings, rows), highlight=False)
    for each in statuses:
        if each.hint:
            console.print(f"{escape(each.host.name)}: {escape(each.hint)}", highlight=False, soft_wrap=True)
        for notice in notices(each, datetime.now(UTC)):
            console.print(f"[yellow]{escape(notice.message)}[/]", highlight=False, soft_wrap=True)


def _statuses_json(statuses: "Sequence[HostStatus]") -> list[dict[str, Any]]:
    """The same for programs."""
    from aws_docker.audit.notices import notices

    return [
        {
            "host": each.host.name,
            "instance": each.host.instance,
            "standing": str(each.standing),
            "evidence": each.evidence,
            "hint": each.hint or None,
            "notices": [notice.message for notice in notices(each, datetime.now(UTC))],
            "intended": each.host.digest,
            "status": dict(each.word) if each.word else None,
            "instance_state": each.power or None,
        }
        for each in statuses
    ]


def read(accepted: Path | None) -> "list[Acceptance] | None":
    """The acceptances of a file, before anything else is done: with a bad one, nothing is."""
    from aws_docker.audit.accepting import read_accepted

    return None if accepted is None else read_accepted(accepted)


def finish(
    report: "Report",
    as_json: bool,
    sarif: Path | None,
    html: Path | None = None,
    acceptances: "list[Acceptance] | None" = None,
) -> None:
    """Print the report, write SARIF and a page where they are wanted, and end with the report's status.

    With acceptances, what they accept does not count.
    """
    from rich.console import Console

    from aws_docker.audit.accepting import accept
    from aws_docker.audit.report import show, to_json
    from aws_docker.audit.sarif import to_sarif

    if acceptances is not None:
        report = accept(report, acceptances)
    if html is not None:
        from aws_docker.audit.html import to_html

        html.write_text(to_html(report, __version__, datetime.now(UTC)), encoding="utf-8")
    if sarif == Path("-"):
        if as_json:
            raise typer.BadParameter("--json and --sarif - both want standard output")
        print(to_sarif(report, __version__))
    else:
        if sarif is not None:
            sarif.write_text(to_sarif(report, __version__) + "\n", encoding="utf-8")
        if as_json:
            print(to_json(report))
        else:
            show(report, Console(file=sys.stdout))
    raise typer.Exit(int(report.status))
