"""docker-no-secret-in-user-data: does a start-up document hold a private key or a Swarm's, in any encoding?

User-data is read by every process on the machine, and by everybody with ec2:DescribeInstanceAttribute.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.machines import secret_findings
from .reading.facts import Facts
from .reading.table import DOCUMENTS
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-no-secret-in-user-data",
    what="No private key, and no join token of a Swarm, may stand in a start-up document, in any encoding.",
    why="AWS shows it to whoever may describe the instance, and every process on the machine reads it.",
    hint="Put the key into Parameter Store (SecureString) or Secrets Manager, let the instance's role "
    "read it, and make a new one: the old one is known.",
    severity=Severity.HIGH,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return secret_findings(facts)


docker_no_secret_in_user_data = resource_rule(CHECK, _judge, of=DOCUMENTS)
