"""Speaks to one port: dials, shakes hands, asks, and says what was seen. Judges nothing.

Each port is a generator that yields what it waits for, so that one loop (wire.py) can hold a thousand of them.
conversations.py decides what to ask next; tls.py and exchange.py know the protocols.
"""

import errno
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final

from .conversations import Answer, Conversation, End, PortFacts, Question, State, next_question, path_to_ask
from .exchange import MOST_BYTES, HttpClient, NoHttp
from .targets import Endpoint
from .tls import Contexts, certificate_of, tls_end

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE
TURN: Final = 0
_IN_CLEAR: Final = (Question.CLEAR, Question.PAST_A_FILTER)
_A_MOMENT: Final = 1.0
"""How long a TLS 1.3 server is given to refuse us before we send anything, in seconds: its alert would be lost
where our request meets a closed connection."""

REFUSED: Final = "the connection was refused"
_CLOSED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_FILTERED: Final = frozenset(
    {
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.ECONNABORTED,
    }
)

Wait = tuple[int, int, float]
"""What a port waits for: of which descriptor, to read or to write, and until when (time.monotonic); or, with TURN, only
for its next turn. It is sent whether it came, or the time was up."""


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe goes about it."""

    connect_timeout: float = 2.0
    """Seconds until a port that does not answer counts as filtered. A lost SYN is sent again after one."""
    answer_timeout: float = 4.0
    """Seconds for all that happens on one connection."""
    rate: float = 5_000
    """New connections in a second, at most. Loopback is no network and not bounded."""
    concurrency: int = 1_024
    """Connections at once, at most; fewer where the process may not open as many files."""
    authority: str | None = None
    """The CA (PEM) that servers' certificates should be of."""
    certificate_files: tuple[str, str] | None = field(default=None, repr=False)
    """Paths of a client's certificate and key."""

    @property
    def verifies(self) -> bool:
        """Whether servers' certificates are checked."""
        return self.authority is not None


