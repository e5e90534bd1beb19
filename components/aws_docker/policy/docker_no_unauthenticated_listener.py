"""docker-no-unauthenticated-listener: does a start-up document make dockerd serve whoever connects, on any port?

A port number proves nothing: 2376 without tlsverify is as open as 2375. What the document does is read by `boot`.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.machines import listener_findings
from .reading.facts import Facts
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-no-unauthenticated-listener",
    what="No start-up document may make dockerd listen on TCP without checking client certificates, on"
    " whatever port.",
    why="A port number proves nothing: 2376 without tlsverify is as open as 2375.",
    hint="Leave dockerd its Unix socket alone, or start it with --tlsverify, --tlscacert, --tlscert "
    "and --tlskey on the same command line as -H.",
    severity=Severity.CRITICAL,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return listener_findings(facts)


docker_no_unauthenticated_listener = resource_rule(CHECK, _judge)
