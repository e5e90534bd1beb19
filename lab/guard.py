"""Keeps clients at home: whatever talks to a host does so from one of the lab's own network namespaces.

The embedded cloud hands out private addresses that elsewhere may be somebody's. So every Python process of the lab
(the demo, the tests, and the programs and providers that the engine runs) refuses, by an audit hook, to connect to
another machine from any other namespace, and to start a client there that would. `network.run_in` and
`network.within` are how clients are run; a stack whose program talks to its host runs in `Stack(namespace=...)`.

It guards against mistakes, not against malice: a client that a shell script or another program starts is not seen.
"""

import contextlib
import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "dockerhost-lab"
"""How the names of the lab's network namespaces begin."""

NAMESPACES = Path("/run/netns")
"""Where `ip netns` keeps them."""

# Clients that say whom they talk to in their arguments.
_NAMED = frozenset({"curl", "nc", "nmap", "openssl", "ping"})
# What Docker's client does without talking to a daemon. The address of another may stand in a context.
_LOCAL_DOCKER = (
    ("--version",),
    ("context",),
    ("buildx", "create"),
    ("buildx", "rm"),
    ("buildx", "version"),
    ("compose", "config"),
    ("compose", "version"),
)
_TALKS = frozenset({"probe", "tunnel", "verify", "wait"})


class OutsideTheLab(RuntimeError):
    """A client was about to talk to a machine that is not the lab's."""


def install() -> None:
    """Have this process, and what is forked from it, refuse such connections and clients."""
    sys.addaudithook(_refuse)


def check(namespace: str) -> None:
    """Raise OutsideTheLab for a namespace that is none of the lab's."""
    if not namespace.startswith(f"{PREFIX}-"):
        raise OutsideTheLab(f"{namespace!r} is none of the lab's network namespaces")


def command_in(namespace: str, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in one of the lab's namespaces; raises OutsideTheLab for any other."""
    check(namespace)
    return ["ip", "netns", "exec", namespace, *argv]


def is_inside() -> bool:
    """Whether this thread is in one of the lab's namespaces."""
    try:
        here = os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116
    except OSError:
        return False  # no Linux
    for each in NAMESPACES.glob(f"{PREFIX}-*"):
        with contextlib.suppress(OSError):  # another run is just removing its own
            if each.stat().st_ino == here:
                return True
    return False


def problem(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """What is wrong with starting this command outside the lab's namespaces, if anything is."""
    words = [*argv]
    settings = dict(environment)
    if Path(words[0]).name == "env":
        words.pop(0)
        while words and "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            settings[name] = value
    if not words:
        return ""
    program, arguments = Path(words[0]).name, words[1:]
    shown = " ".join([program, *arguments[:3]])
    if program in _NAMED and (away := [each for each in arguments if _is_away(each)]):
        return f"`{shown}` would talk to {away[0]}"
    daemon = arguments[1] if len(arguments) > 1 and arguments[0] in ("--host", "-H") else ""
    daemon = daemon or settings.get("DOCKER_HOST", "")
    if program == "docker" and not (_is_local(arguments) or _is_loopback(daemon)):
        return f"`{shown}` would talk to a daemon"
    here = "--help" in arguments or (any(map(_is_loopback, arguments)) and not any(map(_is_away, arguments)))
    # A tunnel's near end is on loopback; where its far end is, says the API that is asked for it.
    here = here or (arguments[:1] == ["tunnel"] and _is_loopback(settings.get("AWS_ENDPOINT_URL", "")))
    if program == "aws-docker" and _TALKS & set(arguments[:1]) and not here:
        return f"`{shown}` would talk to a host"
    return ""


def _is_local(arguments: Sequence[str]) -> bool:
    """Whether Docker's client does this by itself."""
    if "--bootstrap" in arguments:
        return False
    return any(tuple(arguments[: len(local)]) == local for local in _LOCAL_DOCKER)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(str(address[0])) and not is_inside():
            raise OutsideTheLab(f"a connection to {address[0]}, outside the lab's network namespaces")
    elif event == "subprocess.Popen":
        _, argv, _, environment = arguments
        words = [argv] if isinstance(argv, (str, bytes, os.PathLike)) else argv
        texts = {os.fsdecode(k): os.fsdecode(v) for k, v in (environment or os.environ).items()}
        if (found := problem([os.fsdecode(each) for each in words], texts)) and not is_inside():
            raise OutsideTheLab(f"{found}, outside the lab's network namespaces: run it by network.run_in")


def _address(text: str) -> str:
    """The host in `tcp://HOST:PORT`, `HOST:PORT`, `[HOST]:PORT` or HOST."""
    host = text.rpartition("://")[2].split("/")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_loopback(text: str) -> bool:
    host = _address(text)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_away(text: str) -> bool:
    """Whether a word names an address of another machine."""
    try:
        return not ipaddress.ip_address(_address(text)).is_loopback
    except ValueError:
        return False
