"""The `aws-docker` command: hands what a stack put out to Docker's clients, and audits what is exposed.

app.py puts the commands together, each of which stands in a file of its name; options.py has the options that they
share. stack.py reads a stack, connection.py finds a client's way to a host in what that put out. shells.py and
contexts.py write it as clients read it, keyfiles.py keeps keys private on disk, reporting.py shows what was found.
"""

import sys

from .errors import CommandError, missing


def main() -> None:
    """The console script: one clean line for a user's mistake, exit status 1; 2 for a wrong command line, and
    where something was to be checked and could not be."""
    try:
        from .app import app

        app(prog_name="aws-docker")
    except ModuleNotFoundError as error:
        sys.exit(f"aws-docker: {missing(error)}")
    except CommandError as error:
        print(f"aws-docker: {error}", file=sys.stderr)
        sys.exit(error.status)
    except OSError as error:
        sys.exit(f"aws-docker: {error.filename or 'a file'}: {error.strerror}")
