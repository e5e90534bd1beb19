"""`aws-docker context`: a Docker context, made or refreshed here, or as an archive for elsewhere."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .connection import find_connection
from .contexts import context_archive, save_context
from .errors import CommandError
from .keyfiles import write_new
from .managers import answering
from .options import Client, Directory, Json, Output, Outputs, Stack
from .reporting import print_json
from .stack import outputs_of


def context(
    name: Annotated[
        str | None,
        typer.Argument(help="The context to make, or to refresh; without it, an archive is written."),
    ] = None,
    stack: Stack = None,
    cwd: Directory = None,
    outputs: Outputs = None,
    output: Output = None,
    client: Client = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A new file to write the archive to; without it, it goes to a pipe."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a Docker context, or refresh it after a renewal.

    aws-docker context build --stack dev && docker --context build ps

    Without a name, write an archive that `docker context import` takes on another machine:

    aws-docker context --stack dev | ssh ci docker context import build -
    """
    if name is not None and file is not None:
        raise CommandError("a name makes a context here, --file an archive for elsewhere", "leave one out")
    if name is None and file is None and (as_json or sys.stdout.isatty()):
        raise CommandError(
            "the context holds a private key, which is not printed",
            "pipe it: aws-docker context | docker context import NAME -, or name a file with --file, "
            "or the context to make here: aws-docker context NAME",
        )
    connection = answering(find_connection(outputs_of(stack, cwd, outputs), output, client))
    told = {"endpoint": connection.endpoint, "client": connection.client}
    if name is not None:
        before = save_context(name, connection)
        if as_json:
            print_json({"context": name, "created": before is None, **told})
            return
        moved = f" (was {before})" if before not in (None, connection.endpoint) else ""
        made = "made" if before is None else "refreshed"
        print(f"{name}: {made} for client {connection.client} of {connection.endpoint}{moved}")
        print(f"docker --context {shlex.quote(name)} ps")
        if "DOCKER_HOST" in os.environ:
            print("DOCKER_HOST is set, and wins over the context in use: unset it", file=sys.stderr)
        return
    archive = context_archive(connection)
    if file is None:
        sys.stdout.buffer.write(archive)
        return
    write_new(file, archive)
    if as_json:
        print_json({**told, "file": str(file)})
    else:
        print(
            f"{file}: the context of client {connection.client}. It holds the key: remove it once imported."
        )
        print(f"docker context import NAME {shlex.quote(str(file))}")
