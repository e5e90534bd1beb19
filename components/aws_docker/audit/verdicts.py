"""Decides what a port is, from what was said on the wire: one table of conditions, verdicts and sentences. Pure.

What was seen of Go's TLS, which dockerd uses, is from research on dockerd 20.10 and 29: with TLS 1.3 a server without
our certificate refuses only after the handshake, so a handshake proves nothing; plain HTTP sent to TLS is answered with
400.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..core.checks import Severity
from .certificates import ServerCertificate, expires_soon, expiring
from .conversations import Conversation, End, PortFacts, Question, State, is_docker, version_of, wants_tls
from .findings import Finding
from .targets import Endpoint


class Verdict(StrEnum):
    """What a port is."""

    CLOSED = "closed"
    FILTERED = "filtered"
    UNCHECKED = "unchecked"
    API_IN_CLEAR_TEXT = "api-in-clear-text"
    API_WITHOUT_CLIENT_CERTIFICATE = "api-without-client-certificate"
    MUTUAL_TLS = "mutual-tls"
    REFUSED = "refused-cause-unknown"
    NOT_DOCKER = "not-docker"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class PortJudgement:
    """What a port is, and by what that is known."""

    endpoint: Endpoint
    verdict: Verdict
    evidence: str
    """A clause: what was seen that makes the verdict."""
    engine: str | None = None
    api_version: str | None = None
    min_api_version: str | None = None
    tls_version: str | None = None
    certificate: ServerCertificate | None = None
    expected_authority: bool | None = None
    """Whether the certificate is of the expected CA; None where none was given, or it is not known."""
    bundle_works: bool | None = None
    """Whether the client bundle was served; None where none was given."""
    bundle_evidence: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether it is known what the port is."""
        return self.verdict not in (Verdict.UNCHECKED, Verdict.UNCLEAR)


_BY_STATE: Final = {
    State.CLOSED: Verdict.CLOSED,
    State.FILTERED: Verdict.FILTERED,
    State.UNCHECKED: Verdict.UNCHECKED,
}
_OTHER_NAME: Final = frozenset({"62", "63", "64"})
_SAME_AUTHORITY: Final = frozenset({"9", "10"}) | _OTHER_NAME
"""OpenSSL's verify codes that concern dates and names: the chain is then the expected CA's (x509_vfy.h)."""


def judge_port(
    facts: PortFacts, *, bundle: bool = False, now: datetime.datetime | None = None
) -> PortJudgement:
    """The verdict on a port; `bundle`: whether the verified question showed a client's certificate."""
    if facts.state is not State.OPEN:
        return PortJudgement(facts.endpoint, _BY_STATE[facts.state], facts.why)
    if all(map(_says_nothing, facts.conversations)):
        return PortJudgement(facts.endpoint, *_of_silence(facts.conversations))
    by = {each.question: each for each in facts.conversations}
    seen = _Seen.of(facts.conversations)
    row = _row(seen)
    verified = by.get(Question.VERIFIED)
    secured = seen.tls if seen.tls and (seen.tls.handshake or seen.tls.certificate) else verified
    certificate = ServerCertificate.read(secured.certificate) if secured and secured.certificate else None
    authority, works, bundle_evidence = _verified(verified, bundle)
    judged = PortJudgement(
        facts.endpoint,
        row.verdict,
        row.evidence(seen),
        *_engine(verified if verified and verified.ping else seen.serving),
        secured.tls_version if secured else None,
        certificate,
        authority,
        works,
        bundle_evidence,
    )
    unverified = verified.detail.partition(" ")[0] if verified and verified.end is End.UNVERIFIED else ""
    findings = tuple(_findings(judged, unverified, now or datetime.datetime.now(datetime.UTC)))
    return replace(judged, findings=findings) if findings else judged


def _row(seen: "_Seen") -> "_Row":
    return next(row for row in _TABLE if row.applies(seen))


def _says_nothing(conversation: Conversation) -> bool:
    """Whether nothing came that tells one server from another."""
    return (
        conversation.ping is None
        and conversation.version is None
        and conversation.certificate is None
        and conversation.tls_version is None
        and conversation.question is not Question.VERIFIED
    )


