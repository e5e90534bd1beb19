"""docker-swarm-members-only: do a Docker Swarm's members alone reach each other's ports?

2377/tcp is the Swarm's control plane, 7946/tcp and udp its gossip, 4789/udp its overlay networks. Other programs use
the last two as well, so private networks are findings only where 2377 is open beside them.
"""

from collections.abc import Iterator
from typing import Any, Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.swarm import swarm_findings
from .reading.facts import Facts
from .reading.table import WAYS_IN
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-swarm-members-only",
    what="Only the members of a Docker Swarm may reach its ports: TCP 2377 and 7946, UDP 7946 and 4789.",
    why="Whoever has a token joins at 2377, and overlay networks (4789) take packets from whoever sends some.",
    hint="Give the members a security group of their own, and have its rules name itself (self, or its own id).",
    severity=Severity.HIGH,
)
_SCHEMA: Final[dict[str, dict[str, Any]]] = {
    name: {"type": "array", "items": {"type": "string"}, "description": said, "default": []}
    for name, said in {
        "trustedCidrs": "Networks in which nothing but a Swarm's members is.",
        "trustedPrefixListIds": "Prefix lists that hold nothing but a Swarm's members.",
    }.items()
}


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return swarm_findings(facts, settings.trusted)


docker_swarm_members_only = resource_rule(CHECK, _judge, of=WAYS_IN, schema=_SCHEMA)
