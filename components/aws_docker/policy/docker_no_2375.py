"""docker-no-2375: is there a way from any source to TCP 2375, trusted or not?

2375 is Docker's port for plain HTTP: whoever reaches a daemon there is root. Nobody may, from anywhere.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import NOBODY, Settings
from .findings import Finding
from .judges.sources import network_findings
from .reading.facts import Facts
from .reading.table import WAYS_IN
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-no-2375",
    what="Nobody may reach TCP 2375, where Docker serves its API without TLS.",
    why="Whoever does is root on the host.",
    hint="Delete the rule, or leave 2375 out of its range. Serve Docker on 2376 with tlsverify instead.",
    severity=Severity.CRITICAL,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return network_findings(facts, 2375, NOBODY)


docker_no_2375 = resource_rule(CHECK, _judge, of=WAYS_IN)