@lru_cache(maxsize=64)
def _of_silence(conversations: tuple[Conversation, ...]) -> tuple[Verdict, str]:
    # Thousands of ports in a scan end a connection in the same way: it is judged once.
    seen = _Seen.of(conversations)
    row = _row(seen)
    return row.verdict, row.evidence(seen)


# --- The table -----------------------------------------------------------------------------------------------------

_PAST_A_FILTER: Final = (Question.PAST_A_FILTER, Question.PAST_A_FILTER_BY_TLS)
_DENIED: Final = (401, 403, 405, 407)
_CERTIFICATE_ALERTS: Final = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "HANDSHAKE_FAILURE",
    "CERTIFICATE_UNKNOWN",
)


class _Seen(NamedTuple):
    """What was said without a client's certificate. Made once: every row of the table asks it."""

    clear: Conversation | None
    tls: Conversation | None
    serving: Conversation | None
    """The conversation in which Docker's API answered: in clear text, over TLS, or past a filter that hides /_ping."""
    stranger: Conversation | None
    """The one in which HTTP was spoken, other than to ask for TLS; the one over TLS, where both are."""
    ends: frozenset[End]

    @classmethod
    def of(cls, conversations: Sequence[Conversation]) -> "_Seen":
        by = {each.question: each for each in conversations if each.question not in _PAST_A_FILTER}
        clear, tls = by.get(Question.CLEAR), by.get(Question.TLS)
        both = [each for each in (tls, clear) if each is not None]
        if not any(each.ping for each in both):  # most ports
            return cls(clear, tls, None, None, frozenset(each.end for each in both))
        past = [each for each in conversations if each.question in _PAST_A_FILTER]
        serving = next((each for each in (*reversed(both), *past) if is_docker(each)), None)
        stranger = next((each for each in both if each.ping and not wants_tls(each)), None)
        return cls(clear, tls, serving, stranger, frozenset(each.end for each in both))

    def serves(self, *questions: Question) -> bool:
        """Whether Docker's API answered to one of these questions."""
        return self.serving is not None and self.serving.question in questions

    @property
    def denied(self) -> bool:
        """Whether HTTP was spoken, and denied what was asked rather than not knowing it."""
        stranger = self.stranger
        return stranger is not None and stranger.ping is not None and stranger.ping.status in _DENIED

    @property
    def asked(self) -> bool:
        """Whether the server asked for a client's certificate."""
        return self.tls is not None and self.tls.asked_for_certificate

    @property
    def alert(self) -> str | None:
        """The TLS alert with which the server ended it, as OpenSSL names it."""
        return self.tls.detail if self.tls and self.tls.end is End.ALERT else None

    @property
    def status(self) -> str:
        """The status of the HTTP answer over TLS."""
        return _status(self.tls)


@dataclass(frozen=True, slots=True)
class _Row:
    applies: Callable[[_Seen], bool]
    verdict: Verdict
    evidence: Callable[[_Seen], str]


