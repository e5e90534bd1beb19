"""The commands. Those that hold code here read a stack's outputs and write them in a form that Docker's clients take.

Keys go to private files, or through a pipe; they are never printed to a terminal.
"""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aws_docker import __version__

from .audit import audit
from .bundle import default_folder, write_bundle, write_new
from .connection import (
    DOCKER_VARIABLES,
    Connection,
    Shell,
    context_archive,
    environment,
    find_connection,
    render_environment,
)
from .errors import CommandError
from .probe import probe
from .stack import stack_outputs
from .verify import verify

app = typer.Typer(
    help="Reach the Docker hosts of a Pulumi stack over mutual TLS, and audit what is exposed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Stack = Annotated[str | None, typer.Option("--stack", "-s", help="The stack; without it, the selected one.")]
Directory = Annotated[
    Path | None, typer.Option("--cwd", "-C", help="The Pulumi project's folder; without it, this one.")
]
Output = Annotated[
    str | None,
    typer.Option("--output", help="The stack's output that holds the host, where it puts out several."),
]
Client = Annotated[
    str | None, typer.Option("--client", help="Whose certificate; without it, the first client's.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.callback(invoke_without_command=True)
def version(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


app.command()(audit)
app.command()(probe)
app.command()(verify)


@app.command()
def env(
    stack: Stack = None,
    cwd: Directory = None,
    output: Output = None,
    client: Client = None,
    shell: Annotated[
        Shell | None, typer.Option(help="The shell to write for; without it, the one that seems in use.")
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Unset the variables instead; reads no stack.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the variables that point Docker's clients at the host.

    eval "$(aws-docker env --stack dev)"

    The client's certificate and key go to a private folder under ~/.docker/aws-docker.
    """
    if unset:
        variables: dict[str, str | None] = dict.fromkeys(DOCKER_VARIABLES)
    else:
        connection = _connection(stack, cwd, output, client)
        folder = default_folder(connection)
        write_bundle(connection, folder)
        variables = {**environment(connection, str(folder.absolute()))}
    if as_json:
        _print_json(variables)
    else:
        print(render_environment(variables, shell or _shell_in_use()), end="")
        if sys.stdout.isatty():
            print(f"nothing is set yet: {_how_to_apply(shell or _shell_in_use())}", file=sys.stderr)


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, or the same client's from before.")],
    stack: Stack = None,
    cwd: Directory = None,
    output: Output = None,
    client: Client = None,
    as_json: Json = False,
) -> None:
    """Write a client's ca.pem, cert.pem and key.pem into a folder that only you can read.

    aws-docker bundle alice-certs --stack dev --client alice
    """
    connection = _connection(stack, cwd, output, client)
    write_bundle(connection, folder)
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
    if as_json:
        _print_json(
            {"endpoint": connection.endpoint, "client": connection.client, "folder": str(folder), **files}
        )
    else:
        print(f"{folder}: ca.pem, cert.pem and key.pem of client {connection.client}. Try them:")
        print(
            f"docker --host {shlex.quote(connection.endpoint)} --tlsverify"
            f" --tlscacert {shlex.quote(files['ca'])} --tlscert {shlex.quote(files['cert'])}"
            f" --tlskey {shlex.quote(files['key'])} version"
        )


@app.command()
def context(
    stack: Stack = None,
    cwd: Directory = None,
    output: Output = None,
    client: Client = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A new file to write; without it, the archive goes to a pipe."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a Docker context that `docker context import` takes.

    aws-docker context --stack dev | docker context import build -

    Then `docker --context build ps`, and for a builder on the host:

    docker buildx create --name remote --use build
    """
    if file is None and (as_json or sys.stdout.isatty()):
        raise CommandError(
            "the context holds a private key, which is not printed",
            "pipe it: aws-docker context | docker context import NAME -, or name a file with --file",
        )
    connection = _connection(stack, cwd, output, client)
    archive = context_archive(connection)
    if file is None:
        sys.stdout.buffer.write(archive)
        return
    write_new(file, archive)
    if as_json:
        _print_json({"endpoint": connection.endpoint, "client": connection.client, "file": str(file)})
    else:
        print(
            f"{file}: the context of client {connection.client}. It holds the key: remove it once imported."
        )
        print(f"docker context import NAME {shlex.quote(str(file))}")


def _connection(stack: str | None, cwd: Path | None, output: str | None, client: str | None) -> Connection:
    return find_connection(stack_outputs(stack, cwd), output, client)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _shell_in_use() -> Shell:
    login_shell = Path(os.environ.get("SHELL", "")).name
    if login_shell == "fish":
        return Shell.fish
    if not login_shell and "PSModulePath" in os.environ:
        return Shell.powershell
    return Shell.sh


def _how_to_apply(shell: Shell) -> str:
    match shell:
        case Shell.fish:
            return "aws-docker env ... | source"
        case Shell.powershell:
            return "aws-docker env ... | Out-String | Invoke-Expression"
        case _:
            return 'eval "$(aws-docker env ...)"'
