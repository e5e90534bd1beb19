"""Which worlds one becomes where a script asks what only the machine knows, and how many are followed at once.

A single command runs straight on in one world, `Forks.world`; where something in it comes out in several ways, `choose`
picks one, and the command is run again for each other (`explored`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ..machine.state import CONCERNS, Machine
from ..machine.world import Condition, Doubt, World, differing, merged
from . import relevance
from .port import Programs, Starts
from .syntax import Word, source

MOST: Final = 16
"""Worlds that are followed at once."""
_MANY: Final = 6
"""Worlds from which on those are one that differ in nothing that matters for Docker."""
_LONGEST_CONDITION: Final = 60

T = TypeVar("T")
Where = Callable[[int], str]


@dataclass(slots=True)
class _Fork:
    """What is decided while one command runs."""

    decided: list[int]
    at: int = 0
    others: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    inside: dict[tuple[int, ...], list[World]] = field(default_factory=dict[tuple[int, ...], list[World]])
    """Worlds that something inside the command became, by what was decided before."""


class Forks:
    """A shell's place, and the worlds that it may be in."""

    def __init__(self, machine: Machine, where: Where, programs: Programs, starts: Starts) -> None:
        self.machine = machine
        self.programs = programs
        self.starts = starts
        self.world = World(machine)
        self.where = where
        self.line = 1
        self.fixed = 0
        """The line to name while text from elsewhere runs in this shell (eval, source); 0 for none."""
        self.depth: int = 0
        self.fork: _Fork | None = None
        self.asked: str | Sequence[Word] = ""
        """The command that runs now, as it is written."""
        self.relevant = relevance.Relevant("")

    @property
    def place(self) -> str:
        """Where in the user-data the command stands that runs now."""
        return self.where(self.fixed or self.line)

    def note(self, sentence: str, *, elsewhere: bool = False) -> None:
        self.machine.note_unread(f"{self.place}: {sentence}", elsewhere=elsewhere)

    # --- What is not known ---

    def answered(self, world: World, *, likely: bool = False) -> list[World]:
        """The worlds that one becomes where it must be known whether its last command succeeded."""
        if world.status is not None:
            return [world]
        doubt = world.doubt
        if likely and doubt.likely and not doubt.negated:
            world.status = True
            return [world]
        known = world.answers.get(doubt.key) if doubt.key else None
        if known is not None:
            world.status = known != doubt.negated
            return [world]
        yes, no = world, world.copy()
        for each, holds in ((yes, True), (no, False)):
            if doubt.key:
                each.answers[doubt.key] = holds
            each.conditions = (*each.conditions, Condition(_short(doubt.text), holds, doubt.verb))
            each.status = holds != doubt.negated
        return [yes, no]

    def ask(self, text: str = "", key: tuple[str, ...] = (), verb: str = "", *, likely: bool = False) -> None:
        """Leaves it open whether the command of the current world succeeds."""
        self.world.status = None
        self.world.doubt = Doubt(text or self.asked, key, verb or "succeeds", likely=likely)

    def choose(self, text: str, key: tuple[str, ...] = ()) -> bool:
        known = self.world.answers.get(key) if key else None
        if known is not None:
            return known
        holds = self._pick(2) == 0
        if key:
            self.world.answers[key] = holds
        self.world.conditions = (*self.world.conditions, Condition(_short(text), holds))
        return holds

    def _pick(self, count: int) -> int:
        fork = self.fork
        if fork is None:
            return 0
        if fork.at == len(fork.decided):
            fork.others += [(*fork.decided, other) for other in range(1, count)]
            fork.decided.append(0)
        fork.at += 1
        return fork.decided[fork.at - 1]

    def explore(self, world: World, action: Callable[[], object]) -> list[World]:
        """The worlds that one becomes by what is done in it."""
        results = [each for each, _ in self.explored(world, action)]
        return merged(results) if len(results) > 1 else results

    def explored(self, world: World, action: Callable[[], T]) -> list[tuple[World, T]]:
        """The worlds that one becomes by what is done in it, each with what that gives."""
        outer, self.fork = self.fork, None
        place = (self.line, self.fixed)
        results: list[tuple[World, T]] = []
        waiting: list[tuple[int, ...]] = [()]
        inside: dict[tuple[int, ...], list[World]] = {}
        try:
            while waiting and len(results) < MOST:
                fork = self.fork = _Fork(list(waiting.pop()), inside=inside)
                self.world = world.copy()
                self.line, self.fixed = place
                given = action()
                waiting += reversed(fork.others)
                results.append((self.world, given))
        finally:
            self.fork = outer
        return results

    def inside_of(self, action: Callable[[World], list[World]]) -> str:
        """What something inside the current command prints; the world goes on as one of those that it becomes."""
        fork = self.fork
        key = tuple(fork.decided[: fork.at]) if fork else ()
        worlds = fork.inside.get(key) if fork else None
        if worlds is None:
            world = self.world.copy()
            world.out = ""
            worlds = action(world)
            if fork:
                self.fork = fork
                fork.inside[key] = worlds
        chosen = worlds[self._pick(len(worlds))]
        held = self.world.out
        self.world = chosen.copy()
        out, self.world.out = self.world.out, held
        return out

    def fewer(self, worlds: list[World]) -> list[World]:
        """No more worlds than can be followed: those that matter for Docker, in every value that something has."""
        if len(worlds) <= _MANY:
            return worlds
        differs = differing(worlds)
        matter = [name for name, texts in differs.items() if self.relevant.matters(name, texts)]
        kept: dict[tuple[object, ...], World] = {}
        for world in worlds:
            key = (world.flow, world.status, *(_value(world, name) for name in matter))
            if key not in kept:
                kept[key] = world
            else:
                kept[key].conditions = tuple(
                    each for each in kept[key].conditions if each in world.conditions
                )
        worlds = list(kept.values())
        if len(worlds) <= MOST:
            return worlds
        if self.relevant.concerns or any(CONCERNS.search(text) for name in matter for text in differs[name]):
            self.machine.note_unread(
                f"{self.place}: more may have become of the machine by here than can be followed"
            )
        return _covering(worlds, matter)


def _short(text: str | Sequence[Word]) -> str:
    text = " ".join((text if isinstance(text, str) else source(text)).split())
    return text if len(text) <= _LONGEST_CONDITION else text[:_LONGEST_CONDITION] + "…"


def _value(world: World, name: str) -> object:
    if name.startswith("$"):
        return world.process.variables.get(name[1:])
    content = world.files.get(name)
    return content.text if content else None


def _covering(worlds: Sequence[World], names: Sequence[str]) -> list[World]:
    """As few of the worlds as hold every value that something has in one of them."""
    seen: set[tuple[str, object]] = set()
    first: list[World] = []
    rest: list[World] = []
    for world in worlds:
        values = {(name, _value(world, name)) for name in names} | {("flow", world.flow)}
        (rest if values <= seen else first).append(world)
        seen |= values
    return [*first, *rest][:MOST]
