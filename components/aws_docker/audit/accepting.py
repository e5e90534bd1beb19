"""Decides which findings are accepted for a time: by a file that names each with a reason and its last day.

An accepted finding is shown as such and does not count; after its last day, or where it has become worse, it counts
again. What could not be checked can't be accepted. Judges no finding.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import yaml

from ..core.checks import Severity
from ..core.errors import InvalidInput
from .checks import CHECKS
from .findings import Exit, Finding, Report, Step, StepKind, Unchecked, exit_status

_NAMES: Final = frozenset({"kind", "subject", "reason", "expires", "severity"})
_FORM: Final = "write a list of {kind, subject, reason, expires} (docs/audit.md)"
_MOST_BYTES: Final = 1 << 20
_ORDER: Final = list(Severity)


class Acceptance(NamedTuple):
    """A kind of finding about a subject that somebody accepts for a time."""

    kind: str
    subject: str
    """May hold * and ?."""
    reason: str
    expires: datetime.date
    """The last day, in UTC."""
    severity: Severity
    """How bad a finding it accepts at most."""

    def covers(self, finding: Finding) -> bool:
        """Whether it is about a finding, in force or not."""
        pattern = re.escape(self.subject).replace(r"\*", ".*").replace(r"\?", ".")
        return (
            finding.kind == self.kind
            and re.fullmatch(pattern, finding.subject, re.S) is not None
            and _ORDER.index(finding.severity) >= _ORDER.index(self.severity)
        )


@dataclass(frozen=True)
class AcceptingReport:
    """A report, of which some findings are accepted."""

    report: Report
    findings: Sequence[Finding]
    """Those that count."""
    accepted: Sequence[tuple[Finding, Acceptance]]
    unused: Sequence[Acceptance]
    """What is accepted and was not found."""

    @property
    def command(self) -> str:
        return self.report.command

    @property
    def unchecked(self) -> Sequence[Unchecked]:
        return self.report.unchecked

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)


def accept(
    report: Report, acceptances: Sequence[Acceptance], today: datetime.date | None = None
) -> AcceptingReport:
    """The report with these findings accepted."""
    today = today or datetime.datetime.now(datetime.UTC).date()
    counting: list[Finding] = []
    accepted: list[tuple[Finding, Acceptance]] = []
    used: set[Acceptance] = set()
    for finding in report.findings:
        covering = [each for each in acceptances if each.covers(finding)]
        used |= set(covering)
        in_force = next((each for each in covering if each.expires >= today), None)
        if in_force is not None:
            accepted.append((finding, in_force))
            continue
        ended = tuple(
            Step(
                StepKind.ACCEPTANCE,
                each.expires.isoformat(),
                f"it was accepted until {each.expires}, which has passed: {each.reason}",
            )
            for each in covering
        )
        counting.append(replace(finding, evidence=(*finding.evidence, *ended)) if ended else finding)
    return AcceptingReport(report, counting, accepted, [each for each in acceptances if each not in used])


def read_accepted(file: Path) -> list[Acceptance]:
    """The acceptances of a YAML or JSON file. Raises InvalidInput, and OSError for a file that cannot be read.

    Nothing in it is passed over: a name that is not known may be a last day misspelt.
    """
    with file.open("rb") as opened:
        held = opened.read(_MOST_BYTES + 1)
    if len(held) > _MOST_BYTES:
        raise InvalidInput("accepted", str(file), _FORM, "is larger than 1 MiB")
    try:
        document: Any = yaml.safe_load(held)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise InvalidInput("accepted", str(file), _FORM, f"is neither YAML nor JSON ({problem})") from None
    listed: Any = (
        cast(Mapping[Any, Any], document).get("accepted") if isinstance(document, Mapping) else document
    )
    if not isinstance(listed, list) or (isinstance(document, Mapping) and len(cast(Any, document)) != 1):
        raise InvalidInput("accepted", str(file), _FORM, "is no list, nor one named `accepted`")
    return [_acceptance(each, at) for at, each in enumerate(cast(list[Any], listed))]


def _acceptance(held: Any, at: int) -> Acceptance:
    where = f"accepted[{at}]"
    if not isinstance(held, Mapping):
        raise InvalidInput(where, held, _FORM, "is no map")
    given = cast(Mapping[Any, Any], held)
    if unknown := [str(name) for name in given if name not in _NAMES]:
        raise InvalidInput(where, unknown[0], f"there are {', '.join(sorted(_NAMES))}", "is not known")
    texts: dict[str, str] = {}
    for name in ("kind", "subject", "reason"):
        value = given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{where}.{name}", value, _FORM, "is missing or no text")
        texts[name] = value.strip()
    if texts["kind"] not in CHECKS:
        hint = "docs/audit.md has the table of kinds"
        raise InvalidInput(f"{where}.kind", texts["kind"], hint, "is no kind of finding")
    severity = given.get("severity", CHECKS[texts["kind"]].severity)
    if severity not in _ORDER:
        raise InvalidInput(f"{where}.severity", severity, f"write one of {', '.join(_ORDER)}", "is none")
    return Acceptance(**texts, expires=_day(given.get("expires"), where), severity=Severity(severity))


def _day(value: Any, where: str) -> datetime.date:
    # YAML reads a day as a date, JSON has it as text.
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        hint = "write the last day, such as 2027-01-31"
        raise InvalidInput(f"{where}.expires", value, hint, "is no day") from None
