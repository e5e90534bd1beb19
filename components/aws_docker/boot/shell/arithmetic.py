"""The value of a shell's arithmetic, where all that it names is known. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_TOKEN = re.compile(r"\s*(\d{1,12}|\$?\{?[A-Za-z_]\w{0,63}\}?|\$?[#@0-9]|&&|\|\||[=!<>]=|[-+*/%()<>!])", re.A)
_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    ("||",),
    ("&&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
_OPERATIONS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "||": lambda one, other: int(bool(one or other)),
    "&&": lambda one, other: int(bool(one and other)),
    "==": lambda one, other: int(one == other),
    "!=": lambda one, other: int(one != other),
    "<": lambda one, other: int(one < other),
    "<=": lambda one, other: int(one <= other),
    ">": lambda one, other: int(one > other),
    ">=": lambda one, other: int(one >= other),
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: int(one / other),
    "%": lambda one, other: one - int(one / other) * other,
}
_LARGEST: Final = 1 << 62


class _Unknown(Exception):
    pass


def value(text: str, lookup: Callable[[str], str | None]) -> int | None:
    """What an expression comes to; None where it names what is not known, or is not read here."""
    tokens: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or len(tokens) > 100:
            return None
        tokens.append(found[1])
        at = found.end()
    try:
        result = _level(tokens, 0, lookup)
    except (_Unknown, IndexError, ZeroDivisionError, OverflowError, RecursionError):
        return None
    return None if tokens or abs(result) > _LARGEST else result


def _level(tokens: list[str], level: int, lookup: Callable[[str], str | None]) -> int:
    if level == len(_LEVELS):
        return _single(tokens, lookup)
    result = _level(tokens, level + 1, lookup)
    while tokens and tokens[0] in _LEVELS[level]:
        operator = tokens.pop(0)
        result = _OPERATIONS[operator](result, _level(tokens, level + 1, lookup))
        if abs(result) > _LARGEST:
            raise _Unknown
    return result


def _single(tokens: list[str], lookup: Callable[[str], str | None]) -> int:
    token = tokens.pop(0)
    if token == "(":  # noqa: S105 - a token of arithmetic
        result = _level(tokens, 0, lookup)
        if tokens.pop(0) != ")":
            raise _Unknown
        return result
    if token in ("+", "-", "!"):
        inner = _single(tokens, lookup)
        return {"+": inner, "-": -inner, "!": int(not inner)}[token]
    if token.isdigit():
        return int(token)
    if not re.fullmatch(r"\$?\{?[\w#@]+\}?", token):
        raise _Unknown
    found = (lookup(token.strip("${}")) or "").strip()
    if not re.fullmatch(r"-?\d{1,12}", found, re.A):
        raise _Unknown
    return int(found)
