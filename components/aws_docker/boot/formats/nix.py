"""Reads the literals of a Nix expression: which attribute is set to what, as far as that stands in the open. Pure.

Not evaluated: functions, `let`, imports. What is computed is UNKNOWN.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ...core.dockerd import UNKNOWN

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|/\*.*?\*/|(?P<indented>''(?:[^']|'[^']|''[$'\\])*'')|(?P<string>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<word>[\w./~<>+*?!&|@:,-][\w./~<>+*?!&|@:,'-]*)|(?P<mark>[{}\[\]()=;$\\])|.""",
    re.S,
)
_START = re.compile(r"(?:\s|#(?!!)[^\n]*\n)*(?:\{[^{}=;]*\}|\w+)\s*:\s*(?:\{|let\b|with\b|rec\b)")
_BARE = re.compile(r"(?:\s|#(?!!)[^\n]*\n)*\{\s*(?:#[^\n]*\n\s*)*[A-Za-z][\w.-]*\s*=[^=]")
_DEEPEST: Final = 30
_MOST: Final = 20_000


def is_nix(text: str) -> bool:
    """Whether a text is a NixOS configuration: a function of attributes, or a set of them."""
    return bool(_START.match(text[:20_000]) or _BARE.match(text[:20_000]))


def attributes(text: str) -> Mapping[str, Any]:
    """What is set, by the whole path of each attribute: texts, truths, lists of these."""
    reader = _Reader(text)
    found: dict[str, Any] = {}
    reader.header()
    reader.set("", found, 0)
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        for found in _TOKEN.finditer(text[:200_000]):
            if found.lastgroup and len(self.tokens) < _MOST:
                self.tokens.append((found.lastgroup, found[0]))
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def header(self) -> None:
        """Goes to the first set that is no list of arguments."""
        for at, (_, piece) in enumerate(self.tokens[:-1]):
            if piece == "{" and (
                self.tokens[at + 1][1] == "}" or self.tokens[at + 2][1:] in (("=",), ("{",))
            ):
                self.at = at + 1
                return
        self.at = len(self.tokens)

    def set(self, prefix: str, found: dict[str, Any], depth: int) -> None:
        """The attributes of a set, up to its end."""
        while self.at < len(self.tokens):
            piece = self.peek()
            if piece == "}":
                self.at += 1
                return
            path = ""
            while self.at < len(self.tokens) and self.peek() not in ("=", ";", "}", "{"):
                kind, text = self.tokens[self.at]
                path += text[1:-1] if kind == "string" else text
                self.at += 1
            if self.peek() != "=":
                self.at += self.peek() in (";", "{")
                continue
            self.at += 1
            self.value(f"{prefix}.{path}" if prefix else path, found, depth + 1)

    def value(self, path: str, found: dict[str, Any], depth: int) -> None:
        """What an attribute is set to, up to its semicolon."""
        values: list[Any] = []
        lists: list[Any] = []
        is_list = is_set = False
        computed = False
        while self.at < len(self.tokens) and self.peek() not in (";", "}"):
            kind, piece = self.tokens[self.at]
            self.at += 1
            if piece == "{" and depth < _DEEPEST:
                is_set = True
                self.set(path, found, depth)
            elif piece == "[":
                is_list = True
                lists += self.list()
            elif kind in ("string", "indented"):
                values.append(_text(kind, piece))
            elif piece in ("true", "false"):
                values.append(piece == "true")
            elif re.fullmatch(r"\d+", piece):
                values.append(int(piece))
            elif not re.fullmatch(
                r"(?:lib\.)?mk(?:Force|Default|Before|After)|\+\+|with|pkgs|rec|\(|\)|lib", piece
            ):
                computed = True
        self.at += self.peek() == ";"
        if is_list:
            found[path] = lists + ([UNKNOWN] if computed else [])
        elif not is_set:
            found[path] = values[0] if len(values) == 1 and not computed else UNKNOWN

    def list(self) -> list[Any]:
        values: list[Any] = []
        while self.at < len(self.tokens) and self.peek() != "]":
            kind, piece = self.tokens[self.at]
            self.at += 1
            if kind in ("string", "indented"):
                values.append(_text(kind, piece))
            elif kind == "word":
                values.append(UNKNOWN)
        self.at += 1
        return values


def _text(kind: str, piece: str) -> str:
    text = piece[2:-2].replace("''$", "$") if kind == "indented" else piece[1:-1]
    if kind == "string":
        text = re.sub(
            r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text, flags=re.S
        )
    return re.sub(r"\$\{[^}]*\}", UNKNOWN, text)