# The first row that applies decides. What serves comes before all that refuses, so that open is never called shut.
_TABLE: Final[tuple[_Row, ...]] = (
    _Row(
        lambda seen: seen.serves(Question.CLEAR),
        Verdict.API_IN_CLEAR_TEXT,
        lambda seen: f"GET /_ping in clear text was answered with {_status(seen.clear)}",
    ),
    _Row(
        lambda seen: seen.serves(Question.PAST_A_FILTER),
        Verdict.API_IN_CLEAR_TEXT,
        lambda seen: f"{_past(seen.serving)} in clear text was answered by Docker's API",
    ),
    _Row(
        lambda seen: seen.serves(Question.PAST_A_FILTER_BY_TLS),
        Verdict.API_WITHOUT_CLIENT_CERTIFICATE,
        lambda seen: (
            ("the server asked for a client certificate and served without one: " if seen.asked else "")
            + f"{_past(seen.serving)} was answered by Docker's API"
        ),
    ),
    _Row(
        lambda seen: seen.serving is not None and seen.asked,
        Verdict.API_WITHOUT_CLIENT_CERTIFICATE,
        lambda seen: (
            "the server asked for a client certificate and served without one: "
            f"GET /_ping was answered with {seen.status}"
        ),
    ),
    _Row(
        lambda seen: seen.serving is not None,
        Verdict.API_WITHOUT_CLIENT_CERTIFICATE,
        lambda seen: (
            f"the server asked for no client certificate: GET /_ping was answered with {seen.status}"
        ),
    ),
    _Row(
        lambda seen: (seen.alert or "").endswith("CERTIFICATE_REQUIRED"),
        Verdict.MUTUAL_TLS,
        lambda seen: "TLS 1.3: after the handshake came the alert certificate_required",
    ),
    _Row(
        lambda seen: seen.asked and (seen.alert or "").endswith(_CERTIFICATE_ALERTS),
        Verdict.MUTUAL_TLS,
        lambda seen: (
            "the server asked for a client certificate, "
            f"and refused with the alert {_alert_name(seen.alert or '')}"
        ),
    ),
    _Row(
        lambda seen: seen.alert is not None,
        Verdict.REFUSED,
        lambda seen: f"TLS was refused with the alert {_alert_name(seen.alert or '')}",
    ),
    _Row(
        lambda seen: seen.tls is not None and seen.tls.handshake and seen.tls.end is End.CLOSED,
        Verdict.REFUSED,
        lambda seen: (
            "after the handshake the server closed the connection"
            + (", having asked for a client certificate" if seen.asked else "")
        ),
    ),
    _Row(
        lambda seen: seen.asked and seen.status in ("400", "401", "403"),
        Verdict.REFUSED,
        lambda seen: f"the server asked for a client certificate, and answered {seen.status} without one",
    ),
    _Row(
        lambda seen: seen.denied,
        Verdict.UNCLEAR,
        lambda seen: (
            f"it speaks HTTP and denies what was asked ({_status(seen.stranger)}): "
            "a proxy that serves other paths of Docker's API does the same"
        ),
    ),
    _Row(
        lambda seen: seen.stranger is not None,
        Verdict.NOT_DOCKER,
        lambda seen: f"it speaks HTTP ({_status(seen.stranger)}) without any mark of Docker",
    ),
    _Row(
        lambda seen: End.SILENT in seen.ends,
        Verdict.UNCLEAR,
        lambda seen: "it takes connections and says nothing, or nothing that ends",
    ),
    _Row(
        lambda seen: seen.tls is not None and (seen.tls.handshake or seen.tls.end is End.FAILED),
        Verdict.UNCLEAR,
        lambda seen: f"TLS, then {_ending(seen.tls)}",
    ),
    _Row(
        lambda seen: End.MALFORMED in seen.ends,
        Verdict.UNCLEAR,
        lambda seen: "it speaks HTTP that cannot be read",
    ),
    _Row(
        lambda seen: End.GARBAGE in seen.ends,
        Verdict.NOT_DOCKER,
        lambda seen: "what it says is neither HTTP nor TLS",
    ),
    _Row(
        lambda seen: seen.ends == frozenset({End.UNASKED}),
        Verdict.REFUSED,
        lambda seen: "it closes connections without a word, before it is asked anything",
    ),
    _Row(lambda seen: True, Verdict.REFUSED, lambda seen: "it closes connections without a word"),
)


def _alert_name(detail: str) -> str:
    return detail.partition("ALERT_")[2].lower() or detail


def _status(conversation: Conversation | None) -> str:
    return str(conversation.ping.status) if conversation and conversation.ping else "nothing"


def _past(conversation: Conversation | None) -> str:
    path = conversation.path.partition("?")[0] if conversation else "nothing"
    return f"a filter hides GET /_ping, and GET {path}"


def _ending(conversation: Conversation | None) -> str:
    if conversation is None:
        return "nothing"
    return f"{conversation.end}: {conversation.detail}" if conversation.detail else str(conversation.end)


# --- What an API says of itself ------------------------------------------------------------------------------------


