"""Says what a finding is, how findings are ranked, and what exit status they make. Pure.

The audit, the probe and the comparison with a stack all speak in these terms, and in data: what is shown of it is for
report.py and sarif.py. What may be found is listed in checks.py; what is found is decided by exposures.py, verdicts.py
and intent.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple, Protocol

from ..core.checks import Severity


class Exit(IntEnum):
    """Exit statuses of audit, probe and verify."""

    AS_INTENDED = 0
    FINDINGS = 1
    NOT_CHECKED = 2


class StepKind(StrEnum):
    """What a step of a path, or a piece of evidence, is."""

    RULE = "rule"
    """A security group's ingress rule; `of` is the group."""
    ACL = "acl"
    """A network ACL, and the entry that decides."""
    ROUTE = "route"
    """By what packets come: a gateway or connection; the subnet or VPC for what stays inside."""
    LISTENER = "listener"
    """What serves the Docker API; `of` says where it is configured."""
    PRIVATE_KEY = "private-key"
    """A place where a private key stands; never the key."""
    ANSWER = "answer"
    """What was seen on the wire."""
    ACCEPTANCE = "acceptance"
    """An acceptance that is no longer in force."""
    ABSENCE = "absence"
    """What would have to be there, and is not."""


class Step(NamedTuple):
    """One thing that makes a finding so."""

    kind: StepKind
    id: str
    """The resource's own id, or the place."""
    text: str
    """The same for people; a clause."""
    of: str = ""
    """What it belongs to."""


class Closing(NamedTuple):
    """What closes a finding, or a part of it."""

    hint: str
    """A command, or what to do."""
    removes: str = ""
    """The id of the step that is then gone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    """A key of CHECKS."""
    severity: Severity
    subject: str
    """What it is about, the same from run to run: an ARN and port, or an address and port."""
    message: str
    """A sentence."""
    paths: tuple[tuple[Step, ...], ...] = ()
    """The ways in: each by itself leads from the source to the subject."""
    evidence: tuple[Step, ...] = ()
    """What is there: listeners, keys, answers."""
    close: tuple[Closing, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that could not be checked: never to be read as nothing found."""

    subject: str
    reason: str
    """A sentence: why it could not, and what to do."""


class Report(Protocol):
    """What every command reports."""

    @property
    def command(self) -> str:
        """audit, probe or verify."""
        ...

    @property
    def findings(self) -> Sequence[Finding]: ...

    @property
    def unchecked(self) -> Sequence[Unchecked]: ...

    @property
    def status(self) -> Exit: ...


_ORDER: Final = list(Severity)
_MOST_PATHS: Final = 8


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, the worst first, and otherwise by subject."""
    return tuple(sorted(findings, key=lambda each: (_ORDER.index(each.severity), each.subject, each.kind)))


def lines(finding: Finding) -> Iterator[str]:
    """What makes a finding so, in plain text: a line for each way in, and for what is there."""
    for path in finding.paths[:_MOST_PATHS]:
        yield " → ".join(step.text for step in path)
    if (more := len(finding.paths) - _MOST_PATHS) > 0:
        yield f"and {more} more rules and routes, which --json lists"
    for step in finding.evidence:
        yield step.text


def exit_status(findings: Iterable[Finding], unchecked: Iterable[Unchecked]) -> Exit:
    """2 where anything could not be checked, whatever else was found: the answer is not the whole one."""
    if any(True for _ in unchecked):
        return Exit.NOT_CHECKED
    return Exit.FINDINGS if any(True for _ in findings) else Exit.AS_INTENDED
