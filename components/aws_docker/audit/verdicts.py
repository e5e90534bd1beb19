"""Decides what an answer on the wire means: what to ask a port next, and the verdict on what it said. Pure.

wire.py speaks to ports and reports here. What was seen of Go's TLS, which dockerd uses, is from research on dockerd
20.10 and 29: with TLS 1.3 a server without our certificate refuses only after the handshake, so a handshake proves
nothing; plain HTTP sent to TLS is answered with 400.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, cast

from cryptography import x509

from .findings import Finding, Rank
from .targets import Endpoint

# --- What was seen -------------------------------------------------------------------------------------------------


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
    version: Answer | None = None


@dataclass(frozen=True, slots=True)
class PortFacts:
    """All that was seen of one port."""

    endpoint: Endpoint
    state: State
    why: str
    conversations: tuple[Conversation, ...] = ()


# --- What to ask next ----------------------------------------------------------------------------------------------


def next_question(port: int, said: Sequence[Conversation], verify: bool) -> Question | None:
    """What to ask a port that has said this much; None where nothing more can be learnt."""
    by = {each.question: each for each in said}
    # What the port is for by convention comes first; the other, where that leads nowhere.
    order = (Question.CLEAR, Question.TLS) if port == 2375 else (Question.TLS, Question.CLEAR)
    if order[0] not in by:
        return order[0]
    if order[1] not in by and not _conclusive(by[order[0]]):
        return order[1]
    tls = by.get(Question.TLS)
    if verify and Question.VERIFIED not in by and tls is not None and (tls.handshake or tls.end is End.ALERT):
        return Question.VERIFIED
    return None


def _conclusive(said: Conversation) -> bool:
    if said.end is End.UNASKED:
        return True
    if said.question is Question.CLEAR:
        return said.ping is not None and not _wants_tls(said)
    return said.handshake or said.end in (End.ALERT, End.FAILED)


def _wants_tls(said: Conversation) -> bool:
    # Go: "Client sent an HTTP request to an HTTPS server."; nginx and Apache say HTTPS too.
    return said.ping is not None and said.ping.status == 400 and b"HTTPS" in said.ping.body.upper()


# --- Verdicts ------------------------------------------------------------------------------------------------------


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
class Certificate:
    """What a server's certificate says."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime

    @classmethod
    def read(cls, der: bytes) -> "Certificate | None":
        """The certificate, if it can be read."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            return cls(
                certificate.subject.rfc4514_string(),
                certificate.issuer.rfc4514_string(),
                _names(certificate),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            )
        except ValueError:
            return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))


@dataclass(frozen=True, slots=True)
class PortJudgement:
    """What a port is, and how that was told."""

    endpoint: Endpoint
    verdict: Verdict
    told: str
    """A sentence: how the verdict was told."""
    engine: str | None = None
    api_version: str | None = None
    min_api_version: str | None = None
    tls_version: str | None = None
    certificate: Certificate | None = None
    expected_authority: bool | None = None
    """Whether the certificate is of the expected CA; None where none was given, or it could not be told."""
    bundle_works: bool | None = None
    """Whether the client bundle was served; None where none was given."""
    bundle_told: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether it is known what the port is."""
        return self.verdict not in (Verdict.UNCHECKED, Verdict.UNCLEAR)


_VERDICTS: Final = {
    State.CLOSED: Verdict.CLOSED,
    State.FILTERED: Verdict.FILTERED,
    State.UNCHECKED: Verdict.UNCHECKED,
}
_OTHER_NAME: Final = frozenset({"62", "63", "64"})
_SAME_AUTHORITY: Final = frozenset({"9", "10"}) | _OTHER_NAME
"""OpenSSL's verify codes that concern dates and names: the chain is then the expected CA's (x509_vfy.h)."""
_CERTIFICATE_ALERTS: Final = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "HANDSHAKE_FAILURE",
    "CERTIFICATE_UNKNOWN",
)


