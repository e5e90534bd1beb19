"""docker-no-unauthenticated-listener: does anything make Docker serve whoever connects, on any port?

Start-up documents, what is sent to machines later, commands, and containers that hold or reach a daemon: what they do
is read by `boot`.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.containers import container_findings
from .judges.machines import listener_findings
from .reading.facts import Facts
from .reading.table import DOCUMENTS, Role
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-no-unauthenticated-listener",
    what="No start-up document, command or container may serve the Docker API on TCP without checking client "
    "certificates, on whatever port.",
    why="A port number proves nothing: 2376 without tlsverify is as open as 2375.",
    hint="Leave dockerd its Unix socket alone, or start it with --tlsverify, --tlscacert, --tlscert "
    "and --tlskey on the same command line as -H.",
    severity=Severity.CRITICAL,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    yield from listener_findings(facts)
    yield from container_findings(facts)


docker_no_unauthenticated_listener = resource_rule(CHECK, _judge, of=DOCUMENTS | Role.CONTAINER)
