"""Makes one script of the steps of a document, in their order, so that `boot` sees the machine that they make."""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from .facts import Facts, Machine, UserData
from .values import Doubt, Malformed, Value, lines

_MOST: Final = 262_144
"""Characters of one script: an SSM document has at most 64 KiB, but parameters may repeat."""
END: Final = "END_OF_WHAT_STANDS_IN_THE_RESOURCE"
"""Ends a here-document."""
_REFERENCE = re.compile(r"\{\{\s*([\w.:/-]{1,200})\s*\}\}", re.A)


class Script:
    """A script in the making, for one shell and for PowerShell."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.parameters = parameters
        self.shell: list[str] = []
        self.powershell: list[str] = []
        self.elsewhere: list[Doubt] = []
        self.doubt: Doubt | None = None
        self._left = _MOST

    def add(self, lines_of: list[str], text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise Malformed("it runs more than can be read")
        lines_of.append(text)

    def filled(self, text: str, variable: str = "${%s}") -> str:
        """A text with its parameters; what is not known becomes a variable, so that the rest can be read."""

        def put(found: re.Match[str]) -> str:
            name = found[1]
            return self.parameters.get(key(name), variable % ("parameter_" + re.sub(r"\W", "_", name)))

        return _REFERENCE.sub(put, text)

    def runs_elsewhere(self, where: str, what: str) -> None:
        """Notes what is run by another document, or from a place that is fetched."""
        why = f"({what}) runs what stands elsewhere and cannot be read here"
        self.elsewhere.append(Doubt(where, why, final=True))

    def run(self, commands: Value, of: list[str]) -> None:
        for item in lines(commands, self._unknown):
            self.add(of, self.filled(item, "${%s}" if of is self.shell else "$%s"))

    def _unknown(self, doubt: Doubt) -> None:
        self.doubt = self.doubt or doubt

    def given_to(self, facts: Facts, where: str, readers: str | None) -> None:
        """One document for each shell that has something to run."""
        if not (self.shell or self.powershell or self.elsewhere or self.doubt):
            return
        texts = ["#!/bin/bash\n" + "\n".join(self.shell) + "\n"] if self.shell or not self.powershell else []
        if self.powershell:
            texts.append("<powershell>\n" + "\n".join(self.powershell) + "\n</powershell>\n")
        made = [
            UserData(
                where, text, None if at else self.doubt, readers, False, () if at else tuple(self.elsewhere)
            )
            for at, text in enumerate(texts)
        ]
        facts.machines.append(Machine(where, tuple(made), None))


def key(name: str) -> str:
    """The name of a parameter, as it is looked up."""
    # A template's own names lose their capital first letter on the way.
    return name[:1].lower() + name[1:]


def file_written(path: str, text: str, *, append: bool = False) -> str:
    """A command that writes a file."""
    return f"cat {'>>' if append else '>'} {shlex.quote(path)} <<'{END}'\n{text}\n{END}"
