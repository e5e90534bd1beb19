"""docker-no-2375: is there a way from any source to TCP 2375, trusted or not?

2375 is Docker's port for plain HTTP: whoever reaches a daemon there is root. Nobody may, from anywhere.
"""

from collections.abc import Iterator

from pulumi_policy import Severity

from .configuration import NOBODY, Settings
from .findings import Finding
from .judges.sources import network_findings
from .reading.facts import Facts
from .rule import resource_rule


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return network_findings(facts, 2375, NOBODY)


docker_no_2375 = resource_rule(
    "docker-no-2375",
    "Nobody may reach TCP 2375, where Docker serves its API without TLS: whoever does is root on the host.",
    _judge,
    severity=Severity.CRITICAL,
    remediation_steps="Delete the rule, or leave 2375 out of its range. Serve Docker on 2376 with tlsverify instead.",
)
