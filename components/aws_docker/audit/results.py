"""What audit, probe and verify hand back, as data. Pure.

auditing.py, probing.py and verifying.py fill these; showing/ and report.py say how they are shown.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..core.addresses import EMPTY, AddressSet, union
from ..core.ports import DOCKER_TLS_PORT
from .exposures import InterfaceExposure
from .findings import Exit, Finding, Unchecked, exit_status, ranked
from .intent import Intent
from .verdicts import PortJudgement, Verdict
from .workloads import JudgedWorkload

_MOST_QUIET: Final = 64
"""Closed and filtered ports that a report names one by one; the others are counted, so that it does not grow with
the number of targets."""
_QUIET: Final = frozenset({Verdict.CLOSED, Verdict.FILTERED})


@dataclass(frozen=True)
class AuditReport:
    """What accounts expose, by AWS's configuration."""

    exposures: Sequence[InterfaceExposure]
    findings: Sequence[Finding]
    unchecked: Sequence[Unchecked]
    scope: Sequence[tuple[str, str]] = ()
    """Account and region of everything that was read."""
    trusted: AddressSet = EMPTY
    skipped: Sequence[tuple[str, str]] = ()
    """Account and region of what was left out on purpose."""
    workloads: Sequence[JudgedWorkload] = ()
    command: str = "audit"

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)


@dataclass
class ProbeReport:
    """What a probe saw."""

    ports: list[PortJudgement] = field(default_factory=list[PortJudgement])
    """Every port that takes connections or could not be checked, and the first of the others."""
    counts: Counter[Verdict] = field(default_factory=Counter[Verdict])
    """How many ports there are of each verdict, all of them counted."""
    command: str = "probe"

    def add(self, port: PortJudgement) -> None:
        """One more port."""
        self.counts[port.verdict] += 1
        if port.verdict not in _QUIET or sum(self.counts[each] for each in _QUIET) <= _MOST_QUIET:
            self.ports.append(port)

    @property
    def findings(self) -> Sequence[Finding]:
        """What is not as it should be, the worst first."""
        return ranked(finding for port in self.ports for finding in port.findings)

    @property
    def unchecked(self) -> Sequence[Unchecked]:
        """The ports of which it is not known what they are."""
        return [Unchecked(str(port.endpoint), f"{port.evidence}.") for port in self.ports if not port.checked]

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)


@dataclass(frozen=True)
class Compared:
    """One host, three times."""

    intent: Intent
    intended: AddressSet
    exposures: tuple[InterfaceExposure, ...]
    here: str | None
    """Our own address, as far as this machine knows: a NAT may put another in its place."""
    ports: tuple[PortJudgement, ...]

    @property
    def configured(self) -> AddressSet:
        """Who reaches 2376, by AWS's configuration."""
        ports = (port for exposure in self.exposures for port in exposure.ports)
        return union(port.reach.addresses for port in ports if port.port == DOCKER_TLS_PORT)


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
