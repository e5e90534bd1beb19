"""What a check is, as data: what the policies ask for and the audit finds, in one form. Pure.

The policies, the audit, SARIF and the tables in docs/ take their words from here; whether a check fails is decided by
those who make it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; from the worst."""

    CRITICAL = "critical"
    """Open to the internet, or to whoever asked, without a client certificate: whoever connects is root."""
    HIGH = "high"
    """Where only trusted sources should be, others are, or a secret is known to others."""
    MEDIUM = "medium"
    """Open wider than trusted inside private networks, or one mistake away from critical."""
    LOW = "low"
    """Nothing reaches it now."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is checked: a policy, or a kind of finding of the audit's. SARIF calls it a rule.

    Each text is whole sentences, plain, on one line: they stand in a console, in SARIF and in a table of Markdown.
    """

    id: str
    """Such as "docker-no-2375": what configurations and exemptions call it."""
    what: str
    """What is asked for, or what was found to be so."""
    why: str
    """Why it matters."""
    hint: str
    """What to do about a finding."""
    severity: Severity
    """How bad a finding is, where the finding itself does not say."""
