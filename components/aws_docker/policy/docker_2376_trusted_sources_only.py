"""docker-2376-trusted-sources-only: do only the configured trusted sources reach TCP 2376?

Sources are compared as exact sets of addresses: halves, supersets and overlaps are seen for what they are. With no
trusted source configured, nobody is trusted.
"""

from collections.abc import Iterator
from typing import Final

from ..core.checks import Check, Severity
from .configuration import TRUST_SCHEMA, Settings
from .findings import Finding
from .judges.sources import network_findings
from .reading.facts import Facts
from .reading.table import WAYS_IN
from .remediation import narrow_sources
from .rule import resource_rule

CHECK: Final = Check(
    id="docker-2376-trusted-sources-only",
    what="Only trusted sources may reach TCP 2376, where Docker serves its API.",
    why="A client's key opens the whole host.",
    hint="Narrow the rule to trusted sources, or trust its sources in the policy's configuration "
    "(trustedCidrs, trustedPrefixListIds, trustedSecurityGroupIds). At the level 'remediate', "
    "address ranges of rules for 2376 alone are narrowed to the trusted part.",
    severity=Severity.HIGH,
)


def _judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    return network_findings(facts, 2376, settings.trusted)


docker_2376_trusted_sources_only = resource_rule(
    CHECK,
    _judge,
    of=WAYS_IN,
    schema=TRUST_SCHEMA,
    remediate=narrow_sources,
)
