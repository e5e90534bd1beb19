"""The listeners that were found, each with where it comes from and what it takes for granted.

Found in any world is found. In which worlds, its conditions say.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from ...core.dockerd import Access, Listener, TcpAddress
from ..machine.state import Content
from ..machine.world import Condition, World, common

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - an address that is read about
_SOCKET = re.compile(r"(?:docker(?:-\w+)?|/docker/[\w.-]*)\.sock(?!\w)")
DAEMON_PORT = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):237[56](?!\d)")
_MOST: Final = 200


class Found(NamedTuple):
    """A listener that was found."""

    where: str
    listener: Listener
    conditions: tuple[Condition, ...]


class Findings:
    """All listeners that were found so far."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str, str], Found] = {}
        self.log: list[tuple[str, Listener]] = []
        """Everything that was added, in order."""

    def add(self, world: World, where: str, listener: Listener) -> None:
        key = (str(listener), listener.access.value, listener.binding.value)
        self.log.append((where, listener))
        before = self.all.get(key)
        if before is not None:
            self.all[key] = before._replace(conditions=common(before.conditions, world.conditions))
        elif len(self.all) < _MOST:
            self.all[key] = Found(where, listener, world.conditions)


def origin(listener: Listener, where: str, sources: Sequence[Content]) -> str:
    """Which of the sources names the listener: the last one that does."""
    marks = [listener.address]
    if listener.kind == "tcp":
        marks = [f"{listener.address}:{listener.port}", listener.address]
        marks += [str(listener.port)] if listener.port is not None else []
    for mark in marks:
        for content in reversed(sources):
            if mark in content.text and content.where:
                return content.where
    return where or next((content.where for content in reversed(sources) if content.where), "")


def tcp(host: str, port: int | None, access: Access, reason: str) -> Listener:
    """A listener of something in front of the daemon, where dockerd would have it for the same address."""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return TcpAddress.parse(f"{host}:0")._replace(port=port).listener(access, reason)


def concerns_socket(text: str) -> bool:
    """Whether a text names Docker's socket."""
    return _SOCKET.search(text) is not None


def number(text: str) -> int | None:
    """A port, where a text is one."""
    return int(text) if re.fullmatch(r"\d{1,5}", text, re.A) else None


def plain(what: str) -> tuple[Access, str]:
    """What is asked of whoever connects to something that passes them on: nothing."""
    return (
        Access.UNAUTHENTICATED,
        f"{what} passes whoever connects on to Docker's socket, so whoever connects is root",
    )
