"""What a configuration tool does to a machine, in no tool's own words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...listeners.containers import Container, container_listeners
from ...machine.state import CONCERNS, UNKNOWN, base
from ...shell.patterns import UNREAD, posix, search
from ...shell.port import Scope
from ..docker import PACKAGES


class WriteFile(NamedTuple):
    path: str
    text: str
    append: bool = False


class EditLines(NamedTuple):
    """Puts a line into a file in place of those that a pattern finds, or at its end."""

    path: str
    pattern: str
    line: str
    section: str = ""


class Run(NamedTuple):
    """A command line, or a program's words."""

    command: str | Sequence[str]


class Install(NamedTuple):
    names: Sequence[str]


class Start(NamedTuple):
    name: str


class Daemon(NamedTuple):
    """A dockerd with these words, and these options in its file."""

    argv: Sequence[str]
    options: Mapping[str, Any] | None = None


class RunContainer(NamedTuple):
    container: Container


class Unread(NamedTuple):
    """Something that stands elsewhere."""

    what: str


Act = WriteFile | EditLines | Run | Install | Start | Daemon | RunContainer | Unread


def perform(scope: Scope, act: Act) -> bool:
    """Does it to the machine; gives whether it has to do with Docker."""
    match act:
        case WriteFile(path, text, append):
            scope.write(path, text, append=append)
            return CONCERNS.search(path + text) is not None
        case EditLines():
            return _edit(scope, act)
        case Run(command):
            text = command if isinstance(command, str) else " ".join(command)
            if isinstance(command, str):
                scope.inner(command)
            elif command:
                scope.command(list(command))
            return CONCERNS.search(text) is not None
        case Install(names):
            if any(PACKAGES.fullmatch(base(name)) for name in names):
                scope.machine.runs_docker = True
                scope.starts.restarted(scope.world)
                return True
            return False
        case Start(name):
            docker = base(name).removesuffix(".service") == "docker"
            scope.machine.runs_docker = scope.machine.runs_docker or docker
            scope.starts.restarted(scope.world)
            return docker
        case Daemon(argv, options):
            scope.machine.runs_docker = True
            if options is not None:
                scope.write("/etc/docker/daemon.json", json.dumps(options, default=str, ensure_ascii=False))
            scope.starts.daemon(scope.world, argv, scope.place)
            return True
        case RunContainer(container):
            scope.machine.runs_docker = True
            for listener in container_listeners(container):
                scope.starts.found(scope.world, scope.place, listener)
            return True
        case Unread(what):
            scope.note(f"{what} is not in the user-data", elsewhere=True)
            return True


def _edit(scope: Scope, act: EditLines) -> bool:
    content = scope.world.read(scope.path(act.path))
    lines = content.text.split("\n") if content and UNKNOWN not in content.text else []
    pattern = posix(act.pattern, True) if act.pattern else UNREAD
    found = [
        number for number, line in enumerate(lines) if pattern != UNREAD and search(pattern, line[:1_000])
    ]
    if found:
        lines[found[-1]] = act.line
    elif act.section and f"[{act.section}]" in lines:
        lines.insert(lines.index(f"[{act.section}]") + 1, act.line)
    else:
        while lines and not lines[-1]:
            lines.pop()
        lines += ([f"[{act.section}]"] if act.section else []) + [act.line]
    scope.write(act.path, "\n".join(lines) + "\n")
    return CONCERNS.search(act.path + act.line) is not None
