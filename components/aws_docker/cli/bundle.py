"""`aws-docker bundle`: a client's certificate and key in a folder."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .connection import find_connection
from .keyfiles import write_bundle
from .options import Client, Directory, Json, Output, Outputs, Stack
from .reporting import print_json
from .stack import outputs_of


def bundle(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, or the same client's from before.")],
    stack: Stack = None,
    cwd: Directory = None,
    outputs: Outputs = None,
    output: Output = None,
    client: Client = None,
    as_json: Json = False,
) -> None:
    """Write a client's ca.pem, cert.pem and key.pem into a folder that only you can read.

    aws-docker bundle alice-certs --stack dev --client alice
    """
    connection = find_connection(outputs_of(stack, cwd, outputs), output, client)
    write_bundle(connection, folder)
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
    if as_json:
        print_json(
            {"endpoint": connection.endpoint, "client": connection.client, "folder": str(folder), **files}
        )
    else:
        print(f"{folder}: ca.pem, cert.pem and key.pem of client {connection.client}. Try them:")
        print(
            f"docker --host {shlex.quote(connection.endpoint)} --tlsverify"
            f" --tlscacert {shlex.quote(files['ca'])} --tlscert {shlex.quote(files['cert'])}"
            f" --tlskey {shlex.quote(files['key'])} version"
        )
