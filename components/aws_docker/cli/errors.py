"""What the command tells its user instead of a stack trace."""

from collections.abc import Generator
from contextlib import contextmanager

from aws_docker.core.errors import InvalidInput
from aws_docker.core.installation import install_line

# Which extra of this package brings a module.
_EXTRAS = {
    "boto3": "audit",
    "botocore": "audit",
    "cryptography": "audit",
    "jinja2": "audit",
    "rich": "cli",
    "shellingham": "cli",
    "typer": "cli",
}


class CommandError(Exception):
    """A user's mistake or a missing part: what is wrong, and what to do about it."""

    status = 1

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")


class NotChecked(CommandError):
    """The same where something was to be checked: then 1 would say that it was, and that there are findings."""

    status = 2

    def __init__(self, message: object) -> None:
        Exception.__init__(self, str(message))


@contextmanager
def checking() -> Generator[None]:
    """For commands that check: whatever keeps them from it ends with 2, and one line."""
    try:
        yield
    except (CommandError, InvalidInput) as error:
        raise NotChecked(error) from None
    except ModuleNotFoundError as error:
        raise NotChecked(missing(error)) from None
    except OSError as error:
        raise NotChecked(f"{error.filename or 'a file'}: {error.strerror}") from None


def missing(error: ModuleNotFoundError) -> CommandError:
    """What to say where an extra of this package is not installed; raises the error again where it is another's."""
    if (extra := _EXTRAS.get(str(error.name).partition(".")[0])) is None:
        raise error
    return CommandError(f"the module {error.name} is missing", f"run: {install_line(extra)}")
