"""`aws-docker verify`: a stack's intent beside AWS's configuration, the hosts' own word and the wire."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .connection import Connection, every_connection
from .errors import NotChecked, checking
from .keyfiles import write_bundle
from .options import Accepted, Directory, Html, Json, Profile, Sarif, Stack
from .reporting import finish, progress, read
from .stack import stack_export, stack_outputs


def verify(
    stack: Stack = None,
    cwd: Directory = None,
    profile: Profile = None,
    accepted: Accepted = None,
    as_json: Json = False,
    sarif: Sarif = None,
    html: Html = None,
) -> None:
    """Compare what a stack intends with what AWS has configured, what its hosts say and what the wire says from here.

    aws-docker verify --stack dev

    Drift is named, by the rule or port that makes it so, or by the host's own word where it has something else in
    force: `aws-docker status` has that alone. The stack's first client is tried; its key is never shown.

    Ends with 0 where all is as intended, 1 with findings, 2 where something could not be checked.
    """
    with checking():
        acceptances = read(accepted)
        from aws_docker.audit import aws
        from aws_docker.audit.host_status import expected_hosts
        from aws_docker.audit.intent import read_intents
        from aws_docker.audit.parameters import fetch_statuses
        from aws_docker.audit.verifying import verify as run

        # What is intended is a secret: it holds the server's key. Only its digest is kept.
        state = stack_export(stack, cwd, secrets=True)
        intents = read_intents(state)
        if not intents:
            raise NotChecked("the stack holds no Docker host; name another with --stack")
        connections = _connections(stack_outputs(stack, cwd))
        session = aws.open_session(profile, intents[0].region)
        account = aws.identify(session)
        statuses = fetch_statuses(session, expected_hosts(state))
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
                statuses=statuses,
            )
        finish(report, as_json, sarif, html, acceptances)


def _connections(outputs: Mapping[str, Any]) -> dict[str, Connection]:
    """The connections that a stack puts out, by address; a host without one is probed without a client."""
    return {
        connection.endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]"): connection
        for connection in every_connection(outputs).values()
    }
