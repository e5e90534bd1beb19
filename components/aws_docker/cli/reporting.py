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
    from aws_docker.audit.accepting import Acceptance
    from aws_docker.audit.findings import Report


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
