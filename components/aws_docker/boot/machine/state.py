"""What is true of a machine whichever way its set-up goes: what could not be read, its keys, how much was done. Pure.

How its files and variables may stand is world.py's; what files and programs expose is for listeners/.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...core.dockerd import UNKNOWN as UNKNOWN
from ..keys import keys, keys_in_bytes

SHOWN: Final = "$(command)"
"""How people are shown UNKNOWN."""

FETCHED_INSTALLER: Final = f"{UNKNOWN} of get.docker.com"
"""Stands for Docker's own installer, fetched: what it does is known."""

FETCHED_HARMLESS: Final = f"{UNKNOWN} of AWS"
"""Stands for a program of AWS's own, fetched: it has nothing to do with Docker."""

DOCUMENTATION = re.compile(
    r"/usr/(?:local/)?share/|/etc/(?:motd|issue|update-motd\.d)|\.(?:md|txt|rst|adoc|html|log|example|sample|bak|disabled)$|/README|/tmp/.*\.log$|/var/log/"
)
"""Paths of what is only read by people."""

CONCERNS = re.compile(
    r"docker|moby|podman|containerd|buildkit|tcp://|:237[56]\b|(?:^|\s)-H[ =]?\S|ListenStream|tlsverify|\"hosts\"",
    re.I,
)
"""What a text holds that may have to do with Docker."""

_STEPS: Final = 10_000
_ALL_TEXTS: Final = 1 << 22


def base(program: str) -> str:
    """A program's own name."""
    return program.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].removesuffix(".exe")


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def is_unknown(text: str) -> bool:
    """Whether nothing is known of a text."""
    return UNKNOWN in text and not text.replace(UNKNOWN, "").strip()


class Content(NamedTuple):
    """What a file holds."""

    text: str
    where: str


class Budget(Exception):
    """More was to be read than a machine's set-up can need."""


@dataclass(slots=True)
class Machine:
    """What is known of a machine in every world."""

    stock: dict[str, str] = field(default_factory=dict[str, str])
    """Files that come with Docker's packages, for edits in place."""
    unread: dict[str, bool] = field(default_factory=dict[str, bool])
    """What could not be read, a sentence each, and whether it is only of what is fetched from elsewhere."""
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """Where private keys stand, by fingerprint."""
    swarm_keys: dict[str, str] = field(default_factory=dict[str, str])
    """Where tokens and keys of a Swarm stand, by fingerprint."""
    material: set[str] = field(default_factory=set[str])
    """What the keys consist of: never to be shown."""
    followed: set[str] = field(default_factory=set[str])
    """Paths of scripts that were followed where something runs them."""
    runs_docker: bool = False
    in_swarm: bool = False
    size: int = 0
    steps: int = 0
    changes: int = 0

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > _STEPS:
            raise Budget

    def holds(self, size: int) -> None:
        """Counts what is written."""
        self.size += size
        if self.size > _ALL_TEXTS:
            raise Budget

    def note_unread(self, sentence: str, *, elsewhere: bool = False) -> None:
        """Notes what could not be read; `elsewhere`: because it is fetched, or depends on the machine."""
        if len(self.unread) < 50:
            self.unread[sentence] = self.unread.get(sentence, True) and elsewhere

    def look_for_keys(self, text: str | bytes, where: str) -> None:
        """Notes the private keys in a text or in a file's bytes."""
        for key in keys_in_bytes(text) if isinstance(text, bytes) else keys(text):
            known = self.swarm_keys if key.of_swarm else self.keys
            known.setdefault(key.fingerprint, where)
            self.material.add(key.material)
