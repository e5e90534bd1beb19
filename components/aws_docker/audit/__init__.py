"""What is really exposed: by AWS's configuration (`audit`), by the wire (`probe`), beside a stack's intent (`verify`).

Facts: aws.py asks AWS and facts.py reads the answers; wire.py speaks to ports (tls.py, exchange.py) and
conversations.py says what was seen. Judgements, all pure: reach.py (who reaches a port), exposures.py (what an instance
exposes), verdicts.py (what a port is), intent.py (what differs from a stack). checks.py lists what may be found,
findings.py says what a finding is and what exit status it makes, wording.py turns exposures into findings. auditing.py,
probing.py and verifying.py put these together into what results.py has; showing/, report.py and sarif.py write it down.

The names below are loaded when they are asked for: a probe needs no AWS SDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..core.checks import Severity
    from .auditing import audit
    from .findings import Exit, Finding, Unchecked
    from .probing import probe
    from .results import AuditReport, ProbeReport, VerifyReport
    from .verdicts import PortJudgement, Verdict
    from .verifying import verify

_HOMES: Final = {
    "AuditReport": ".results",
    "Exit": ".findings",
    "Finding": ".findings",
    "PortJudgement": ".verdicts",
    "ProbeReport": ".results",
    "Severity": "..core.checks",
    "Unchecked": ".findings",
    "Verdict": ".verdicts",
    "VerifyReport": ".results",
    "audit": ".auditing",
    "probe": ".probing",
    "verify": ".verifying",
}

__all__ = [
    "AuditReport",
    "Exit",
    "Finding",
    "PortJudgement",
    "ProbeReport",
    "Severity",
    "Unchecked",
    "Verdict",
    "VerifyReport",
    "audit",
    "probe",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
