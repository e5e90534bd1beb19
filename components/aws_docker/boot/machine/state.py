"""The machine as user-data leaves it: its files, and the programs that were started on it. Pure.

A file keeps every content that it may have: a write that certainly happens replaces what was there, one that depends on
a condition adds an alternative. What the files and programs expose is judgement.py's to say.
"""

import posixpath
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..keys import keys, keys_in_bytes

UNKNOWN: Final = "$(command)"
"""Stands in a text for what only the machine knows. The `$` is how daemon.py tells it, too."""

FETCHED_INSTALLER: Final = f"{UNKNOWN} of get.docker.com"
"""Stands for Docker's own installer, fetched: what it does is known."""

DOCUMENTATION = re.compile(
    r"/usr/(?:local/)?share/|/etc/(?:motd|issue|update-motd\.d)|\.(?:md|txt|rst|adoc|html|log|example|sample|bak|disabled)$|/README|/tmp/.*\.log$|/var/log/"
)
"""Paths of what is only read by people."""

_ALTERNATIVES: Final = 6
_ONE_TEXT: Final = 1 << 18
_ALL_TEXTS: Final = 1 << 22
_STEPS: Final = 20_000


def base(program: str) -> str:
    """A program's own name."""
    return program.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].removesuffix(".exe")


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


class Content(NamedTuple):
    """What a file may hold."""

    text: str
    where: str


class Process(NamedTuple):
    """A program that was started."""

    argv: tuple[str, ...]
    where: str


class Budget(Exception):
    """More was to be read than a machine's set-up can need."""


@dataclass(slots=True)
class Machine:
    """What is known of the machine so far."""

    files: dict[str, list[Content]] = field(default_factory=dict[str, list[Content]])
    stock: dict[str, str] = field(default_factory=dict[str, str])
    """Files that come with Docker's packages, for edits in place."""
    links: dict[str, str] = field(default_factory=dict[str, str])
    unread: dict[str, None] = field(default_factory=dict[str, None])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """Where private keys stand, by fingerprint."""
    material: set[str] = field(default_factory=set[str])
    """What the keys consist of: never to be shown."""
    runs_docker: bool = False
    changes: int = 0
    size: int = 0
    steps: int = 0

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > _STEPS:
            raise Budget

    def note_unread(self, sentence: str) -> None:
        """Notes what could not be read."""
        if len(self.unread) < 50:
            self.unread[sentence] = None

    def look_for_keys(self, text: str | bytes, where: str) -> None:
        """Notes the private keys in a text or in a file's bytes."""
        for key in keys_in_bytes(text) if isinstance(text, bytes) else keys(text):
            self.keys.setdefault(key.fingerprint, where)
            self.material.add(key.material)

    # --- Files ---

    def path(self, path: str, directory: str = "/") -> str:
        """A path in its one spelling, links followed."""
        path = path.replace("\\", "/") if re.match(r"[A-Za-z]:[\\/]", path) else path
        if path == "~" or path.startswith("~/"):
            path = "/root" + path[1:]
        path = posixpath.normpath(posixpath.join(directory, path)) if path else path
        if path.startswith("//"):
            path = path[1:]
        if path.startswith("/var/run/"):
            path = path[4:]
        for _ in range(8):
            linked = next((link for link in self.links if path == link or path.startswith(link + "/")), None)
            if linked is None:
                break
            path = self.links[linked] + path[len(linked) :]
        return path[:1_000]

    def read(self, path: str) -> list[Content]:
        """What the file may hold: nothing where it is not known to exist."""
        if path in self.files:
            return self.files[path]
        return [Content(self.stock[path], "")] if path in self.stock else []

    def write(self, path: str, text: str, where: str, *, append: bool = False, maybe: bool = False) -> None:
        self.step()
        old = self.read(path)
        new = [Content(text, where)]
        if append and old:
            new = [Content(content.text + text, where) for content in old]
        if maybe:
            new = [*old, *(content for content in new if content not in old)]
        self.size += sum(len(content.text) for content in new)
        if self.size > _ALL_TEXTS or any(len(content.text) > _ONE_TEXT for content in new):
            raise Budget
        if len(new) > _ALTERNATIVES:
            self.note_unread(f"{path} is written in too many ways to follow")
            new = new[:1] + new[1 - _ALTERNATIVES :]
        self.files[path] = new
        self.changes += 1
        for content in new[-2:]:
            self.look_for_keys(content.text, where)

    def remove(self, path: str, *, maybe: bool = False) -> None:
        inside = path.rstrip("/") + "/"
        for each in [each for each in self.files if each == path or each.startswith(inside)]:
            if maybe:
                self.files[each] = [*self.files[each], Content("", "")][-_ALTERNATIVES:]
            else:
                del self.files[each]
            self.changes += 1
        if not maybe:
            self.links.pop(path, None)
