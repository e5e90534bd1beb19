"""`aws-docker buildx`: a builder on a stack's hosts, made or refreshed; each host is a node of it.

A node reads its host's context each time, so that a renewed certificate is the context's matter alone. Nodes whose
hosts the stack no longer puts out leave the builder, if this command made them.
"""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from .connection import Connection, every_connection, find_connection
from .contexts import docker, endpoint_of, is_context, remove_context, save_context
from .errors import CommandError
from .options import Client, Directory, Json, Output, Outputs, Stack
from .reporting import print_json
from .stack import outputs_of


def buildx(
    name: Annotated[str, typer.Argument(help="The builder to make, or to refresh.")],
    stack: Stack = None,
    cwd: Directory = None,
    outputs: Outputs = None,
    output: Output = None,
    client: Client = None,
    use: Annotated[bool, typer.Option("--use", help="Have `docker build` use it from now on.")] = False,
    as_json: Json = False,
) -> None:
    """Make a buildx builder on the stack's hosts, or refresh it after a renewal or a change of the hosts.

    aws-docker buildx remote --stack dev --use && docker buildx build .

    Without --output, every host that the stack puts out becomes a node: buildx builds each platform where it is native.
    """
    connections = _connections(outputs_of(stack, cwd, outputs), output, client)
    if is_context(name):
        raise CommandError(
            f"{name!r} is a context, and so a builder of its own, on that host alone", "choose another name"
        )
    before = _nodes(name)
    nodes = {node: f"{name}-{node}" for node in connections}
    for node, connection in connections.items():
        save_context(nodes[node], connection)
    for place, (node, context) in enumerate(nodes.items()):
        append = ["--append"] if before or place else []
        words = ["--name", name, "--driver", "docker-container", "--node", node, *append, *(["--use"] * use)]
        docker("buildx", "create", *words, "--", context)
    gone = [node for node, context in before.items() if node not in nodes and _is_ours(name, node, context)]
    for node in gone:
        docker("buildx", "create", "--name", name, "--node", node, "--leave")
        remove_context(before[node])
    if as_json:
        print_json(
            {
                "builder": name,
                "created": not before,
                "nodes": {node: connection.endpoint for node, connection in connections.items()},
                "left": gone,
            }
        )
        return
    print(f"{name}: {'refreshed' if before else 'made'}, with {len(nodes)} node{'s' * (len(nodes) > 1)}")
    for node, connection in connections.items():
        print(f"  {node}: client {connection.client} of {connection.endpoint}")
    for node in gone:
        print(f"  {node}: left, as the stack puts it out no more")
    print(f"docker buildx build --builder {name} ." if not use else "docker buildx build .")


def _connections(outputs: dict[str, Any], output: str | None, client: str | None) -> dict[str, Connection]:
    """The hosts to build on by the names of their nodes."""
    several = (
        {} if output else {path: each for path, each in every_connection(outputs, client).items() if path}
    )
    if len(several) < 2:
        path = output or next(iter(several), "")
        return {_node(path): find_connection(outputs, output, client)}
    return {_node(path): connection for path, connection in several.items()}


def _node(path: str) -> str:
    """A path of outputs as a node's and a context's name may be."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", path).strip("-_.") or "host"


def _nodes(builder: str) -> dict[str, str]:
    """The nodes of a builder and their contexts, none where there is no such builder.

    From buildx's own file: asking buildx would have it connect to each node first. Raises CommandError for a builder of
    another kind.
    """
    settings = os.environ.get("BUILDX_CONFIG") or (
        Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "buildx"
    )
    try:
        text = (Path(settings) / "instances" / builder.lower()).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found: Any = json.loads(text)
    if found.get("Driver") != "docker-container":
        raise CommandError(
            f"the builder {builder!r} has the driver {found.get('Driver')}",
            "choose another name for this one",
        )
    return {str(node["Name"]): str(node["Endpoint"]) for node in found.get("Nodes") or ()}


def _is_ours(builder: str, node: str, context: str) -> bool:
    try:
        return context == f"{builder}-{node}" and endpoint_of(context) is not None
    except CommandError:
        return False
