"""docker-2375-between-group-members: may members of security groups reach each other on every port?

Every default group and every EKS cluster has such a rule, so it is advisory; it still opens 2375 between members.
"""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.sources import group_findings
from .reading.facts import Facts
from .reading.table import Role
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-2375-between-group-members",
    what="Members of security groups may not reach each other on every port.",
    why="Each of them then reaches a Docker daemon of another.",
    hint="Name the ports that the members need from each other, without 2375 and 2376.",
    severity=Severity.MEDIUM,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return group_findings(facts, 2375)


docker_2375_between_group_members = resource_rule(
    CHECK, _judge, of=Role.NETWORK | Role.DESCRIBING, level=EnforcementLevel.ADVISORY
)
