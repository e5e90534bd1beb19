"""One way in which a machine may stand: its files, and what the shell that runs now knows. Pure.

Where a script asks what only the machine knows, a world becomes two, each with its own files and variables; worlds that
stand alike are one again. Which worlds there are is for shell/interpreter.py.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from .state import UNKNOWN, Budget, Content, Machine, names

_ONE_TEXT: Final = 1 << 18
# What stands at the root anyway: the rest of it came from elsewhere, where something was unpacked there.
_STANDARD: Final = names(
    "bin boot data dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var"
)


class Condition(NamedTuple):
    """What a world takes for granted."""

    text: str
    """What was asked, as it stands in the script."""
    holds: bool
    verb: str = "holds"

    def __str__(self) -> str:
        return f"{self.text} {self.verb if self.holds else 'fails'}"


class Doubt(NamedTuple):
    """A question whose answer only the machine knows."""

    text: Any
    """What was asked: a text, or the words of a command."""
    key: tuple[str, ...] = ()
    """What was asked with all known put in: asked again, it is answered alike. Nothing where it may change."""
    verb: str = "holds"
    negated: bool = False
    likely: bool = False
    """Whether it is no question but a command that does something, and is expected to succeed."""


_NO_DOUBT: Final = Doubt("")


@dataclass(slots=True)
class Process:
    """What a running shell knows, and one that it starts inherits."""

    variables: dict[str, str] = field(default_factory=dict[str, str])
    arrays: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    functions: dict[str, Any] = field(default_factory=dict[str, Any])
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    traps: tuple[str, ...] = ()
    """What runs when the script ends."""
    arguments: list[str] | None = field(default_factory=list[str])
    """Positional arguments; None where it is not known which there are."""
    directory: str = "/"
    name: str | None = None
    """What it was started as (`$0`)."""

    def copy(self) -> "Process":
        return Process(
            self.variables.copy(),
            self.arrays.copy(),
            self.functions.copy(),
            self.aliases.copy(),
            self.traps,
            self.arguments,
            self.directory,
            self.name,
        )


@dataclass(slots=True)
class World:
    """A machine's files and the shell that runs on it, in one of the ways that they may stand."""

    machine: Machine
    files: dict[str, Content] = field(default_factory=dict[str, Content])
    links: dict[str, str] = field(default_factory=dict[str, str])
    fetched: dict[str, str] = field(default_factory=dict[str, str])
    """Directories whose files came from elsewhere, and where that stands."""
    gone: dict[str, None] = field(default_factory=dict[str, None])
    """Files that were removed."""
    conditions: tuple[Condition, ...] = ()
    answers: dict[tuple[str, ...], bool] = field(default_factory=dict[tuple[str, ...], bool])
    """What is taken for granted, by what was asked."""
    process: Process = field(default_factory=Process)
    input: str | None = None
    """What is left to read on standard input; None where nobody knows what is there."""
    out: str = ""
    """What was printed."""
    status: bool | None = True
    """Whether the last command succeeded; None where that is not known."""
    doubt: Doubt = _NO_DOUBT
    """Where it is not known: what was asked."""
    flow: str = ""
    """break, continue, return or exit, where one is on its way."""

    def copy(self) -> "World":
        return World(
            self.machine,
            self.files.copy(),
            self.links.copy(),
            self.fetched.copy(),
            self.gone.copy(),
            self.conditions,
            self.answers.copy(),
            self.process.copy(),
            self.input,
            self.out,
            self.status,
            self.doubt,
            self.flow,
        )

    def start(self, process: Process) -> None:
        """Goes on as another process."""
        self.process, self.input, self.out = process, None, ""
        self.status, self.flow, self.doubt = True, "", _NO_DOUBT

    # --- Files ---

    def path(self, path: str, directory: str = "/") -> str:
        """A path in its one spelling, links followed."""
        path = path.replace("\\", "/") if re.match(r"[A-Za-z]:[\\/]", path) else path
        if path == "~" or path.startswith("~/"):
            path = "/root" + path[1:]
        path = posixpath.normpath(posixpath.join(directory, path)) if path else path
        if path.startswith("//"):
            path = path[1:]
        if path.startswith("/var/run/"):
            path = path[4:]
        for _ in range(8):
            linked = next((link for link in self.links if path == link or path.startswith(link + "/")), None)
            if linked is None:
                break
            path = self.links[linked] + path[len(linked) :]
        return path[:1_000]

    def read(self, path: str) -> Content | None:
        """What the file holds; None where it is not known to exist."""
        if path in self.files:
            return self.files[path]
        if self.fetched and path not in self.gone:
            for directory, where in self.fetched.items():
                if path.startswith(directory + "/") and (directory or path.split("/")[1] not in _STANDARD):
                    return Content(UNKNOWN, where)
        return Content(self.machine.stock[path], "") if path in self.machine.stock else None

    def is_directory(self, path: str) -> bool:
        """Whether something is known to stand in a directory of this path."""
        inside = path.rstrip("/") + "/"
        return path in self.fetched or any(file.startswith(inside) for file in self.files)

    def write(self, path: str, text: str, where: str, *, append: bool = False) -> None:
        self.machine.step()
        if append and (old := self.read(path)):
            text = old.text + text
        if len(text) > _ONE_TEXT:
            raise Budget
        self.machine.holds(len(text))
        self.files[path] = Content(text, where)
        self.gone.pop(path, None)
        self.machine.look_for_keys(text, where)

    def fetch_into(self, directory: str, where: str) -> None:
        """Notes that files of a directory came from elsewhere."""
        self.fetched[directory.rstrip("/")] = where

    def remove(self, path: str) -> None:
        inside = path.rstrip("/") + "/"
        for each in [each for each in self.files if each == path or each.startswith(inside)]:
            del self.files[each]
            self.gone[each] = None
        self.gone[path] = None
        self.links.pop(path, None)
        self.fetched.pop(path, None)