def judge_port(
    facts: PortFacts, *, bundle: bool = False, now: datetime.datetime | None = None
) -> PortJudgement:
    """The verdict on a port; `bundle`: whether the verified question showed a client's certificate."""
    if facts.state is not State.OPEN:
        return PortJudgement(facts.endpoint, _VERDICTS[facts.state], facts.why)
    by = {each.question: each for each in facts.conversations}
    clear, tls, verified = by.get(Question.CLEAR), by.get(Question.TLS), by.get(Question.VERIFIED)
    verdict, told, served = _verdict(clear, tls)
    secured = tls if tls and (tls.handshake or tls.certificate) else verified
    certificate = Certificate.read(secured.certificate) if secured and secured.certificate else None
    authority, works, bundle_told = _verified(verified, bundle)
    engine = _engine(verified if verified and verified.ping else served)
    judged = PortJudgement(
        facts.endpoint,
        verdict,
        told,
        *engine,
        secured.tls_version if secured else None,
        certificate,
        authority,
        works,
        bundle_told,
    )
    unverified = verified.detail.partition(" ")[0] if verified and verified.end is End.UNVERIFIED else ""
    findings = tuple(_findings(judged, unverified, now or datetime.datetime.now(datetime.UTC)))
    return replace(judged, findings=findings) if findings else judged


def _verdict(
    clear: Conversation | None, tls: Conversation | None
) -> tuple[Verdict, str, Conversation | None]:
    if clear and _is_docker(clear):
        return (
            Verdict.API_IN_CLEAR_TEXT,
            f"GET /_ping in clear text was answered with {_status(clear)}",
            clear,
        )
    if tls and _is_docker(tls):
        asked = (
            "the server asked for a client certificate and served without one"
            if tls.asked_for_certificate
            else ("the server asked for no client certificate")
        )
        return (
            Verdict.API_WITHOUT_CLIENT_CERTIFICATE,
            f"{asked}: GET /_ping was answered with {_status(tls)}",
            tls,
        )
    if tls and tls.end is End.ALERT:
        if tls.detail.endswith("CERTIFICATE_REQUIRED"):
            return (
                Verdict.MUTUAL_TLS,
                "TLS 1.3: after the handshake came the alert certificate_required",
                None,
            )
        if tls.asked_for_certificate and tls.detail.endswith(_CERTIFICATE_ALERTS):
            name = _alert(tls.detail)
            return (
                Verdict.MUTUAL_TLS,
                f"the server asked for a client certificate, and refused with the alert {name}",
                None,
            )
        return Verdict.REFUSED, f"TLS was refused with the alert {_alert(tls.detail)}", None
    if tls and tls.handshake and tls.end is End.CLOSED:
        asked = ", having asked for a client certificate" if tls.asked_for_certificate else ""
        return Verdict.REFUSED, f"after the handshake the server closed the connection{asked}", None
    if tls and tls.asked_for_certificate and tls.ping and tls.ping.status in (400, 401, 403):
        told = f"the server asked for a client certificate, and answered {_status(tls)} without one"
        return Verdict.REFUSED, told, None
    for said in (tls, clear):
        if said and said.ping and not _wants_tls(said):
            return Verdict.NOT_DOCKER, f"it speaks HTTP ({_status(said)}) without any mark of Docker", None
    ends = {said.end for said in (clear, tls) if said}
    if End.SILENT in ends:
        return Verdict.UNCLEAR, "it takes connections and says nothing, or nothing that ends", None
    if tls and (tls.handshake or tls.end is End.FAILED):
        return Verdict.UNCLEAR, f"TLS, then {tls.end}{': ' + tls.detail if tls.detail else ''}", None
    if End.GARBAGE in ends:
        return Verdict.NOT_DOCKER, "what it says is neither HTTP nor TLS", None
    asked = ", before it is asked anything" if ends == {End.UNASKED} else ""
    return Verdict.REFUSED, f"it closes connections without a word{asked}", None


def _alert(detail: str) -> str:
    return detail.partition("ALERT_")[2].lower() or detail


def _status(said: Conversation) -> str:
    return str(said.ping.status) if said.ping else "nothing"


