"""Decides what of a host's own word somebody should know, although what its stack intends is in force. Pure.

How the host stands to that is host_status.py's.
"""

import datetime
from collections.abc import Iterator

from ..core.checks import Severity
from .certificates import expires_soon, expiring
from .findings import Finding
from .host_status import HostStatus


def notices(status: HostStatus, now: datetime.datetime) -> Iterator[Finding]:
    """A certificate that ends soon, a disk that is nearly full, security updates that failed."""
    word, host = status.word or {}, status.host
    try:
        ends = datetime.datetime.fromisoformat(word.get("certificate_expires_at", ""))
    except ValueError:
        ends = None
    if ends is not None and ends < now:
        message = f"The server's certificate of {host.name} expired on {ends:%Y-%m-%d}."
        yield Finding("certificate-expired", Severity.MEDIUM, host.instance, message)
    elif ends is not None and expires_soon(ends, now):
        yield expiring(f"The server's certificate of {host.name}", host.instance, ends)
    if disk := word.get("disk"):
        message = f"A disk of {host.name} fills: {disk}."
        yield Finding("disk-nearly-full", Severity.LOW, host.instance, message)
    if (updates := word.get("updates")) not in (None, "", "success"):
        message = f"The last security updates of {host.name} failed: {updates}."
        yield Finding("security-updates-failed", Severity.LOW, host.instance, message)
