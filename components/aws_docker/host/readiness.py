"""Waits until a host has in force what is intended and answers its first client, and says what was seen where not.

What is in force only the host's own word tells (core/standing.py): one that is still to fetch a new configuration, or
has refused it, answers by the one before. Then it is asked `GET /_ping` over mutual TLS, as Docker's own clients do
first, with the certificate that they would use. Which sources are trusted and what the endpoint is are decided
elsewhere (access.py); here they only explain an answer that did not come.
"""

import asyncio
import errno
import http.client
import ipaddress
import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..core.ports import DOCKER_TLS_PORT
from ..core.standing import Standing, judge

WAIT_SECONDS = 600
"""How long a host may take: it installs packages at its first start, which takes a minute or two."""

PAUSE_SECONDS = 2
"""Between two connections."""

ATTEMPT_SECONDS = 5
"""How long one connection may take. A host in the same region answers within a second."""

# OpenSSL's X509_V_ERR_*, as ssl.SSLCertVerificationError.verify_code has them.
_OTHER_CA: Final = (18, 19, 20)
_CERTIFICATE_CAUSES: Final = {
    9: "its certificate is not valid yet: this machine's clock, or the one that made it, is wrong",
    10: "its certificate has expired: raise certificate_generation",
    **dict.fromkeys(_OTHER_CA, "another CA than this stack's signed its certificate"),
    62: "its certificate does not name this host name",
    64: "its certificate does not name this address",
}


class NotReady(Exception):
    """The host did not answer; the message is a clause: why, from what was seen."""


class NotInForce(NotReady):
    """What is intended is not in force, by the host's own word."""


class HostRefused(NotInForce):
    """The host has refused what is intended: to wait longer changes nothing. The message has the host's reason."""


class AnotherHost(NotReady):
    """Who answered has a certificate of another CA than the stack's: no waiting makes it ours."""


@dataclass(frozen=True)
class Client:
    """What a client shows and expects, PEM."""

    authority: str
    """The certificate of the CA that signed the server's."""
    certificate: str
    key: str = field(repr=False)

    def context(self) -> ssl.SSLContext:
        """A context with this certificate; raises ssl.SSLError for what is none."""
        context = ssl.create_default_context(cadata=self.authority)
        # OpenSSL takes a key from a file only: one that nobody else can open, and that is gone again at once.
        with tempfile.TemporaryDirectory(prefix="docker-host-") as folder:
            pair = Path(folder) / "client.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{self.certificate}\n{self.key}")
            context.load_cert_chain(pair)
        return context


def ping(endpoint: str, context: ssl.SSLContext, trusted: Sequence[str] = ()) -> None:
    """Asks the Docker API at `endpoint` (`tcp://HOST:PORT`) whether it is there; raises NotReady."""
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or DOCKER_TLS_PORT
    connection = http.client.HTTPSConnection(host, port, timeout=ATTEMPT_SECONDS, context=context)
    try:
        connection.request("GET", "/_ping", headers={"Host": "docker"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        kind = AnotherHost if getattr(error, "verify_code", None) in _OTHER_CA else NotReady
        raise kind(_cause(error, host, port, trusted)) from None
    finally:
        connection.close()
    if status != 200:
        raise NotReady(f"it answered with HTTP status {status}")


def check_word(text: str, *, instance: str, digest: str) -> None:
    """Raises NotInForce or HostRefused unless a word says that this instance has this configuration in force.

    One that is of no form known here says nothing: then the wire has to tell.
    """
    found = judge(text, instance=instance, digest=digest)
    if found.word is None:
        return
    if found.final:
        raise HostRefused(f"{found.evidence}. {found.hint[:1].upper()}{found.hint[1:]}")
    if found.standing is not Standing.READY:
        raise NotInForce(found.evidence)


async def until_ready(
    attempt: Callable[[], Awaitable[None]],
    *,
    tell: Callable[[str], None],
    tell_every: float = 30,
) -> None:
    """Repeats `attempt` until it raises NotReady no more; tells the last cause from time to time, in sentences.

    Raises NotReady with the last cause after WAIT_SECONDS, and HostRefused at once.
    """
    started = time.monotonic()
    told = started
    while True:
        try:
            return await attempt()
        except HostRefused:
            raise
        except NotReady as error:
            now = time.monotonic()
            if now + PAUSE_SECONDS > started + WAIT_SECONDS:
                raise
            if now >= told + tell_every:
                told = now
                tell(f"{now - started:.0f} s: {error}")
        await asyncio.sleep(PAUSE_SECONDS)


def _cause(error: Exception, host: str, port: int, trusted: Sequence[str]) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_CAUSES.get(
            error.verify_code, f"its certificate is refused: {error.verify_message}"
        )
    if isinstance(error, ssl.SSLError):
        return f"it does not take this client's certificate ({(error.reason or 'no reason given').lower()})"
    if isinstance(error, TimeoutError):
        here = _here(host, port, trusted)
        return f"nothing comes back from port {port}, so that packets are dropped on the way{here}"
    if isinstance(error, ConnectionRefusedError):
        return f"port {port} is closed: dockerd does not run there yet, or no more"
    if isinstance(error, socket.gaierror):
        return f"the name {host} is not known here"
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"this machine has no route to {host}"
    if isinstance(error, (ConnectionError, http.client.HTTPException)):
        # With TLS 1.3 a refused certificate can show as the end of the connection alone (RFC 8446, 4.4.2.4).
        return "it ends the connection: it may not take this client's certificate"
    return f"the connection fails ({error})"


def _here(host: str, port: int, trusted: Sequence[str]) -> str:
    """What a time-out has to do with who asks."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # sends nothing: it only chooses the address that packets would come from
            own = ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:
        return ""
    if any(own in ipaddress.ip_network(each) for each in trusted):
        return f", although this machine's address {own} is trusted"
    networks = ", ".join(trusted[:4]) + (", …" if len(trusted) > 4 else "")
    behind = "" if own.is_global else " (unless a NAT shows the host another one)"
    return f": this machine's address {own} is not among the trusted sources {networks}{behind}"