def _engine(conversation: Conversation | None) -> tuple[str | None, str | None, str | None]:
    if conversation is None or conversation.ping is None:
        return None, None, None
    version = version_of(conversation)
    server = conversation.ping.headers.get("server", "")
    engine = version.get("Version") or (server[7:].split(" ")[0] if server.startswith("Docker/") else None)
    api = version.get("ApiVersion") or conversation.ping.headers.get("api-version")
    return _text(engine), _text(api), _text(version.get("MinAPIVersion"))


def _text(value: Any) -> str | None:
    # What a stranger says is shown to people: short, and nothing that a terminal would obey.
    if not isinstance(value, str) or not value:
        return None
    return "".join(c for c in value if c.isprintable())[:40]


def _verified(conversation: Conversation | None, bundle: bool) -> tuple[bool | None, bool | None, str]:
    """Whether the server is of the expected CA, whether the bundle works, and by what that is known."""
    if conversation is None:
        return None, None, ""
    if conversation.end is End.UNVERIFIED:
        code, _, reason = conversation.detail.partition(" ")
        return code in _SAME_AUTHORITY, False if bundle else None, f"the server's certificate: {reason}"
    authority = True if conversation.handshake or conversation.certificate else None
    if not bundle:
        return authority, None, ""
    ping = conversation.ping
    if ping is not None and ping.status == 200 and is_docker(conversation):
        return authority, True, "GET /_ping was answered with 200"
    if conversation.end is End.ALERT:
        return authority, False, f"refused with the alert {_alert_name(conversation.detail)}"
    if ping is not None:
        return authority, False, f"answered with {_status(conversation)}"
    return authority, False, f"{conversation.end} {conversation.detail}".strip()


# --- Findings ------------------------------------------------------------------------------------------------------


def _findings(judged: PortJudgement, unverified: str, now: datetime.datetime) -> Iterator[Finding]:
    """What is not as it should be; `unverified` is OpenSSL's code for what is wrong with the certificate."""
    subject = str(judged.endpoint)
    first: Finding | None = None
    for first in _open_or_invalid(judged, subject, now):
        yield first
    if judged.verdict is Verdict.NOT_DOCKER:
        return
    if judged.certificate and expires_soon(judged.certificate.not_after, now):
        yield expiring(f"The certificate of {subject}", subject, judged.certificate.not_after)
    if judged.expected_authority is False:
        message = f"{subject} is not the expected server: {judged.bundle_evidence}."
        yield Finding("unexpected-authority", Severity.HIGH, subject, message)
    elif unverified in _OTHER_NAME:
        names = ", ".join(judged.certificate.names) if judged.certificate else "none that can be read"
        message = f"The certificate of {subject} is for other names: {names}."
        yield Finding("certificate-for-another-name", Severity.MEDIUM, subject, message)
    elif judged.bundle_works is False and first is None:
        message = f"The client bundle is not served by {subject}: {judged.bundle_evidence}."
        yield Finding("bundle-refused", Severity.MEDIUM, subject, message)


def _open_or_invalid(judged: PortJudgement, subject: str, now: datetime.datetime) -> Iterator[Finding]:
    if judged.verdict in (Verdict.API_IN_CLEAR_TEXT, Verdict.API_WITHOUT_CLIENT_CERTIFICATE):
        message = f"Whoever connects to {subject} is root: {judged.evidence}."
        yield Finding(str(judged.verdict), Severity.CRITICAL, subject, message)
    if judged.verdict is Verdict.NOT_DOCKER:
        return
    if (certificate := judged.certificate) is not None:
        if now > certificate.not_after:
            message = f"The certificate of {subject} expired on {certificate.not_after:%Y-%m-%d}."
            yield Finding("certificate-expired", Severity.MEDIUM, subject, message)
        elif now < certificate.not_before:
            message = f"The certificate of {subject} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC."
            yield Finding("certificate-expired", Severity.MEDIUM, subject, message)
    if judged.tls_version in ("TLSv1", "TLSv1.1"):
        yield Finding("old-tls", Severity.MEDIUM, subject, f"{subject} speaks {judged.tls_version}.")
