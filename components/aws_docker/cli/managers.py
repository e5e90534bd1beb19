"""Chooses the manager of a Swarm that answers: one that is lost must not lock its clients out."""

import sys
from dataclasses import replace

from .connection import Connection


def answering(connection: Connection) -> Connection:
    """The same connection, to the first of a Swarm's managers that answers over mutual TLS; as it is where none does,
    or where there is one way alone: nobody is asked then."""
    if len(connection.managers) < 2:
        return connection
    from aws_docker.host.readiness import Client, NotReady, ping

    context = Client(connection.ca, connection.certificate, connection.key).context()
    endpoints = dict.fromkeys((connection.endpoint, *connection.managers))
    for endpoint in endpoints:
        try:
            ping(endpoint, context)
        except NotReady as error:
            print(f"{endpoint}: {error}", file=sys.stderr)
        else:
            return replace(connection, endpoint=endpoint)
    print(f"no manager answers here: {connection.endpoint} is taken", file=sys.stderr)
    return connection