def merged(worlds: Sequence[World]) -> list[World]:
    """The worlds that differ; what those that do not took for granted, they take for granted no longer."""
    kept: list[World] = []
    for world in worlds:
        for other in kept:
            if alike(world, other):
                join(other, world)
                break
        else:
            kept.append(world)
    return kept


def alike(one: World, other: World) -> bool:
    """Whether two worlds stand alike, whatever led to them."""
    return (
        one.flow == other.flow
        and one.status == other.status
        and (one.status is not None or one.doubt == other.doubt)
        and one.out == other.out
        and one.process == other.process
        and one.input == other.input
        and one.files == other.files
        and one.links == other.links
        and one.gone == other.gone
        and one.fetched == other.fetched
    )


def join(one: World, other: World) -> None:
    """Makes one world of two, which takes for granted what both did."""
    one.conditions = common(one.conditions, other.conditions)
    if one.answers != other.answers:
        one.answers = {key: answer for key, answer in one.answers.items() if other.answers.get(key) is answer}


def common(one: Sequence[Condition], other: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions that stand in both."""
    return tuple(condition for condition in one if condition in other)


def shown(conditions: Sequence[Condition]) -> str:
    """Conditions for people: the first few."""
    texts = [str(condition) for condition in conditions if condition.text]
    return " and ".join(texts[:3]) + (" …" if len(texts) > 3 else "")


def differing(worlds: Sequence[World]) -> Mapping[str, set[str]]:
    """What differs between worlds: variables by name, files by path, and the texts that they may hold."""
    found: dict[str, set[str]] = {}
    for name in {name for world in worlds for name in world.process.variables}:
        texts = {world.process.variables.get(name, "") for world in worlds}
        if len(texts) > 1:
            found["$" + name] = texts
    for path in {path for world in worlds for path in world.files}:
        texts = {content.text if (content := world.files.get(path)) else "" for world in worlds}
        if len(texts) > 1:
            found[path] = texts
    return found
