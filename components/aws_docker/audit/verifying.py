"""Puts a comparison together: what a stack intends, what AWS has configured, what the wire says from here. What
`aws-docker verify` runs.
"""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..core.addresses import AddressSet
from ..core.ports import DOCKER_PORTS
from .aws import Account, fetch
from .exposures import Exposure, judge_region
from .facts import RegionFacts
from .findings import Exit, Finding, Unchecked, exit_status, ranked
from .intent import Intent, configuration_drift, intended_sources, wire_drift
from .probing import ProbeReport, probe
from .report import ports_json, ports_table, table
from .verdicts import PortJudgement, Verdict

Look = Callable[[str, Path | None], tuple[str | None, ProbeReport]]
"""Probes Docker's ports of an address with a client's bundle; returns the address that it was done from, and what was
seen."""


@dataclass(frozen=True)
class Compared:
    """One host, three times."""

    intent: Intent
    intended: AddressSet
    exposures: tuple[Exposure, ...]
    here: str | None
    """Our own address, as far as this machine knows: a NAT may put another in its place."""
    ports: tuple[PortJudgement, ...]

    @property
    def configured(self) -> AddressSet:
        """Who reaches 2376, by AWS's configuration."""
        found = AddressSet()
        for port in (port for exposure in self.exposures for port in exposure.ports if port.port == 2376):
            found |= port.reach.addresses
        return found


@dataclass(frozen=True)
class VerifyReport:
    """What a stack intends, beside what there is."""

    hosts: Sequence[Compared]
    findings: Sequence[Finding]
    unchecked: Sequence[Unchecked]
    command: str = "verify"

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)

    def details(self) -> dict[str, Any]:
        """What the comparison alone has to say, as JSON."""
        return {
            "hosts": [
                {
                    "name": host.intent.name,
                    "account": host.intent.account,
                    "region": host.intent.region,
                    "instance": host.intent.instance,
                    "address": host.intent.address,
                    "remote": host.intent.remote,
                    "intended": list(host.intended.cidrs()),
                    "configured": list(host.configured.cidrs()),
                    "here": host.here,
                    "wire": ports_json(host.ports),
                }
                for host in self.hosts
            ]
        }

    def tables(self) -> Iterable[Table | str]:
        """The same for people."""
        headings = ("host", "instance", "intended sources of 2376", "configured", "the wire, from here")
        rows = [
            (
                escape(host.intent.name),
                host.intent.instance,
                _cidrs(host.intended),
                _cidrs(host.configured),
                ", ".join(f"{port.endpoint.port} {port.verdict}" for port in host.ports),
            )
            for host in self.hosts
        ]
        if rows:
            yield table("What the stack intends, and what there is", headings, rows)
        speaking = [
            p
            for host in self.hosts
            for p in host.ports
            if p.verdict not in (Verdict.CLOSED, Verdict.FILTERED)
        ]
        if speaking:
            yield ports_table(speaking)


def verify(
    account: Account,
    intents: Sequence[Intent],
    bundles: Mapping[str, Path],
    look: Look | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> VerifyReport:
    """Compare hosts; `bundles` holds folders of a client's ca.pem, cert.pem and key.pem by host's address.

    `look` says what the wire does, from elsewhere than here.
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
        findings += configuration_drift(intent, intended, judged.exposures, judged.findings)
        findings += [*wire.findings, *wire_drift(intent, intended, wire.ports, here)]
        unchecked += [*unresolved, *judged.unchecked, *wire.unchecked]
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


def _cidrs(addresses: AddressSet) -> str:
    cidrs = addresses.cidrs()
    return (", ".join(cidrs[:4]) + (f" and {len(cidrs) - 4} more" if len(cidrs) > 4 else "")) or "nobody"
