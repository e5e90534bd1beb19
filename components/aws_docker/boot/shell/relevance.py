"""Tells what in a script may matter for Docker: variables that reach more than a message, files that are read. Pure.

Worlds that differ in nothing else are one, where there are many. What is not sure matters.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ..machine.state import CONCERNS, DOCUMENTATION, base
from .syntax import Block, Node, Script, Word, parse

_TALKERS: Final = frozenset(("echo", "printf", "logger", ":", "true", "wall"))
_TEXTS: Final = 20
_NAMED = re.compile(r"\$\{?[!#]?([A-Za-z_]\w*)", re.A)
_SETTINGS = re.compile(
    r"/(?:docker|systemd|default|sysconfig|conf\.d|init|cron)[^/]*/|/etc/rc|\.(?:service|socket)$"
)


class Relevant:
    """What matters in the scripts that run in one shell."""

    def __init__(self, text: str) -> None:
        self._texts = [text]
        self._names: set[str] = set()
        self._paths: set[str] = set()
        self._made_of: dict[str, set[str]] = {}
        self._done = 0

    @property
    def concerns(self) -> bool:
        """Whether the scripts have anything to do with Docker."""
        return any(CONCERNS.search(text) for text in self._texts)

    def add(self, text: str) -> None:
        """A further script that runs in the same shell."""
        if len(self._texts) < _TEXTS and not any(text in each for each in self._texts):
            self._texts.append(text)

    def matters(self, name: str, texts: Iterable[str]) -> bool:
        """Whether it matters what a variable (`$name`) or a file (its path) holds of these texts."""
        if name.startswith("$"):
            return name[1:] in self._read() or CONCERNS.search(name) is not None
        if DOCUMENTATION.search(name):
            return False
        if _SETTINGS.search(name) or any(CONCERNS.search(text) for text in texts):
            return True
        self._read()
        return base(name) in self._paths

    def _read(self) -> set[str]:
        """The variables whose values reach more than a message."""
        if self._done < len(self._texts):
            for text in self._texts[self._done :]:
                self._script(parse(text).script, self._made_of)
            self._done = len(self._texts)
            waiting = list(self._names)
            while waiting:
                new = self._made_of.get(waiting.pop(), set()) - self._names
                self._names |= new
                waiting += new
        return self._names

    def _script(self, script: Script, made_of: dict[str, set[str]]) -> None:
        for pipeline in script:
            for node in pipeline.nodes:
                self._node(node, made_of, alone=len(pipeline.nodes) == 1)

    def _node(self, node: Node, made_of: dict[str, set[str]], *, alone: bool) -> None:
        files = [redirect.word for redirect in node.redirects]
        if isinstance(node, Block):
            if node.name:
                made_of.setdefault(node.name, set()).update(_variables(node.words))
            else:
                self._names |= _variables(node.words)
            self._names |= _variables(files)
            for body in node.bodies:
                self._script(body, made_of)
            return
        for name, _, words in node.assignments:
            made_of.setdefault(name, set()).update(_variables(words))
        printed = all(_to_nowhere(word) for word in files)
        first = "".join(part.text for part in node.words[0]) if node.words else ""
        if first in _TALKERS and alone and printed:
            return
        self._names |= _variables([*node.words, *files])
        texts = ("".join(part.text for part in word) for word in node.words)
        self._paths |= {base(text) for text in texts if text and len(text) < 200}
        self._paths |= {
            base("".join(part.text for part in redirect.word))
            for redirect in node.redirects
            if redirect.operator == "<"
        }


def _to_nowhere(word: Word) -> bool:
    text = "".join(part.text for part in word)
    return bool(re.fullmatch(r"\d|-|/dev/\S+", text)) or DOCUMENTATION.search(text) is not None


def _variables(words: Sequence[Word]) -> set[str]:
    found: set[str] = set()
    for word in words:
        for part in word:
            if part.kind == "variable":
                found.update(re.findall(r"[A-Za-z_]\w*", part.text, re.A))
            elif part.kind not in ("text", "operator"):
                found.update(_NAMED.findall(part.text))
                if part.kind == "arithmetic":
                    found.update(re.findall(r"[A-Za-z_]\w*", part.text, re.A))
    return found
