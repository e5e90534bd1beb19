"""Reads systemd units with their drop-ins, as the machine would start them. Pure.

Which programs a unit starts with which words, and which addresses a socket unit listens on (systemd.unit(5),
systemd.service(5), systemd.socket(5)). What those programs expose is listeners/'s to say.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

UNIT_DIRECTORIES: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/user",
    "/usr/lib/systemd/user",
)
_UNIT = re.compile(
    r"(?P<directory>.*/(?:systemd/(?:system|user)(?:\.control|\.attached)?))"
    r"/(?P<unit>[^/]+\.(?:service|socket))(?:\.d/(?P<drop_in>[^/]+\.conf))?"
)
_ANY = re.compile(
    r"(?P<directory>.*/systemd/(?:system|user))/(?P<type>service|socket)\.d/(?P<drop_in>[^/]+\.conf)"
)
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\$)+""", re.S)
_PIECE = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*)"?|'((?:[^'\\]|\\.)*)'?|([^"'\\]+)|\\""", re.S)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))", re.A)


class UnitFile(NamedTuple):
    """What a path means to systemd."""

    unit: str
    directory: str
    drop_in: str
    """The drop-in's name, empty for the unit itself."""


def unit_file(path: str) -> UnitFile | None:
    """What a path means to systemd, None for nothing."""
    if found := _UNIT.fullmatch(path):
        return UnitFile(found["unit"], found["directory"], found["drop_in"] or "")
    if found := _ANY.fullmatch(path):
        return UnitFile("*." + found["type"], found["directory"], found["drop_in"])
    return None


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line that sets something."""
    section = ""
    joined = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("#", ";")):
            continue  # also in the middle of a continued line
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        bare, joined = (joined + line).strip(), ""
        if bare.startswith("[") and bare.endswith("]"):
            section = bare[1:-1]
            continue
        key, separator, value = bare.partition("=")
        if separator:
            yield section, key.strip(), value.strip()
    key, separator, value = joined.strip().partition("=")
    if separator:
        yield section, key.strip(), value.strip()


@lru_cache(maxsize=64)
def _settings(text: str) -> tuple[tuple[str, str, str], ...]:
    # Docker's own unit is read again and again.
    return tuple(settings(text))


class Setting(NamedTuple):
    """A value and the place that set it."""

    value: str
    where: str


def merged(texts: Sequence[tuple[str, str]]) -> dict[str, list[Setting]]:
    """A unit of its file and drop-ins, in order: lists grow, and an empty value empties them."""
    unit: dict[str, list[Setting]] = {}
    for text, where in texts:
        for _, key, value in _settings(text):
            values = unit.setdefault(key, [])
            if value:
                values.append(Setting(value, where))
            else:
                values.clear()
    return unit


def words(text: str) -> list[str]:
    """A command line or list of assignments split as systemd does: quotes, backslashes, no shell."""
    return [_unquoted(found[0]) for found in _WORD.finditer(text)]


def _unquoted(word: str) -> str:
    def piece(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        inside = found[2] if found[2] is not None else found[3]
        if inside is not None:
            return re.sub(r"\\(.)", r"\1", inside, flags=re.S)
        return found[4] or ""

    return _PIECE.sub(piece, word)


def command(text: str, environment: Mapping[str, str], unknown: bool) -> list[list[str]]:
    """The programs of an Exec line, with variables put in. `unknown` says whether an unset variable may be set."""
    commands: list[list[str]] = []
    argv: list[str] = []
    text = text.lstrip("-:+!| ")
    named = text.startswith("@")
    for word in words(text.lstrip("-@:+!| ")):
        if word == ";":
            commands.append(argv)
            argv = []
            continue
        whole = _VARIABLE.fullmatch(word)
        if whole and whole[2]:
            if whole[2] in environment:
                argv += words(environment[whole[2]])
            elif unknown:
                argv.append(word)
            continue

        def put_in(found: re.Match[str]) -> str:
            if found[3]:
                return "$"
            return environment.get(found[1] or found[2], found[0])

        argv.append(_VARIABLE.sub(put_in, word))
    commands.append(argv)
    if named and len(commands[0]) > 1:
        del commands[0][1]  # `@program name argument`: the name that the program is shown under
    return [each for each in commands if each]


_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)(\+?)=[ \t]*", re.A)
_VALUE = re.compile(
    r"""'(?P<single>[^']*)'?|"(?P<double>(?:[^"\\]|\\.)*)"?|\\(?P<escaped>.)|(?P<plain>[^'"\\\n]+)|\\""", re.S
)


def environment_lines(text: str) -> dict[str, str]:
    """The assignments of an environment file (systemd.exec(5)): what stands in quotes may go over several lines."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        assigned = _ASSIGNMENT.match(text, at)
        if not assigned:
            newline = text.find("\n", at)
            at = len(text) if newline < 0 else newline + 1
            continue
        name, at = assigned[1], assigned.end()
        pieces: list[str] = []
        quoted = text[at : at + 1] in ("'", '"')
        while at < len(text) and text[at] != "\n" and (piece := _VALUE.match(text, at)):
            at = piece.end()
            if piece["plain"] is not None:
                pieces.append(re.sub(r"[ \t]#.*", "", piece["plain"]) if quoted else piece["plain"])
            elif piece["escaped"] is not None:
                pieces.append("" if piece["escaped"] == "\n" else piece["escaped"])
            else:
                inside = piece["single"] if piece["single"] is not None else piece["double"] or ""
                pieces.append(
                    inside if piece["double"] is None else re.sub(r"\\(.)", _unescaped, inside, flags=re.S)
                )
        value = "".join(pieces)
        value = (found.get(name, "") if assigned[2] else "") + (value if quoted else value.strip())
        # Where a shell reads the file, it may add to what it has.
        for own in (f"${{{name}}}", f"${name}"):
            value = value.replace(own, found.get(name, ""))
        found[name] = value
    return found


def _unescaped(found: re.Match[str]) -> str:
    return "" if found[1] == "\n" else found[1] if found[1] in '"\\`$' else found[0]
