"""Decides how a host stands to what is intended for it, by the word that it writes to a parameter. Pure.

Which parameter, and what is intended, its callers know. The word is the host's own: who holds a client's key is root
there, and can write what he likes. It is for people and for waiting; it opens nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

_ENDING: Final = {"closed", "refused", "obstructed", "stale"}
_UNDER_WAY: Final = {"pending", "installing", "mounting", "fetching", "joining"}
_SHORT: Final = 12


class Standing(StrEnum):
    """How a host stands to what is intended for it."""

    READY = "ready"
    """What is intended is in force."""
    UNDER_WAY = "under way"
    """It is not yet."""
    FAILED = "failed"
    """It will not be without somebody, or is only partly."""
    ASLEEP = "asleep"
    """Its instance is stopped, or stops itself at this moment: nobody is served, and what is intended waits."""
    UNKNOWN = "unknown"
    """The host's word could not be read."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a host's word comes to."""

    standing: Standing
    evidence: str
    """A clause."""
    hint: str = ""
    final: bool = False
    """Waiting changes nothing: the host has refused what is intended."""
    word: Mapping[str, str] | None = None
    """The host's own words: state, reason, document, refused, engine, certificate_expires_at, instance, at."""


def digest_of(text: str) -> str:
    """The SHA-256 by which a host, and whoever reads its word, knows a text that it was given."""
    return hashlib.sha256(text.encode()).hexdigest()


def judge(text: str, *, instance: str, digest: str | None) -> Judged:
    """How an instance stands, from the text in its parameter.

    `digest` is the SHA-256 of the configuration that is intended; None where that is not known.
    """
    word = _word(text)
    if word is None:
        hint = "read it yourself: aws ssm get-parameter; a newer aws-docker may know it"
        return Judged(Standing.UNKNOWN, "its status is none that is known here", hint)
    state, reason = word["state"], word["reason"] or "no reason is given"

    def standing(how: Standing, evidence: str, hint: str = "", final: bool = False) -> Judged:
        return Judged(how, evidence, hint, final, word)

    if word["instance"] and word["instance"] != instance:
        return standing(Standing.UNDER_WAY, f"{word['instance']} wrote it, and {instance} has not yet")
    if state == "waiting":  # for its turn in a Swarm: it has refused nothing
        return standing(Standing.UNDER_WAY, f"{state}: {reason}")
    if digest and word["refused"] == digest:
        before = "; the configuration before it is in force" if word["document"] else ""
        hint = f"mend what it names, and run `pulumi up`{before}"
        return standing(Standing.FAILED, f"it refused the configuration: {reason}", hint, final=True)
    if state in _ENDING:
        return standing(Standing.FAILED, f"{state}: {reason}", "docs/troubleshooting.md has a row for it")
    if state == "asleep":
        return standing(Standing.ASLEEP, f"it goes to sleep: {reason}")
    if state == "interrupted":
        hint = "EC2 starts it again when it has room, as it was"
        return standing(Standing.FAILED, f"{state}: {reason}", hint)
    if state in _UNDER_WAY:
        return standing(Standing.UNDER_WAY, f"{state}: {reason}")
    if state != "ready":
        return standing(Standing.UNKNOWN, f"the state {state!r} is none that is known here")
    if digest is None:
        hint = "the state has to show secrets: log in to the stack's secrets provider"
        return standing(Standing.UNKNOWN, "it is ready, and what the stack intends is not known", hint)
    if word["document"] != digest:
        return standing(
            Standing.UNDER_WAY,
            f"ready with {_short(word['document'])}, and {_short(digest)} is intended",
            "the host looks every minute",
        )
    return standing(Standing.READY, "what the stack intends is in force")


def _word(text: str) -> dict[str, str] | None:
    """The fields of a status, bounded and without what a terminal would obey; None for what is none."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    fields = cast(dict[str, Any], value)
    if fields.get("version") != 1 or not isinstance(fields.get("state"), str):
        return None
    names = ("state", "reason", "document", "refused", "engine", "certificate_expires_at", "instance", "at")
    names += ("disk", "updates")
    return {name: _plain(fields.get(name)) for name in names}


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:512])


def _short(digest: str) -> str:
    return f"{digest[:_SHORT]}…" if digest else "none"
