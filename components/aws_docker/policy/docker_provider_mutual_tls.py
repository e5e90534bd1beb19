"""docker-provider-mutual-tls: does a Docker provider speak to its daemon over mutual TLS, by SSH, or by a local socket?

A provider that needs no certificate for `tcp://` says that the daemon there asks nobody for one.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import Settings
from .findings import Finding
from .judges.containers import client_findings
from .reading.facts import Facts
from .reading.table import Role
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-provider-mutual-tls",
    what="A Docker provider that connects by tcp:// takes a CA, a certificate and a key.",
    why="A daemon that serves clients without a certificate serves everybody who reaches it.",
    hint="Set caMaterial, certMaterial and keyMaterial from the host's outputs (or certPath), or connect by ssh://.",
    severity=Severity.HIGH,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return client_findings(facts)


docker_provider_mutual_tls = resource_rule(CHECK, _judge, of=Role.CLIENT)
