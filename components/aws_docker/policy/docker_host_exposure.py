"""docker-host-exposure: put together, who reaches the Docker API of a machine in this stack?

Joins machine, interfaces, groups, rules and prefix lists, wherever they were made: a listener on any port, and a rule
for that port in a resource of its own. Stack policies run once all resources are known: at a preview before anything
is made, on `pulumi up` after it. What must be stopped is therefore stopped by the other policies too.
"""

from typing import Final

from ..core.checks import Check, Severity
from .configuration import TRUST_SCHEMA
from .judges.stack import exposure_findings
from .rule import stack_rule

CHECK: Final = Check(
    id="docker-host-exposure",
    what="Nobody but trusted sources may reach the Docker API of a machine, through whichever resources.",
    why="A rule and a listener that are each harmless open a host together.",
    hint="Delete or narrow the rule that the finding names, or take the listener away.",
    severity=Severity.CRITICAL,
)

docker_host_exposure = stack_rule(CHECK, exposure_findings, schema=TRUST_SCHEMA)
