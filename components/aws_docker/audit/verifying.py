"""Puts a comparison together: what a stack intends, what AWS has configured, what its hosts say of themselves, what the
wire says from here. What `aws-docker verify` runs.
"""

import datetime
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..core.ports import DOCKER_PORTS
from .aws import Account
from .exposures import judge_region
from .facts import RegionFacts
from .fetching import fetch
from .findings import Finding, Unchecked, ranked
from .host_status import HostStatus
from .intent import Intent, configuration_drift, intended_sources, status_drift, wire_drift
from .notices import notices
from .probing import probe
from .results import Compared, ProbeReport, VerifyReport

Look = Callable[[str, Path | None], tuple[str | None, ProbeReport]]
"""Probes Docker's ports of an address with a client's bundle; returns the address that it was done from, and what was
seen."""


def verify(
    account: Account,
    intents: Sequence[Intent],
    bundles: Mapping[str, Path],
    look: Look | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    statuses: Sequence[HostStatus] = (),
) -> VerifyReport:
    """Compare hosts; `bundles` holds folders of a client's ca.pem, cert.pem and key.pem by host's address.

    `look` says what the wire does, from elsewhere than here; `statuses`, what hosts say of themselves.
    """
    look = look or look_from_here
    hosts: list[Compared] = []
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
    known: dict[str, tuple[RegionFacts | None, list[Unchecked]]] = {}
    for done, intent in enumerate(intents):
        if progress is not None:
            progress(intent.name, done, len(intents))
        if intent.account != account.id:
            reason = f"it is in account {intent.account}, and the credentials are of {account.id}: use its profile."
            unchecked.append(Unchecked(f"host {intent.name}", reason))
            continue
        if intent.region not in known:
            known[intent.region] = fetch(account, intent.region)
            unchecked += known[intent.region][1]
        facts = known[intent.region][0]
        if facts is None:
            continue
        intended, unresolved = intended_sources(intent, facts)
        judged = judge_region(facts, intended, {intent.instance})
        here, wire = look(intent.address, bundles.get(intent.address))
        hosts.append(Compared(intent, intended, judged.exposures, here, tuple(wire.ports)))
        findings += configuration_drift(intent, intended, judged)
        findings += [*wire.findings, *wire_drift(intent, intended, wire.ports, here)]
        unchecked += [*unresolved, *judged.unchecked, *wire.unchecked]
        for status in (each for each in statuses if each.host.instance == intent.instance):
            stale, unread = status_drift(status)
            findings += stale
            unchecked += unread
    now = datetime.datetime.now(datetime.UTC)
    said = [notice for status in statuses for notice in notices(status, now)]
    # Of certificates the state and the wire have said it.
    findings += [each for each in said if not each.kind.startswith("certificate-")]
    return VerifyReport(hosts, ranked(findings), unchecked)


def look_from_here(address: str, bundle: Path | None) -> tuple[str | None, ProbeReport]:
    """The address that this machine sends from, and what its probe of Docker's ports sees."""
    return _own_address(address), probe([address], bundle, ports=DOCKER_PORTS)


def _own_address(target: str) -> str | None:
    """The address that this machine would send from; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((target, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return None
