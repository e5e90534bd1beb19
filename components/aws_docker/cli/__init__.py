"""The `aws-docker` command: hands what a stack put out to Docker's clients.

app.py holds the commands, stack.py reads a stack's outputs, connection.py decides what a client needs and how it
is written down, bundle.py keeps keys private on disk.
"""

import sys

from .errors import CommandError


def main() -> None:
    """The console script: one clean line for a user's mistake, exit status 1; 2 for a wrong command line."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit(f"aws-docker: the module {error.name} is missing; run: pip install 'aws-docker[audit]'")
    try:
        app(prog_name="aws-docker")
    except CommandError as error:
        sys.exit(f"aws-docker: {error}")
    except OSError as error:
        sys.exit(f"aws-docker: {error.filename or 'a file'}: {error.strerror}")
