"""What is really exposed: by AWS's configuration (`audit`), by the wire (`probe`), beside a stack's intent (`verify`).

Facts: aws.py asks AWS and facts.py reads the answers; wire.py speaks to ports. Judgements, all pure: reach.py (who
reaches a port), exposures.py (what an instance exposes), verdicts.py (what a port is), intent.py (what differs from a
stack). findings.py has the ranks and exit statuses. auditing.py, probing.py and verifying.py put these together,
report.py and sarif.py write them down.
"""

from .auditing import AuditReport, audit
from .findings import Exit, Finding, Rank, Unchecked
from .probing import ProbeReport, probe
from .verdicts import PortJudgement, Verdict
from .verifying import VerifyReport, verify

__all__ = [
    "AuditReport",
    "Exit",
    "Finding",
    "PortJudgement",
    "ProbeReport",
    "Rank",
    "Unchecked",
    "Verdict",
    "VerifyReport",
    "audit",
    "probe",
    "verify",
]
