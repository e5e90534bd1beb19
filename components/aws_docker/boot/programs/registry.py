"""The programs that are known, one row each, and what is made of those that are not.

The only list of programs' names: who wants to know a program adds a row to the module where its like stand (or a module
here). A row says what the program does, how it ends, and whether it may put Docker's socket on a network.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from ..listeners import relays as listeners
from ..listeners.dockerd import DAEMONS
from ..machine.state import UNKNOWN, base
from ..shell.port import Scope
from . import (
    builtins,
    docker,
    fetch,
    files,
    jq,
    languages,
    manifests,
    python,
    quiet,
    relays,
    sed,
    shells,
    systemctl,
    text,
    wrappers,
)
from .program import Ends, Program, Rows

REGISTRY: Rows = {
    **quiet.PROGRAMS,
    **text.PROGRAMS,
    **files.PROGRAMS,
    **fetch.PROGRAMS,
    **sed.PROGRAMS,
    **jq.PROGRAMS,
    **languages.PROGRAMS,
    **wrappers.PROGRAMS,
    **shells.PROGRAMS,
    **builtins.PROGRAMS,
    **systemctl.PROGRAMS,
    **manifests.PROGRAMS,
    **docker.PROGRAMS,
    **relays.PROGRAMS,
}
_PYTHON: Final = Program(shells.python_program, nests=True)
_EVERYWHERE = re.compile(r"(?:^|\s)(?:-H|--host)[ =]?(?:tcp://)?(?:0\.0\.0\.0|\[::\])(?::\d+)?(?:\s|$)")
_PATH: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_LATE: Final = ("dockerd", "docker", "socat", "bash", "sh")


def row(name: str) -> Program | None:
    """What is known of a program of this name."""
    return REGISTRY.get(name) or (_PYTHON if python.interprets(name) else None)


class Registry:
    """The programs of `REGISTRY`, for a shell."""

    def nests(self, name: str) -> bool:
        if "/" in name:
            return True
        known = row(name)
        return known is None or known.nests

    def run(self, scope: Scope, argv: list[str], stdin: str | None) -> str:
        """Follows one program; gives what it prints, as far as that can be told."""
        scope.machine.step()
        name = base(argv[0])
        if "/" in argv[0]:
            linked = scope.world.links.get(scope.path(argv[0]))
            if linked and row(base(linked)):
                name = base(linked)
                argv = [name, *argv[1:]]
            elif (out := shells.run_file(scope, argv, stdin)) is not None:
                return out
        if "*" in name or "?" in name or "[" in name[1:]:
            name = _globbed(name)
            argv = [name, *argv[1:]]
        known = row(name)
        if known is None:
            found = next((path for path in _on_path(name) if _is_written(scope, path)), None)
            if found is not None and (out := shells.run_file(scope, [found, *argv[1:]], stdin)) is not None:
                return out
            return _unknown(scope, argv, stdin)
        if known.ends is Ends.LIKELY:
            scope.ask(likely=True)
        elif known.ends is Ends.ASKED:
            scope.ask()
        if known.opens is not None:
            for listener in known.opens(argv):
                scope.starts.found(scope.world, scope.place, listener)
        return known.read(scope, argv, stdin)

    def joins(self, name: str) -> bool:
        known = REGISTRY.get(base(name))
        return known is not None and known.opens is listeners.netcat

    def pipeline(self, scope: Scope, commands: Sequence[Sequence[str]]) -> None:
        """`nc -l ... | nc -U /var/run/docker.sock`: only together do they make a listener."""
        for listener in listeners.netcat([word for words in commands for word in words]):
            scope.starts.found(scope.world, scope.place, listener)


def _on_path(name: str) -> list[str]:
    return [f"{directory}/{name}" for directory in _PATH]


def _is_written(scope: Scope, path: str) -> bool:
    """Whether the user-data itself says what a file holds."""
    content = scope.world.files.get(path)
    return content is not None and UNKNOWN not in content.text[:1]


def _globbed(name: str) -> str:
    if len(name) > 40 or name.count("*") > 3:
        return name
    return next((each for each in _LATE if fnmatchcase(each, name)), name)


def _unknown(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """A program that is no row: one that may start dockerd, is dockerd by another name, or reaches Docker's socket."""
    scope.ask()
    if argv[0] == UNKNOWN or argv[0].startswith("$"):
        scope.note("which program runs here depends on a variable", elsewhere=True)
        if re.fullmatch(r"\$\{?\w+\}?", argv[0]) and argv[1:] and not argv[1].startswith("-"):
            return scope.command(argv[1:], stdin)  # as where the variable is empty
    for at, word in enumerate(argv[1:], 1):
        if word in scope.world.process.functions:
            return scope.command(argv[at:], stdin)
        if base(word) in DAEMONS and any(re.match(r"-H|--host", each) for each in argv[at:]):
            scope.command(argv[at:])
            return UNKNOWN
    line = " ".join(argv)
    if _EVERYWHERE.search(line):
        scope.starts.daemon(scope.world, ["dockerd", *argv[1:]], scope.place)
    elif relays.names_daemon(line):
        scope.note(f"{base(argv[0])[:40]} names Docker's socket, and what it makes of it is not known")
    return UNKNOWN