def _is_docker(said: Conversation) -> bool:
    # Podman's compatible API has the same marks, and its clients are root as well.
    ping = said.ping
    if ping is None:
        return False
    marked = "api-version" in ping.headers or ping.headers.get("server", "").startswith("Docker/")
    return marked or bool(_version(said).get("ApiVersion"))


def _version(said: Conversation) -> dict[str, Any]:
    if said.version is None or said.version.status != 200:
        return {}
    try:
        value = json.loads(said.version.body)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _engine(said: Conversation | None) -> tuple[str | None, str | None, str | None]:
    if said is None or said.ping is None:
        return None, None, None
    version = _version(said)
    server = said.ping.headers.get("server", "")
    engine = version.get("Version") or (server[7:].split(" ")[0] if server.startswith("Docker/") else None)
    api = version.get("ApiVersion") or said.ping.headers.get("api-version")
    return _text(engine), _text(api), _text(version.get("MinAPIVersion"))


def _text(value: Any) -> str | None:
    # What a stranger says is shown to people: short, and nothing that a terminal would obey.
    if not isinstance(value, str) or not value:
        return None
    return "".join(c for c in value if c.isprintable())[:40]


def _verified(said: Conversation | None, bundle: bool) -> tuple[bool | None, bool | None, str]:
    if said is None:
        return None, None, ""
    if said.end is End.UNVERIFIED:
        code, _, reason = said.detail.partition(" ")
        return code in _SAME_AUTHORITY, False if bundle else None, f"the server's certificate: {reason}"
    authority = True if said.handshake or said.certificate else None
    if not bundle:
        return authority, None, ""
    if said.ping is not None and said.ping.status == 200 and _is_docker(said):
        return authority, True, "GET /_ping was answered with 200"
    if said.end is End.ALERT:
        return authority, False, f"refused with the alert {_alert(said.detail)}"
    return (
        authority,
        False,
        f"answered with {_status(said)}" if said.ping else f"{said.end} {said.detail}".strip(),
    )


def _findings(judged: PortJudgement, unverified: str, now: datetime.datetime) -> list[Finding]:
    subject = f"{judged.endpoint}"
    found: list[Finding] = []
    if judged.verdict is Verdict.API_IN_CLEAR_TEXT:
        found.append(
            Finding(
                "api-in-clear-text",
                Rank.CRITICAL,
                subject,
                f"Whoever connects to {subject} is root: {judged.told}.",
            )
        )
    if judged.verdict is Verdict.API_WITHOUT_CLIENT_CERTIFICATE:
        message = f"Whoever connects to {subject} is root: {judged.told}."
        found.append(Finding("api-without-client-certificate", Rank.CRITICAL, subject, message))
    if judged.certificate and judged.verdict is not Verdict.NOT_DOCKER:
        certificate = judged.certificate
        if now > certificate.not_after:
            message = f"The certificate of {subject} expired on {certificate.not_after:%Y-%m-%d}."
            found.append(Finding("certificate-expired", Rank.MEDIUM, subject, message))
        elif now < certificate.not_before:
            message = f"The certificate of {subject} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC."
            found.append(Finding("certificate-expired", Rank.MEDIUM, subject, message))
    if judged.tls_version in ("TLSv1", "TLSv1.1") and judged.verdict is not Verdict.NOT_DOCKER:
        found.append(Finding("old-tls", Rank.MEDIUM, subject, f"{subject} speaks {judged.tls_version}."))
    if judged.verdict is Verdict.NOT_DOCKER:
        return found
    if judged.expected_authority is False:
        message = f"{subject} is not the expected server: {judged.bundle_told}."
        found.append(Finding("unexpected-authority", Rank.HIGH, subject, message))
    elif unverified in _OTHER_NAME:
        names = ", ".join(judged.certificate.names) if judged.certificate else "none that can be read"
        message = f"The certificate of {subject} is for other names: {names}."
        found.append(Finding("certificate-for-another-name", Rank.MEDIUM, subject, message))
    elif judged.bundle_works is False and not found:
        message = f"The client bundle is not served by {subject}: {judged.bundle_told}."
        found.append(Finding("bundle-refused", Rank.MEDIUM, subject, message))
    return found
