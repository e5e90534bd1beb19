"""Decides what `[`, `test`, `[[` and `((` ask, as far as the script itself tells. Pure.

Known are literals, what variables hold, and files that the user-data wrote or removed. For the rest the answer is None:
only the machine knows.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..machine.state import UNKNOWN
from ..machine.world import World
from . import patterns
from .expansion import is_known


class Operand(NamedTuple):
    """A word of a condition."""

    text: str
    glob: str = ""
    """In `[[`, the text as a pattern."""
    operator: bool = False
    """Whether it stands there as an operator of `[[`."""


_UNARY: Final = frozenset(f"-{letter}" for letter in "abcdefghknoprstuvwxzGLNOS")
_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": lambda one, other: one == other,
    "-ne": lambda one, other: one != other,
    "-lt": lambda one, other: one < other,
    "-le": lambda one, other: one <= other,
    "-gt": lambda one, other: one > other,
    "-ge": lambda one, other: one >= other,
}
_BINARY: Final = frozenset(("=", "==", "!=", "=~", "<", ">", "-nt", "-ot", "-ef", *_NUMBERS))


def decide(world: World, operands: Sequence[Operand], *, double: bool = False) -> bool | None:
    """The answer to the condition that these words are; `double` for `[[`."""
    rest = list(operands[:200])
    if not rest:
        return False
    try:
        answer = _either(world, rest, double)
    except (IndexError, RecursionError):
        return None
    return None if rest else answer


def _either(world: World, rest: list[Operand], double: bool) -> bool | None:
    answer = _both(world, rest, double)
    while rest and rest[0].text in ("||" if double else "-o",):
        rest.pop(0)
        other = _both(world, rest, double)
        answer = True if True in (answer, other) else None if None in (answer, other) else False
    return answer


def _both(world: World, rest: list[Operand], double: bool) -> bool | None:
    answer = _single(world, rest, double)
    while rest and rest[0].text in ("&&" if double else "-a",):
        rest.pop(0)
        other = _single(world, rest, double)
        answer = False if False in (answer, other) else None if None in (answer, other) else True
    return answer


def _single(world: World, rest: list[Operand], double: bool) -> bool | None:
    first = rest.pop(0)
    binary = len(rest) > 1 and rest[0].text in _BINARY
    if first.text == "!" and rest and not binary:
        answer = _single(world, rest, double)
        return None if answer is None else not answer
    if first.text == "(" and rest and not binary and (first.operator or not double):
        answer = _either(world, rest, double)
        rest.pop(0)
        return answer
    if binary:
        operator, other = rest.pop(0).text, rest.pop(0)
        return _compared(first, operator, other, double)
    if first.text in _UNARY and rest and not (rest[0].operator and rest[0].text in ("&&", "||", ")")):
        return _asked(world, first.text, rest.pop(0).text)
    return _filled(first.text)


def _filled(text: str) -> bool | None:
    """Whether a text has anything in it."""
    if is_known(text):
        return bool(text)
    without = re.sub(rf"{UNKNOWN}|\$\{{[^}}]*\}}|\$\w+", "", text)
    return True if without else None


def _compared(one: Operand, operator: str, other: Operand, double: bool) -> bool | None:
    if operator in _NUMBERS:
        numbers = [
            int(each.text) for each in (one, other) if re.fullmatch(r"\s*-?\d{1,15}\s*", each.text, re.A)
        ]
        return _NUMBERS[operator](*numbers) if len(numbers) == 2 else None
    if not is_known(one.text) or not is_known(other.text):
        return None
    match operator:
        case "=" | "==" | "!=":
            if double:
                found = patterns.glob(other.glob)
                if found is None:
                    return None
                equal = found.fullmatch(one.text) is not None
            else:
                equal = one.text == other.text
            return equal == (operator != "!=")
        case "=~":
            pattern = patterns.posix(other.text, True)
            return None if pattern == patterns.UNREAD else patterns.search(pattern, one.text) is not None
        case "<":
            return one.text < other.text
        case ">":
            return one.text > other.text
        case _:
            return None


def _asked(world: World, flag: str, text: str) -> bool | None:
    match flag:
        case "-n":
            return _filled(text)
        case "-z":
            answer = _filled(text)
            return None if answer is None else not answer
        case "-v":
            return True if text in world.process.variables or text in world.process.arrays else None
        case "-t":
            return False  # a first boot has no terminal
        case "-e" | "-f" | "-s" | "-r" | "-w" | "-d" | "-x" | "-h" | "-L":
            return _exists(world, flag, text)
        case _:
            return None


def _exists(world: World, flag: str, text: str) -> bool | None:
    if not text:
        return False
    if not is_known(text):
        return None
    if text == "/dev/null":
        return flag in ("-e", "-r", "-w")
    path = world.path(text, world.process.directory)
    content = world.files.get(path)
    if content is not None:
        if flag == "-s":
            return None if UNKNOWN in content.text else bool(content.text)
        return True if flag in "-e -f -r -w" else False if flag == "-d" else None
    if path in world.gone and not world.is_directory(path):
        return False
    if flag in ("-e", "-d", "-r", "-w", "-x") and any(file.startswith(path + "/") for file in world.files):
        return True
    return None


def key(world: World, texts: Sequence[str], source: str) -> tuple[str, ...]:
    """By what a question is known again: nothing where its answer may change while the script runs."""
    if any(UNKNOWN in text for text in texts):
        return () if "$(" in source or "`" in source else (source,)
    if any(re.fullmatch(r"-[abcdefghkprstuwxGLNOS]", text) for text in texts):
        return (*texts, str(len(world.files)), str(len(world.gone)), world.process.directory)
    return tuple(texts)
