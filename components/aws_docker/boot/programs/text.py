"""What programs print that only pass text on: echo, cat, base64, tr and their like.

Each takes the shell, its words and what comes in, and gives what it prints; the mark for the unknown where it cannot be
told from the script.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ..formats.encodings import Undecodable, as_text, compression, decompress, unbase64
from ..machine.state import UNKNOWN, base
from ..shell.syntax import unescape
from . import edits

if TYPE_CHECKING:
    from ..shell.interpreter import Shell


def _echo(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    end, escapes = "\n", False
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        if "n" in rest[0]:
            end = ""
        escapes = "e" in rest[0] or escapes
        rest = rest[1:]
    text = " ".join(rest)
    # dash's echo knows the escapes without -e, bash's does not.
    return (unescape(text) if escapes or "\\n" in text else text) + end


def _printf(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    variable = ""
    if rest[:1] == ["-v"] and len(rest) > 2:
        variable, rest = rest[1], rest[2:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if variable:
        shell.variables[variable] = [_formatted(rest[0], rest[1:])] if rest else [""]
        return ""
    return _formatted(rest[0], rest[1:]) if rest else ""


_FORMAT = re.compile(r"%(?:%|[-+ #0]*(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?([bcdiouxXeEfgGqs]))")


def _formatted(template: str, arguments: list[str]) -> str:
    template = unescape(template)
    takes = sum(1 for found in _FORMAT.finditer(template) if found[1])
    out: list[str] = []
    rest = arguments[:500]
    while True:
        values = iter(rest[:takes])

        def put_in(found: re.Match[str], values: Iterator[str] = values) -> str:
            if not found[1]:
                return "%"
            value = next(values, "")
            return unescape(value) if found[1] == "b" else value

        out.append(_FORMAT.sub(put_in, template))
        rest = rest[takes:]
        if not rest or not takes:
            return "".join(out)


def _cat(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if not (word.startswith("-") and len(word) > 1)]
    if not files:
        return stdin if stdin is not None else ""
    return "".join(stdin or "" if file == "-" else shell.file(file) for file in files)


def _pass_on(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return stdin if stdin is not None else UNKNOWN


def _head(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if "/" in word]
    return stdin if stdin is not None else shell.file(files[0]) if files else UNKNOWN


def _translate(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if not stdin:
        return UNKNOWN
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    sets = [unescape(word) for word in argv[1:] if word not in flags]
    if any("d" in flag for flag in flags) and sets:
        return stdin.translate({ord(char): None for char in _characters(sets[0])})
    if len(sets) == 2 and not flags:
        old, new = _characters(sets[0]), _characters(sets[1])
        return stdin.translate({ord(char): new[min(at, len(new) - 1)] for at, char in enumerate(old) if new})
    return stdin


def _characters(text: str) -> str:
    text = (
        text.replace("[:upper:]", "A-Z")
        .replace("[:lower:]", "a-z")
        .replace("[:space:]", " \t\n\r")
        .replace("[:digit:]", "0-9")
    )
    return re.sub(
        r"(.)-(.)",
        lambda found: (
            "".join(map(chr, range(ord(found[1]), min(ord(found[2]), ord(found[1]) + 300) + 1))) or found[0]
        ),
        text[:200],
    )


def _rev(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return "\n".join(line[::-1] for line in (stdin or "").split("\n"))


def _base64(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    files = [word for word in argv[1:] if word not in flags and not word.isdigit()]
    if base(argv[0]) == "openssl" and "base64" not in argv and "-base64" not in argv and "-a" not in argv:
        return UNKNOWN
    files = [file for file in files if file not in ("enc", "base64")]
    text = shell.file(files[-1]) if files and files != ["-"] else stdin
    if not text or not any(re.fullmatch(r"-[dDAa]*[dD][dDAai]*|-di|--decode", flag) for flag in flags):
        return UNKNOWN
    if UNKNOWN in text or "${" in text:
        return UNKNOWN
    try:
        data = unbase64(text.encode())
    except (Undecodable, UnicodeEncodeError) as error:
        shell.machine.note_unread(f"{shell.place}: what is decoded here {error}")
        return UNKNOWN
    return _text(shell, data)


def _text(shell: "Shell", data: bytes) -> str:
    # Compressed bytes travel through the pipe as Latin-1, so that gunzip finds them again.
    shell.machine.look_for_keys(data, shell.place)
    return data.decode("latin-1") if compression(data) else as_text(data)


def _gunzip(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    flags = "".join(word for word in argv[1:] if word.startswith("-"))
    files = [word for word in argv[1:] if not word.startswith("-")]
    if name in ("gzip", "xz", "bzip2") and "d" not in flags:
        return UNKNOWN
    text = shell.file(files[0]) if files else stdin
    if not text or UNKNOWN in text:
        return UNKNOWN
    try:
        unpacked = as_text(decompress(text.encode("latin-1", "replace")))
    except Undecodable as error:
        shell.machine.note_unread(f"{shell.place}: what is unpacked here {error}")
        return UNKNOWN
    if files and name != "zcat" and "c" not in flags:
        shell.write(re.sub(r"\.(?:gz|xz|bz2)$", "", files[0]), unpacked)
        return ""
    return unpacked


def _xxd(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if "r" not in "".join(word for word in argv[1:] if word.startswith("-")) or not stdin:
        return UNKNOWN
    try:
        return _text(shell, bytes.fromhex(re.sub(r"\s", "", stdin)))
    except ValueError:
        return UNKNOWN


def _envsubst(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    def put_in(found: re.Match[str]) -> str:
        values = shell.variables.get(found[1] or found[2])
        return values[-1] if values else found[0]

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", put_in, stdin or "", flags=re.A)


def _jq(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[2:] if "/" in word or word.endswith(".json")]
    text = shell.file(files[-1]) if files else stdin
    return edits.jq(argv[1:], None if text is None or text == UNKNOWN else text)


def which(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return "".join(f"/usr/bin/{base(word)}\n" for word in argv[1:] if not word.startswith("-"))


PROGRAMS: Final[dict[str, Callable[["Shell", list[str], str | None], str]]] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "tac": _cat,
    "head": _head,
    "tail": _head,
    "sort": _pass_on,
    "uniq": _pass_on,
    "fold": _pass_on,
    "column": _pass_on,
    "unix2dos": _pass_on,
    "dos2unix": _pass_on,
    "grep": _pass_on,
    "egrep": _pass_on,
    "cut": _pass_on,
    "tr": _translate,
    "rev": _rev,
    "base64": _base64,
    "openssl": _base64,
    "gunzip": _gunzip,
    "zcat": _gunzip,
    "gzip": _gunzip,
    "xz": _gunzip,
    "unxz": _gunzip,
    "xzcat": _gunzip,
    "bunzip2": _gunzip,
    "bzcat": _gunzip,
    "bzip2": _gunzip,
    "xxd": _xxd,
    "envsubst": _envsubst,
    "jq": _jq,
    "which": which,
}
