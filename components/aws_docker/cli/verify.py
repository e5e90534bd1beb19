"""`aws-docker verify`: a stack's intent beside AWS's configuration and the wire."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aws_docker.audit import aws
from aws_docker.audit.intent import read_intents
from aws_docker.audit.verifying import verify as run

from .bundle import write_bundle
from .connection import Connection, find_connection
from .errors import CommandError, NotChecked, checking
from .reporting import Sarif, finish, progress
from .stack import stack_export, stack_outputs


def verify(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="The stack; without it, the selected one.")
    ] = None,
    cwd: Annotated[
        Path | None, typer.Option("--cwd", "-C", help="The Pulumi project's folder; without it, this one.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="A profile of the AWS CLI, SSO profiles as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    sarif: Sarif = None,
) -> None:
    """Compare what a stack intends with what AWS has configured and what the wire says from here.

    aws-docker verify --stack dev

    Drift is named, by the rule or port that makes it so. The stack's first client is tried; its key is never shown.

    Ends with 0 where all is as intended, 1 with findings, 2 where something could not be checked.
    """
    with checking():
        intents = read_intents(stack_export(stack, cwd))
        if not intents:
            raise NotChecked("the stack holds no Docker host; name another with --stack")
        connections = _connections(stack_outputs(stack, cwd))
        account = aws.identify(aws.open_session(profile, intents[0].region))
        with tempfile.TemporaryDirectory(prefix="aws-docker-") as folder, progress("hosts") as advance:
            bundles: dict[str, Path] = {}
            for intent in intents:
                if connection := connections.get(intent.address):
                    bundles[intent.address] = Path(folder) / intent.instance
                    write_bundle(connection, bundles[intent.address])
            report = run(
                account,
                intents,
                bundles,
                progress=lambda doing, done, total: advance(done, total, f"host {doing}"),
            )
        finish(report, as_json, sarif)


def _connections(outputs: Mapping[str, Any]) -> dict[str, Connection]:
    """The connections that a stack puts out, by address; a host without one is probed without a client."""
    found: dict[str, Connection] = {}
    for output in (None, *outputs):
        try:
            connection = find_connection(outputs, output, None)
        except CommandError:
            continue
        found[connection.endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")] = connection
    return found
