"""What a row of the table of programs says: what it does with its words, how it ends, what it may open."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from ...core.dockerd import Listener
from ..machine.state import UNKNOWN, names
from ..shell.port import Reader, Scope


class Ends(Enum):
    """Whether a program succeeds."""

    ALWAYS = "always"
    LIKELY = "likely"
    """It does something, and is expected to; what follows `||` may still run."""
    ASKED = "asked"
    """It is run to learn that: only the machine knows."""
    SAID = "said"
    """Its reader says it."""


Opens = Callable[[Sequence[str]], Iterator[Listener]]
"""The listeners of the Docker API that a program opens when it is run with these words."""


class Program(NamedTuple):
    """A row."""

    read: Reader
    """What it does and prints."""
    ends: Ends = Ends.LIKELY
    nests: bool = False
    """Whether it runs other programs."""
    opens: Opens | None = None
    """Whether it may put Docker's socket on a network, and then where."""


Rows = Mapping[str, Program]


def _nothing(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return ""


def _something(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return UNKNOWN


def silent(listed: str, ends: Ends = Ends.LIKELY) -> Rows:
    """Programs that do nothing to Docker, and print nothing."""
    return dict.fromkeys(names(listed), Program(_nothing, ends))


def telling(listed: str, ends: Ends = Ends.ASKED) -> Rows:
    """Programs that do nothing to Docker, and print what only the machine knows."""
    return dict.fromkeys(names(listed), Program(_something, ends))
