"""docker-instance-metadata: do machines that run Docker require IMDSv2, with a hop limit of 1?

Else a container, or one forged request through it, reads the keys of the instance's role.
"""

from collections.abc import Iterator

from pulumi_policy import Severity

from .configuration import Settings
from .findings import Finding
from .judges.machines import metadata_findings
from .reading.facts import Facts
from .remediation import require_imdsv2
from .rule import resource_rule


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return metadata_findings(facts)


docker_instance_metadata = resource_rule(
    "docker-instance-metadata",
    "Instances that run Docker require IMDSv2 with a hop limit of 1, so that containers do not get the role's keys.",
    _judge,
    severity=Severity.HIGH,
    remediation_steps="Set metadataOptions to {httpTokens: required, httpPutResponseHopLimit: 1}. At the level "
    "'remediate' this is done for instances whose options are known.",
    remediate=require_imdsv2,
)
