"""Puts the commands together. Each stands in a file of its own, and loads what it needs when it runs: to ask for the
version, or for help, no SDK is loaded, and none is missed where its extra is not installed.
"""

from typing import Annotated

import typer

from aws_docker import __version__

from .audit import audit
from .buildx import buildx
from .bundle import bundle
from .context import context
from .doctor import doctor
from .env import env
from .probe import probe
from .start import start
from .status import status
from .stop import stop
from .tunnel import tunnel
from .verify import verify
from .wait import wait

app = typer.Typer(
    help="Reach the Docker hosts of a Pulumi stack over mutual TLS, and audit what is exposed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


# What stands behind the command that runs in it is that one's, options included.
app.command(context_settings={"allow_interspersed_args": False})(tunnel)
for command in (env, bundle, context, buildx, status, wait, start, stop, audit, probe, verify, doctor):
    app.command()(command)
