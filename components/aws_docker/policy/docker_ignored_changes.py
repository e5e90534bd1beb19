"""docker-ignored-changes: is there something that policies judge, and that `pulumi up` will never set again?

With `ignoreChanges`, what was judged is what the state holds, and not what AWS has once somebody changed it. Advisory:
many programs ignore changes that others make on purpose.
"""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.sources import ignored_findings
from .reading.facts import Facts
from .reading.table import Role
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-ignored-changes",
    what="Changes of what these policies judge are not ignored.",
    why="What somebody then opens by hand stays open, and no preview shows it.",
    hint="Take the property out of ignoreChanges, or have the audit look at what AWS really has.",
    severity=Severity.LOW,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return ignored_findings(facts)


docker_ignored_changes = resource_rule(CHECK, _judge, of=Role(0), level=EnforcementLevel.ADVISORY)