class Speaker:
    """Speaks to ports with the same settings."""

    def __init__(self, settings: ProbeSettings, close: Callable[[socket.socket], None]) -> None:
        """`close` ends a connection; raises InvalidInput for certificates in the settings that cannot be used."""
        self._settings = settings
        self._tls = Contexts(settings.authority, settings.certificate_files)
        self._end = close

    def _close(self, sock: socket.socket) -> None:
        self._tls.forget(sock.fileno())
        self._end(sock)

    def steps(
        self, endpoint: Endpoint, sock: socket.socket, connected: bool
    ) -> Generator[Wait, bool, PortFacts]:
        """Everything that is said with one port, on a socket that is connected or about to be."""
        conversations: list[Conversation] = []
        try:
            if connected:
                # Until its turn comes, the server may have hung up.
                yield -1, TURN, 0.0
            elif error := (yield from self._connected(sock)):
                return no_connection(endpoint, error)
            while (
                question := next_question(endpoint.port, conversations, self._settings.verifies)
            ) is not None:
                if conversations:
                    again, error = dial(endpoint)
                    sock = again
                    if error == errno.EINPROGRESS:
                        error = yield from self._connected(sock)
                    if error:
                        conversations.append(
                            Conversation(question, End.CLOSED, "it took no further connection")
                        )
                        continue
                if hung_up(sock):
                    conversations.append(Conversation(question, End.UNASKED))
                else:
                    path = path_to_ask(question, conversations)
                    sock, conversation = yield from self._converse(endpoint, sock, question, path)
                    conversations.append(conversation)
                self._close(sock)
            return PortFacts(endpoint, State.OPEN, "it takes connections", tuple(conversations))
        except OSError as failure:  # a further connection that this machine had no room for
            if conversations:
                return PortFacts(
                    endpoint, State.OPEN, f"it takes connections; then: {failure}", tuple(conversations)
                )
            return no_connection(endpoint, failure.errno)
        finally:
            self._close(sock)

    def _connected(self, sock: socket.socket) -> Generator[Wait, bool, int]:
        deadline = time.monotonic() + self._settings.connect_timeout
        if not (yield from _wait(sock, _WRITE, deadline)):
            return errno.ETIMEDOUT
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _converse(
        self, endpoint: Endpoint, sock: socket.socket, question: Question, path: str
    ) -> Generator[Wait, bool, tuple[socket.socket, Conversation]]:
        deadline = time.monotonic() + self._settings.answer_timeout
        facts: dict[str, Any] = {"path": path}
        end, detail = End.ANSWERED, ""
        try:
            if question not in _IN_CLEAR:
                verified = self._tls.verified if question is Question.VERIFIED else None
                context = verified or self._tls.plain
                descriptor = sock.fileno()
                sock = context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=endpoint.name)
                yield from self._handshake(sock, deadline, facts)
                # Now: of a connection that an alert has ended, nothing more is to be had.
                facts |= {
                    "handshake": True,
                    "tls_version": sock.version(),
                    "certificate": certificate_of(sock),
                }
                if descriptor in self._tls.asked and sock.version() == "TLSv1.3":
                    yield from self._await_refusal(sock, min(deadline, time.monotonic() + _A_MOMENT))
            client = HttpClient()
            facts["ping"] = yield from self._ask(sock, client, path, deadline)
            if facts["ping"].status == 200 and client.next():
                facts["version"] = yield from self._ask(sock, client, "/version", deadline)
        except _Ended as ended:
            end, detail = ended.end, ended.detail
        except ssl.SSLCertVerificationError as error:
            end, detail = End.UNVERIFIED, f"{error.verify_code} {error.verify_message}"
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            end = End.CLOSED
        except ssl.SSLError as error:
            end, detail = tls_end(error.reason or "")
        except OSError as error:
            end, detail = (
                (End.CLOSED, "")
                if error.errno in _CLOSED | {errno.EPIPE, errno.ENOTCONN, errno.EINVAL}
                else (
                    End.FAILED,
                    os.strerror(error.errno or 0),
                )
            )
        except ValueError as error:  # a name that can stand in no certificate
            end, detail = End.FAILED, str(error)
        if facts.get("ping") is not None:
            end = End.ANSWERED  # what failed afterwards was /version
        facts["asked_for_certificate"] = sock.fileno() in self._tls.asked
        if isinstance(sock, ssl.SSLSocket) and not facts.get("handshake"):
            version, certificate = self._tls.shown.get(sock.fileno(), (None, None))
            facts |= {"tls_version": version, "certificate": certificate}
        return sock, Conversation(question, end, detail, **facts)

    def _handshake(
        self, sock: ssl.SSLSocket, deadline: float, facts: dict[str, Any]
    ) -> Generator[Wait, bool, None]:
        while True:
            try:
                sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                mask = _READ
            except ssl.SSLWantWriteError:
                mask = _WRITE
            if not (yield from _wait(sock, mask, deadline)):
                raise _Ended(End.SILENT)

    def _await_refusal(self, sock: ssl.SSLSocket, until: float) -> Generator[Wait, bool, None]:
        while True:
            try:
                if not sock.recv(1):
                    raise _Ended(End.CLOSED)
                raise _Ended(End.GARBAGE, "it spoke first")
            except ssl.SSLWantReadError:
                if not (yield from _wait(sock, _READ, until)):
                    return

    def _ask(
        self, sock: socket.socket, client: HttpClient, path: str, deadline: float
    ) -> Generator[Wait, bool, Answer]:
        yield from self._send(sock, client.ask(path), deadline)
        while True:
            try:
                came = sock.recv(MOST_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                if not (yield from _wait(sock, _READ, deadline)):
                    if (answer := client.heard()) is not None:
                        return answer
                    raise _Ended(End.SILENT) from None
                continue
            except OSError:
                if (answer := client.heard()) is not None:
                    return answer
                raise
            if not came and client.silent:
                raise _Ended(End.CLOSED)
            try:
                answer = client.hear(came)
            except NoHttp as error:
                # An alert in answer to HTTP: 21, then the version.
                if came[:2] == b"\x15\x03":
                    raise _Ended(End.ALERT, "ALERT_TO_HTTP") from None
                raise _Ended(End.MALFORMED if str(error) else End.GARBAGE, str(error)) from None
            if answer is not None:
                return answer
            if not came:
                raise _Ended(End.GARBAGE)

    def _send(self, sock: socket.socket, request: bytes, deadline: float) -> Generator[Wait, bool, None]:
        while request:
            try:
                request = request[sock.send(request) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not (yield from _wait(sock, _WRITE, deadline)):
                    raise _Ended(End.SILENT) from None
            except ssl.SSLWantReadError:
                if not (yield from _wait(sock, _READ, deadline)):
                    raise _Ended(End.SILENT) from None


def _wait(sock: socket.socket, mask: int, deadline: float) -> Generator[Wait, bool, bool]:
    return (yield sock.fileno(), mask, deadline)


class _Ended(Exception):
    def __init__(self, end: End, detail: str = "") -> None:
        self.end, self.detail = end, detail


def nonblocking(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


def dial(endpoint: Endpoint) -> tuple[socket.socket, int]:
    sock = nonblocking(socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET)
    try:
        return sock, sock.connect_ex((endpoint.address, endpoint.port))
    except BaseException:
        sock.close()
        raise


def hung_up(sock: socket.socket) -> bool:
    """Whether the server has ended the connection before it was asked anything: it does not depend on the question."""
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in _CLOSED


def no_connection(endpoint: Endpoint, error: int | None) -> PortFacts:
    if error in _CLOSED:
        return PortFacts(endpoint, State.CLOSED, REFUSED)
    if error == errno.ETIMEDOUT:
        return PortFacts(endpoint, State.FILTERED, "nothing answered")
    if error in _FILTERED:
        return PortFacts(endpoint, State.FILTERED, os.strerror(error or 0).lower())
    return PortFacts(endpoint, State.UNCHECKED, f"this machine cannot try: {os.strerror(error or 0).lower()}")
