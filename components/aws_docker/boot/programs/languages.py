"""Programs in languages that are not read here: said where they may concern Docker."""

import re

from ..machine.state import UNKNOWN, base
from ..shell.port import Scope
from .program import Program, Rows


def program(scope: Scope, text: str, language: str) -> None:
    """A program in a language that is not read: says so where it may concern Docker."""
    if language.endswith("awk") and not re.search(r"system\s{0,9}\(|[>|]\s{0,9}\"", text):
        return  # it only prints: whoever gets that is told that it is unknown
    if re.search(r"docker|tcp://|:237[56]", text, re.I):
        scope.note(f"a program in {language[:20]} concerns Docker and is not read")


def _other(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in [*argv[1:], stdin or ""]:
        program(scope, word, base(argv[0]))
    return UNKNOWN


def _editor(scope: Scope, argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    if re.search(r"tcp://|dockerd|hosts|ListenStream", " ".join([*argv[1:], stdin or ""])):
        scope.note(f"what {name} changes concerns Docker and cannot be followed")
    return UNKNOWN


PROGRAMS: Rows = {
    **dict.fromkeys(
        ("perl", "ruby", "node", "php", "lua", "awk", "gawk", "mawk", "tclsh", "expect"), Program(_other)
    ),
    **dict.fromkeys(
        ("patch", "ed", "ex", "vi", "vim", "nano", "m4", "crudini", "augtool", "yq", "dasel"),
        Program(_editor),
    ),
}
