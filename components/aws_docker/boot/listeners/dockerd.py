"""Judges a dockerd that is started on a machine: its words, and the configuration file that it finds there.

What both together expose is core/dockerd.py's to say; here the file is found and read, and what came of it is noted.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from ...core.dockerd import Access, config_file, exposure
from ..formats.options import overlaid
from ..machine.state import FETCHED_INSTALLER, Content, base, is_unknown, names
from ..machine.world import World
from .found import Findings, origin

DAEMONS: Final = frozenset(
    ("dockerd", "dockerd-ce", "dockerd-rootless.sh", "dockerd-entrypoint.sh", "docker-containerd")
)


# Options of docker itself and of docker-compose that take a value.
_CLIENT_OPTIONS: Final = names(
    "-H --host -c --context --config -l --log-level -g --graph -p --project-name -f --file --env-file -G -s -b "
    "--tlscacert --tlscert --tlskey"
)


class Call(NamedTuple):
    """How docker is called."""

    flags: list[str]
    rest: list[str]
    """What follows docker's own flags: a verb and its words."""
    daemon: bool
    remote: bool
    """Whether it asks another machine's engine."""


def called(argv: Sequence[str]) -> Call:
    """How docker is called with these words."""
    rest = list(argv[1:])
    remote = daemon = False
    flags: list[str] = []
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        flags.append(word)
        name, separator, value = word.partition("=")
        if word in ("-d", "--daemon", "-d=true", "--daemon=true"):
            daemon = True
            flags.pop()
            continue
        if not separator and name in _CLIENT_OPTIONS and rest:
            value = rest.pop(0)
            flags.append(value)
        if name in ("-H", "--host") or word.startswith("-H"):
            address = value or word[2:]
            remote = remote or not address.startswith(("unix:", "fd:", "npipe:"))
        elif name in ("-c", "--context"):
            remote = remote or value not in ("default", "rootless")
    return Call(flags, rest, daemon or rest[:1] == ["daemon"], remote)


def daemon_words(argv: Sequence[str]) -> list[str] | None:
    """dockerd's words where docker is called as a daemon, in its old spellings (`docker -d`, `docker daemon`)."""
    if base(argv[0]) != "docker":
        return None
    flags, rest, daemon, _ = called(argv)
    return ["dockerd", *flags, *(rest[1:] if rest[:1] == ["daemon"] else rest)] if daemon else None


def judge(
    world: World,
    findings: Findings,
    argv: Sequence[str],
    where: str,
    *,
    streams: Sequence[str] = (),
    sources: Sequence[Content] = (),
    given: Mapping[str, Any] | None = None,
) -> None:
    """Adds what a dockerd exposes that is started with these words; `given`: with this configuration."""
    world.machine.step(len(argv))
    path = config_file(argv)
    content = world.read(world.path(path))
    if content is None and base(argv[0]) == "dockerd-rootless.sh":
        own = (file for file in world.files if file.endswith("/.config/docker/daemon.json"))
        content = next((world.files[file] for file in own), None)
    file = given if given is not None or content is None else options(world, content, path)
    exposed = exposure(argv, file, socket_streams=streams)
    if exposed.only_reports:
        return
    for listener in exposed.listeners:
        if listener.access is not Access.LOCAL:
            findings.add(
                world, origin(listener, where, [*sources, *([content] if content else [])]), listener
            )
    for sentence in exposed.unread:
        world.machine.note_unread(f"{where}: {sentence}")


def options(world: World, content: Content, path: str) -> Mapping[str, Any] | None:
    """What a daemon.json sets; None where nobody knows."""
    text = content.text.lstrip("\ufeff")
    note = world.machine.note_unread
    if is_unknown(text) or text == FETCHED_INSTALLER:
        note(f"{content.where}: what {path[:200]} then holds is not in the user-data")
        return None
    if not text.strip():
        return {}
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        # dockerd refuses to start with it. Until somebody mends it: what would be open then?
        if re.search(r"hosts|tcp://|tls", text):
            note(f"{content.where}: {path[:200]} is not JSON and was read in part")
        return overlaid("", text)
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}
