"""docker-instance-metadata: do machines that run Docker require IMDSv2, with a hop limit of 1?

Else a container, or one forged request through it, reads the keys of the instance's role.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.machines import metadata_findings
from .reading.facts import Facts
from .reading.table import Role
from .remediation import require_imdsv2
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-instance-metadata",
    what="Instances that run Docker require IMDSv2 with a hop limit of 1.",
    why="Else a container, or one forged request through it, reads the keys of the instance's role.",
    hint="Set metadataOptions to {httpTokens: required, httpPutResponseHopLimit: 1}. At the level "
    "'remediate' this is done for instances whose options are known.",
    severity=Severity.HIGH,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return metadata_findings(facts)


docker_instance_metadata = resource_rule(
    CHECK, _judge, of=Role.MACHINE | Role.DESCRIBING, remediate=require_imdsv2
)
