"""Decides what an instance's user-data makes a Docker daemon expose, and whether it holds private keys. Pure.

formats/ reads the formats, following.py follows the steps on a machine, keys.py looks for keys; here it is put
together. Left to others: what security groups and firewalls let through, what an image starts by itself, what scripts
fetch.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ..core.dockerd import Listener
from .following import Following
from .formats.documents import read
from .formats.steps import Reading
from .keys import hide
from .machine import world
from .machine.state import SHOWN, UNKNOWN, Budget


@dataclass(frozen=True, slots=True)
class BootListener:
    """A listener, and where in the user-data it comes from."""

    where: str
    """Such as "runcmd, line 3", "write_files /etc/docker/daemon.json" or "part 2 (text/x-shellscript), line 7"."""
    listener: Listener


class Unread(str):
    """What could not be read or decided: a sentence, and how much it has to do with Docker."""

    concerns_docker: bool

    def __new__(cls, sentence: str, *, concerns_docker: bool) -> "Unread":
        unread = super().__new__(cls, sentence)
        unread.concerns_docker = concerns_docker
        return unread


@dataclass(frozen=True, slots=True)
class BootJudgement:
    """What user-data makes of a machine, as far as Docker is concerned."""

    runs_docker: bool
    """Whether it installs, configures, starts or uses a Docker engine of the machine's own."""
    listeners: tuple[BootListener, ...]
    """Everything that serves the Docker API beyond a Unix socket: safe or not, by dockerd or by something before it."""
    unread: tuple[Unread, ...]
    """What could not be read or decided, a sentence each.

    `concerns_docker` is false for what is fetched and run, or depends on the machine, in a document that has nothing to
    do with Docker: at most one such sentence stands here.
    """
    private_keys: tuple[str, ...]
    """Where private keys stand."""
    undecoded: tuple[str, ...] = ()
    """What of `unread` could not even be decoded, and so not be searched for keys."""

    swarm_keys: tuple[str, ...] = ()
    """Where a Swarm's join tokens and unlock keys stand."""
    in_swarm: bool = False
    """Whether the machine's engine makes a Swarm or joins one, whose ports it then serves."""

    @property
    def unsafe(self) -> tuple[BootListener, ...]:
        """The listeners that are not safe."""
        return tuple(finding for finding in self.listeners if not finding.listener.safe)


@lru_cache(maxsize=128)
def judge(user_data: str | bytes) -> BootJudgement:
    """What this user-data makes a Docker daemon expose.

    Takes it as AWS or Pulumi hands it over: plain, in base64, compressed. Never raises; what it cannot read it says.
    No part of a private key is in what it returns.
    """
    following = Following()
    machine = following.machine
    reading = Reading()
    undecoded: list[str] = []
    try:
        reading = read(user_data)
        undecoded = reading.unread
        for sentence in undecoded:
            machine.note_unread(sentence, elsewhere=sentence in reading.elsewhere)
        following.follow(reading)
    except Budget:
        machine.note_unread("the user-data does too much to follow to its end", elsewhere=True)
        following.give_up()
    except RecursionError:
        sentence = "the user-data is nested too deeply to read"
        machine.note_unread(sentence)
        undecoded = undecoded or [sentence]
    except Exception as error:  # a mistake of this package: what it hides is not passed over
        machine.note_unread(f"the user-data could not be followed to its end ({type(error).__name__})")
    for where, text in reading.texts:
        machine.look_for_keys(text, where)
    material = " ".join(machine.material)

    def shown(text: str) -> str:
        return hide(text.replace(UNKNOWN, SHOWN), material)

    findings: list[BootListener] = []
    for where, listener, conditions in following.findings.all.values():
        address, reason = shown(listener.address), shown(listener.reason)
        place = where or "Docker's own unit"
        place += f", where {named}" if (named := world.shown(conditions)) else ""
        findings.append(BootListener(shown(place), replace(listener, address=address, reason=reason)))
    runs_docker = machine.runs_docker or bool(findings)
    concerns = runs_docker or any(_NAMES_DOCKER.search(_start(text)) for _, text in reading.texts)
    unread = {shown(sentence): elsewhere for sentence, elsewhere in machine.unread.items()}
    return BootJudgement(
        runs_docker,
        tuple(findings),
        tuple(_sorted(unread, concerns)),
        tuple(dict.fromkeys(shown(where) for where in machine.keys.values())),
        tuple(dict.fromkeys(shown(sentence) for sentence in undecoded)),
        tuple(dict.fromkeys(shown(where) for where in machine.swarm_keys.values())),
        machine.in_swarm,
    )


_NAMES_DOCKER = re.compile(r"docker|moby|podman|tcp://|:237[56]\b", re.I)


def _start(text: str | bytes) -> str:
    return (text.decode("latin-1") if isinstance(text, bytes) else text)[: 1 << 18]


def _sorted(unread: Mapping[str, bool], concerns: bool) -> Iterator[Unread]:
    """The sentences; of those that are of what stands elsewhere, in a document without Docker, the first for all."""
    others = [sentence for sentence, elsewhere in unread.items() if elsewhere and not concerns]
    for sentence, elsewhere in unread.items():
        if not elsewhere or concerns:
            yield Unread(sentence, concerns_docker=True)
    if others:
        more = f" (and {len(others) - 1} more like it)" if len(others) > 1 else ""
        yield Unread(others[0] + more, concerns_docker=False)
