"""Options that several commands take, each said once: its names, its help, its type."""

from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[str | None, typer.Option("--stack", "-s", help="The stack; without it, the selected one.")]
Directory = Annotated[
    Path | None, typer.Option("--cwd", "-C", help="The Pulumi project's folder; without it, this one.")
]
Outputs = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Read the outputs from this file, - for standard input, and ask no pulumi: "
        "what `pulumi stack output --json --show-secrets` prints.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", help="Which host, where there are several: an output, or a path such as hosts.a."
    ),
]
Client = Annotated[
    str | None, typer.Option("--client", help="Whose certificate; without it, the first client's.")
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="A profile of the AWS CLI, SSO profiles as well.")
]
Accepted = Annotated[
    Path | None,
    typer.Option(
        "--accepted",
        metavar="FILE",
        help="Findings that are accepted for a time, each with a reason and a last day (YAML or JSON).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Sarif = Annotated[
    Path | None,
    typer.Option("--sarif", help="Write SARIF 2.1.0 to this file as well; - for standard output instead."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        help="Write a page that draws who reaches what, and what stops the others, to this file as well.",
    ),
]
