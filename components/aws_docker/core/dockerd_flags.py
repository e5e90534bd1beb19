"""Reads dockerd's command line into its flags, as github.com/spf13/pflag does. What they expose is dockerd.py's to say.
Pure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from .dockerd_options import FILE_OPTIONS, FLAG_OPTIONS, ONLY_REPORT, OTHER_OPTIONS, PROGRAMS, SHORT_FLAGS

UNKNOWN: Final = "\ue000"
"""Stands in a word for what only the machine knows. A private-use character: no configuration holds one."""

VARIABLE: Final = re.compile(rf"[$`{UNKNOWN}]")  # what a shell, systemd or the machine puts in

# strconv.ParseBool
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Flags(NamedTuple):
    values: Mapping[str, list[str]]
    refusals: list[str]
    unread: list[str]
    reports: list[str]
    """The flags that make dockerd print something and exit."""

    @property
    def only_reports(self) -> bool:
        return bool(self.reports)

    def last(self, name: str) -> str | None:
        return self.values[name][-1] if self.values.get(name) else None

    def truth(self, name: str) -> bool | None:
        """A switch: true or false as dockerd reads it, None where it is not given or cannot be read."""
        value = self.last(name)
        return None if value is None else value in _TRUE

    def option(self, name: str) -> str | None:
        """The flag's value, where it is given and not empty."""
        return self.last(name) or None


def _flag_kind(name: str) -> str | None:
    return OTHER_OPTIONS.get(name) or FILE_OPTIONS.get(FLAG_OPTIONS.get(name, name))


def read_flags(argv: Sequence[str]) -> Flags:
    # As github.com/spf13/pflag does: "--name value", "--name=value", "-n value", "-n=value", "-nvalue", "-Dn value".
    words = [_unquoted(word) for word in argv]
    if words and not words[0].startswith("-"):
        # A program stands first: dockerd, or what starts it (sudo, env, exec). A later "dockerd" is some flag's value.
        named = (at for at, word in enumerate(words) if word.rsplit("/", 1)[-1] in PROGRAMS)
        words = words[next(named, -1) + 1 :]
    flags = Flags({}, [], [], [])
    values = cast(dict[str, list[str]], flags.values)
    rest = list(reversed(words))

    def take(name: str, given: str | None) -> None:
        kind = _flag_kind(name)
        if name in ONLY_REPORT:
            flags.reports.append(name)
            flags.refusals.append(f"--{name} only prints and exits")
            return
        if kind is None:
            flags.refusals.append(f"dockerd knows no flag --{name}")
            if given is None and rest and not rest[-1].startswith("-"):
                rest.pop()
            return
        if kind == "true or false":
            value = "true" if given is None else given
            if VARIABLE.search(value):
                flags.unread.append(f"--{name}={value} cannot be read here, and is taken as false")
            elif value not in _TRUE | _FALSE:
                flags.refusals.append(f"--{name}={value} is neither true nor false")
        elif given is not None:
            value = given
        elif rest:
            value = rest.pop()
        else:
            flags.refusals.append(f"--{name} needs a value")
            return
        values.setdefault(name, []).append(_unquoted(value))

    while rest:
        word = rest.pop()
        if word == "--":
            flags.refusals.extend(f"dockerd takes no argument such as {each}" for each in reversed(rest))
            break
        if word.startswith("--"):
            name, separator, given = word[2:].partition("=")
            take(name, given if separator else None)
        elif word.startswith("-") and len(word) > 1:
            cluster = word[1:]
            while cluster:
                name, cluster = SHORT_FLAGS.get(cluster[0]), cluster[1:]
                if name is None:
                    flags.refusals.append(f"dockerd knows no flag in {word}")
                    break
                if cluster.startswith("="):
                    take(name, cluster[1:])
                    break
                if name in ONLY_REPORT or _flag_kind(name) == "true or false":
                    take(name, None)
                else:
                    take(name, cluster or None)
                    break
        elif VARIABLE.search(word):
            flags.unread.append(f"{word} may hold more flags")
        elif word:
            flags.refusals.append(f"dockerd takes no argument such as {word}")
    return flags


def _unquoted(word: str) -> str:
    word = word.strip()
    name, separator, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return name + separator + value
