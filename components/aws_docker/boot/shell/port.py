"""What a program in a script sees of the shell that runs it, and whom it tells what it starts. Types only.

The interpreter is given its programs (`Programs`), and programs know the interpreter as `Scope`: neither imports the
other.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from ...core.dockerd import Listener
from ..machine.state import Machine
from ..machine.world import World


class Starts(Protocol):
    """Who is told what is started on the machine, and judges it as the world then stands."""

    def daemon(self, world: World, argv: Sequence[str], where: str) -> None:
        """A dockerd with these words."""
        ...

    def found(self, world: World, where: str, listener: Listener) -> None:
        """A listener of something else."""
        ...

    def restarted(self, world: World) -> None:
        """Whatever the machine's units start."""
        ...


class Scope(Protocol):
    """The shell that runs a program."""

    machine: Machine
    world: World
    """The machine and the shell's variables as they stand now. Another one after `command`, `inner` or `include`."""
    starts: Starts
    depth: int

    @property
    def place(self) -> str:
        """Where in the user-data the program is run."""
        ...

    # --- Files ---

    def path(self, path: str) -> str:
        """A path from the shell's directory, in its one spelling."""
        ...

    def file(self, path: str) -> str:
        """What a file holds, UNKNOWN where that is not known."""
        ...

    def write(self, path: str, text: str, *, append: bool = False) -> None: ...

    # --- Running more ---

    def command(self, argv: Sequence[str], stdin: str | None = None) -> str:
        """Follows a program, and gives what it prints."""
        ...

    def inner(
        self,
        text: str,
        stdin: str | None = None,
        arguments: Sequence[str] | None = (),
        name: str | None = None,
    ) -> str:
        """Follows a script in a shell of its own, which was started under this name."""
        ...

    def include(self, text: str, stdin: str | None = None, arguments: Sequence[str] | None = None) -> str:
        """Follows a script in this same shell: eval, source."""
        ...

    # --- What is not known ---

    def ask(self, text: str = "", key: tuple[str, ...] = (), verb: str = "", *, likely: bool = False) -> None:
        """Leaves it open whether the program succeeds."""
        ...

    def choose(self, text: str, key: tuple[str, ...] = ()) -> bool:
        """Decides what is not known, once each way."""
        ...

    def note(self, sentence: str, *, elsewhere: bool = False) -> None:
        """Notes what could not be read here."""
        ...


class Programs(Protocol):
    """The programs that a shell is given."""

    def nests(self, name: str) -> bool:
        """Whether a program of this name may run others."""
        ...

    def run(self, scope: Scope, argv: list[str], stdin: str | None) -> str:
        """Follows one program; gives what it prints."""
        ...

    def joins(self, name: str) -> bool:
        """Whether a program of this name may make something of what stands beside it in a pipeline."""
        ...

    def pipeline(self, scope: Scope, commands: Sequence[Sequence[str]]) -> None:
        """Looks at programs that only together do something."""
        ...


Reader = Callable[[Scope, list[str], str | None], str]
"""What a program does: with its words and what comes in on standard input, it prints."""
