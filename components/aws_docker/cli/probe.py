"""`aws-docker probe`: what ports say on the wire."""

from pathlib import Path
from typing import Annotated

import typer

from aws_docker.core.ports import DOCKER_PORTS

from .errors import checking
from .options import Accepted, Json, Sarif
from .reporting import finish, progress, read


def probe(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...", help="Addresses, networks, names; with :PORT, or as tcp://…:PORT."
        ),
    ],
    port: Annotated[
        list[int] | None,
        typer.Option("--port", "-p", min=1, max=65535, help="Ports; 2375 and 2376 by default."),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="A client's folder of ca.pem, cert.pem and key.pem: does it work?"),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="The CA that servers' certificates should be of (PEM).")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=1, help="New connections in a second, at most; loopback is not bounded.")
    ] = 5_000,
    concurrency: Annotated[int, typer.Option(min=1, help="Connections at once, at most.")] = 1_024,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds until a silent port is filtered.")] = 2.0,
    yes_really: Annotated[
        bool, typer.Option("--yes-really", help="Probe more than 65,536 addresses, a /16.")
    ] = False,
    accepted: Accepted = None,
    as_json: Json = False,
    sarif: Sarif = None,
) -> None:
    """Say what ports are, from the wire: filtered, closed, a Docker API that serves anybody, or mutual TLS.

    aws-docker probe 10.0.5.0/24 tcp://build.example.com:2376

    It changes nothing: it connects, shakes hands, and asks GET /_ping and GET /version. Probe only what is yours.

    Ends with 0 where no API serves clients without a certificate, 1 with findings, 2 where a port is not known.
    """
    with checking():
        acceptances = read(accepted)
        from aws_docker.audit.probing import probe as run
        from aws_docker.audit.speaking import ProbeSettings

        settings = ProbeSettings(connect_timeout=timeout, rate=rate, concurrency=concurrency)
        authority = ca.read_text(encoding="utf-8") if ca else None
        with progress("ports") as advance:
            report = run(
                targets,
                bundle,
                ports=tuple(dict.fromkeys(port or DOCKER_PORTS)),
                authority=authority,
                settings=settings,
                really=yes_really,
                progress=advance,
            )
        finish(report, as_json, sarif, acceptances=acceptances)
