"""Says what a finding is, how findings are ranked, and what exit status they make. Pure.

The audit, the probe and the comparison with a stack all speak in these terms. What is found is decided by
exposures.py, verdicts.py and intent.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Rank(StrEnum):
    """How bad; from the worst."""

    CRITICAL = "critical"
    """Open to the internet, or to whoever asked, without a client certificate: whoever connects is root."""
    HIGH = "high"
    """The internet, or an unknown server, is where only trusted sources should be."""
    MEDIUM = "medium"
    """Open wider than trusted inside private networks, or one mistake away from critical."""
    LOW = "low"
    """Nothing reaches it now."""


class Exit(IntEnum):
    """Exit statuses of audit, probe and verify."""

    AS_INTENDED = 0
    FINDINGS = 1
    NOT_CHECKED = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what SARIF calls a rule."""

    id: str
    what: str
    """One sentence: what is so."""
    why: str
    """One sentence: why it matters."""


KINDS: Final = {
    kind.id: kind
    for kind in (
        Kind(
            "open-to-the-internet-without-tls",
            "The internet reaches a Docker API that asks no client for a certificate.",
            "Whoever connects to a Docker API is root on its host.",
        ),
        Kind(
            "open-to-the-internet",
            "The internet reaches a port of the Docker API.",
            "Only TLS stands between the internet and root: network and TLS must hold together.",
        ),
        Kind(
            "open-wider-than-trusted",
            "Addresses that are not trusted reach a port of the Docker API.",
            "Only trusted sources may reach the Docker API, by private networks too.",
        ),
        Kind(
            "trusted-without-tls",
            "Trusted sources reach a Docker API that asks no client for a certificate.",
            "Every process at a trusted address is then root on the host.",
        ),
        Kind(
            "listener-without-tls",
            "User-data starts a Docker API that asks no client for a certificate; no packet reaches it now.",
            "The next security-group rule opens it.",
        ),
        Kind(
            "private-key-in-user-data",
            "User-data holds a private key.",
            "Every process on the instance, and whoever may describe it, can read user-data.",
        ),
        Kind(
            "api-in-clear-text",
            "A Docker API answers in clear text to whoever connects.",
            "Whoever connects to a Docker API is root on its host.",
        ),
        Kind(
            "api-without-client-certificate",
            "A Docker API answers over TLS to clients without a certificate.",
            "TLS encrypts, and whoever connects is root on the host.",
        ),
        Kind(
            "certificate-expired",
            "The server's certificate is not valid today.",
            "Docker's clients refuse it, and people then switch verification off.",
        ),
        Kind(
            "unexpected-authority",
            "The server's certificate is not of the expected CA.",
            "It may be another server at this address, which would be told what clients send.",
        ),
        Kind(
            "certificate-for-another-name",
            "The server's certificate is for other names or addresses.",
            "Docker's clients refuse it, and people then switch verification off.",
        ),
        Kind(
            "old-tls",
            "The server speaks a TLS version older than 1.2.",
            "TLS 1.0 and 1.1 are broken (RFC 8996); dockerd has not spoken them since 17.x.",
        ),
        Kind(
            "bundle-refused",
            "The client bundle does not work with this server.",
            "A client that should be served is not.",
        ),
        Kind(
            "drift",
            "What is configured, or what the wire says, is not what the stack intends.",
            "Exposure that nobody intended is exposure that nobody watches.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    """A key of KINDS."""
    rank: Rank
    subject: str
    """What it is about, the same from run to run: an ARN and port, or an address and port."""
    message: str
    """A sentence."""
    path: tuple[str, ...] = ()
    """What makes it so, from the source to the listener."""
    close: tuple[str, ...] = ()
    """Commands that close it."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that could not be checked: never to be read as nothing found."""

    subject: str
    reason: str
    """A sentence: why it could not, and what to do."""


_ORDER: Final = list(Rank)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, the worst first, and otherwise by subject."""
    return tuple(sorted(findings, key=lambda each: (_ORDER.index(each.rank), each.subject, each.kind)))


def exit_status(findings: Iterable[Finding], unchecked: Iterable[Unchecked]) -> Exit:
    """2 where anything could not be checked, whatever else was found: the answer is not the whole one."""
    if any(True for _ in unchecked):
        return Exit.NOT_CHECKED
    return Exit.FINDINGS if any(True for _ in findings) else Exit.AS_INTENDED
