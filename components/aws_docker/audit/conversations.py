"""Says what can be seen of a port, and decides what to ask it next. Pure.

wire.py speaks to ports and reports in these terms; verdicts.py decides what they mean.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from ..core.ports import DOCKER_PLAIN_PORT
from .targets import Endpoint


class State(StrEnum):
    """What became of the connection itself."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    UNCHECKED = "unchecked"
    """This machine could not even try."""


class Question(StrEnum):
    """How a port is spoken to. Each is a connection of its own."""

    CLEAR = "HTTP in clear text"
    TLS = "TLS without a client certificate"
    VERIFIED = "TLS as Docker's client speaks it"
    """With the expected CA, and the client's certificate where there is one."""
    PAST_A_FILTER = "HTTP in clear text, where a proxy hides /_ping"
    PAST_A_FILTER_BY_TLS = "TLS without a client certificate, where a proxy hides /_ping"


PATHS: Final = {
    Question.CLEAR: ("/_ping",),
    Question.TLS: ("/_ping",),
    Question.VERIFIED: ("/_ping",),
    # What filtering proxies let through most. Docker refuses a filter that is no JSON before it lists anything, and
    # says who it is (moby: the version middleware sets its headers before any handler runs).
    Question.PAST_A_FILTER: (
        *("/containers/json?filters=x", "/images/json?filters=x", "/networks?filters=x"),
        *("/volumes?filters=x", "/events?filters=x"),
    ),
}
PATHS[Question.PAST_A_FILTER_BY_TLS] = PATHS[Question.PAST_A_FILTER]
"""What each question asks for, each on a connection of its own."""
_PAST: Final = {
    Question.CLEAR: Question.PAST_A_FILTER,
    Question.TLS: Question.PAST_A_FILTER_BY_TLS,
}


class End(StrEnum):
    """How a conversation ended."""

    ANSWERED = "answered"
    """With an HTTP answer."""
    ALERT = "alert"
    """The server sent a TLS alert; `detail` names it."""
    CLOSED = "closed"
    """The server closed the connection, or reset it, and said nothing."""
    UNASKED = "closed before it was asked"
    """The server closed the connection, or reset it, before we had said anything."""
    SILENT = "silent"
    """Nothing, or no end of it, until the time was up."""
    NO_TLS = "no TLS"
    """What came is not TLS."""
    GARBAGE = "garbage"
    """What came is not HTTP."""
    MALFORMED = "malformed HTTP"
    """What came begins as HTTP and cannot be read as such; `detail` says why."""
    UNVERIFIED = "unverified"
    """We ended it: the server's certificate is not what it should be; `detail` says why."""
    FAILED = "failed"
    """TLS could not be agreed on; `detail` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: no more than the first kilobytes of it."""

    status: int
    headers: dict[str, str]
    """By name in small letters."""
    body: bytes
    ended: bool = True
    """Whether the answer had an end within the time and size that we give it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One connection, and what was said on it."""

    question: Question
    end: End
    detail: str = ""
    handshake: bool = False
    """Whether the TLS handshake came to its end, as our side sees it."""
    asked_for_certificate: bool = False
    """Whether the server asked us for a certificate."""
    tls_version: str | None = None
    certificate: bytes | None = None
    """The server's own certificate (DER)."""
    ping: Answer | None = None
    """The answer to /_ping, or to what was asked in its place."""
    version: Answer | None = None
    path: str = "/_ping"


@dataclass(frozen=True, slots=True)
class PortFacts:
    """All that was seen of one port."""

    endpoint: Endpoint
    state: State
    why: str
    conversations: tuple[Conversation, ...] = ()


# --- What to ask next ----------------------------------------------------------------------------------------------


def next_question(port: int, conversations: Sequence[Conversation], verify: bool) -> Question | None:
    """What to ask a port that has said this much; None where nothing more can be learnt."""
    # What the port is for by convention comes first; the other, where that leads nowhere.
    order = (Question.CLEAR, Question.TLS) if port == DOCKER_PLAIN_PORT else (Question.TLS, Question.CLEAR)
    if not conversations:
        return order[0]
    by = {each.question: each for each in conversations}
    if order[1] not in by and not _conclusive(by[order[0]]):
        return order[1]
    tls = by.get(Question.TLS)
    if verify and Question.VERIFIED not in by and tls is not None and (tls.handshake or tls.end is End.ALERT):
        return Question.VERIFIED
    if not any(each.ping for each in conversations):  # most ports
        return None
    for first, past in _PAST.items():
        asked = [each for each in conversations if each.question is past]
        if (
            first in by
            and _hides(by[first])
            and len(asked) < len(PATHS[past])
            and not any(map(is_docker, asked))
        ):
            return past
    return None


def path_to_ask(question: Question, conversations: Sequence[Conversation]) -> str:
    """For which path a question asks, where it has been asked this often."""
    asked = sum(each.question is question for each in conversations)
    return PATHS[question][min(asked, len(PATHS[question]) - 1)]


def _hides(conversation: Conversation) -> bool:
    """Whether HTTP was spoken without a mark of Docker: a filter in front of Docker's API does so, too."""
    return conversation.ping is not None and not is_docker(conversation) and not wants_tls(conversation)


def _conclusive(conversation: Conversation) -> bool:
    if conversation.end is End.UNASKED:
        return True
    if conversation.question is Question.CLEAR:
        return conversation.ping is not None and not wants_tls(conversation)
    return conversation.handshake or conversation.end in (End.ALERT, End.FAILED)


def is_docker(conversation: Conversation) -> bool:
    """Whether Docker's API answered. Podman's compatible API has the same marks, and its clients are root as well."""
    ping = conversation.ping
    if ping is None:
        return False
    marked = "api-version" in ping.headers or ping.headers.get("server", "").startswith("Docker/")
    return marked or bool(version_of(conversation).get("ApiVersion"))


def version_of(conversation: Conversation) -> dict[str, Any]:
    """What GET /version said."""
    if conversation.version is None or conversation.version.status != 200:
        return {}
    try:
        value = json.loads(conversation.version.body)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def wants_tls(conversation: Conversation) -> bool:
    """Whether an answer in clear text says that the port speaks TLS."""
    # Go: "Client sent an HTTP request to an HTTPS server."; nginx and Apache say HTTPS too.
    ping = conversation.ping
    return ping is not None and ping.status == 400 and b"HTTPS" in ping.body.upper()
