"""The `aws-docker` command: hands what a stack put out to Docker's clients, and audits what is exposed.

app.py, audit.py, probe.py and verify.py hold the commands; reporting.py shows what the last three found. stack.py reads
a stack, connection.py decides what a client needs and how it is written down, bundle.py keeps keys private on disk.
"""

import sys

from .errors import CommandError


def main() -> None:
    """The console script: one clean line for a user's mistake, exit status 1; 2 for a wrong command line, and
    where something was to be checked and could not be."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in {"boto3", "cryptography", "rich", "typer"}:
            raise
        sys.exit(f"aws-docker: the module {error.name} is missing; run: pip install 'aws-docker[audit]'")
    try:
        app(prog_name="aws-docker")
    except CommandError as error:
        print(f"aws-docker: {error}", file=sys.stderr)
        sys.exit(error.status)
    except OSError as error:
        sys.exit(f"aws-docker: {error.filename or 'a file'}: {error.strerror}")
