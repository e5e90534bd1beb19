"""docker-2375-between-group-members: may members of security groups reach each other on every port?

Every default group and every EKS cluster has such a rule, so it is advisory; it still opens 2375 between members.
"""

from collections.abc import Iterator

from pulumi_policy import EnforcementLevel, Severity

from .configuration import Settings
from .findings import Finding
from .judges.sources import group_findings
from .reading.facts import Facts
from .rule import resource_rule


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return group_findings(facts, 2375)


docker_2375_between_group_members = resource_rule(
    "docker-2375-between-group-members",
    "An all-traffic rule between members of security groups lets each of them reach a Docker daemon of another.",
    _judge,
    severity=Severity.MEDIUM,
    remediation_steps="Name the ports that the members need from each other, without 2375 and 2376.",
    enforcement_level=EnforcementLevel.ADVISORY,
)
