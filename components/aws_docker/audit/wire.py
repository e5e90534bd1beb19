"""Speaks to ports and says what was seen: one loop over plain non-blocking sockets. Judges nothing.

Safe for what it touches: it connects, shakes hands, and asks GET /_ping and GET /version, which change nothing. How
many connections it starts in a second and holds at once is bounded, and so are the time and the bytes for each; it
keeps nothing of a port once that is reported. conversations.py decides what to ask
next, verdicts.py what the answers mean.

asyncio's open_connection was measured at four times the cost of nmap's connect scan for closed ports; this loop is
below it.
"""

import errno
import heapq
import os
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from ..core.errors import InvalidInput
from .conversations import Answer, Conversation, End, PortFacts, Question, State, next_question
from .targets import Endpoint

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE
_TURN: Final = 0
_MOST_BYTES: Final = 16_384
_A_MOMENT: Final = 1.0
"""How long a TLS 1.3 server is given to refuse us before we send anything, in seconds: its alert would be lost
where our request meets a closed connection."""

_REFUSED: Final = "the connection was refused"
_REDIALS: Final = sys.platform == "linux"
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
_FULL: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)

Wait = tuple[int, float]
"""What a conversation waits for: to read or to write, and until when (time.monotonic); or only for its next turn."""


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe goes about it."""

    connect_timeout: float = 2.0
    """Seconds until a port that does not answer counts as filtered. A lost SYN is sent again after one."""
    answer_timeout: float = 4.0
    """Seconds for all that is said on one connection."""
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


@dataclass(slots=True, eq=False)
class _Task:
    steps: Generator[Wait, bool, PortFacts]
    deadline: float = 0.0


def check_settings(settings: ProbeSettings) -> None:
    """Raises InvalidInput for an authority or a client's certificate that cannot be used."""
    if settings.verifies:
        _verifying_context(settings)


def probe_ports(
    endpoints: Iterable[Endpoint], settings: ProbeSettings, seen: Callable[[PortFacts], None]
) -> None:
    """Probe every endpoint, and report each one as soon as it is known, in any order."""
    with selectors.DefaultSelector() as selector:
        _Loop(selector, settings, seen).run(iter(endpoints))


class _Loop:
    def __init__(
        self, selector: selectors.BaseSelector, settings: ProbeSettings, seen: Callable[[PortFacts], None]
    ) -> None:
        self._selector = selector
        self._settings = settings
        self._seen = seen
        self._limit = max(1, min(settings.concurrency, _files_left()))
        self._running: set[_Task] = set()
        self._next_turn: list[_Task] = []
        self._deadlines: list[tuple[float, int, _Task]] = []
        self._numbers = count()
        self._asked: set[int] = set()
        """The connections whose server asked for our certificate."""
        self._shown: dict[int, tuple[str, bytes]] = {}
        """The TLS version and the certificate of servers: all that is known where the handshake does not end."""
        self._spare: dict[int, socket.socket] = {}
        self._masks: dict[int, int] = {}
        self._current = -1
        self._plain = self._context()
        self._verified = _verifying_context(settings) if settings.verifies else None
        if self._verified is not None:
            self._watch_requests(self._verified)

    def run(self, endpoints: Iterator[Endpoint]) -> None:
        waiting: Endpoint | None = next(endpoints, None)
        allowed, refilled = 1.0, time.monotonic()
        most = max(1.0, self._settings.rate / 20)
        try:
            while waiting is not None or self._running:
                now = time.monotonic()
                allowed = min(most, allowed + (now - refilled) * self._settings.rate)
                refilled = now
                started = 0
                while waiting is not None and len(self._running) < self._limit and started < 256:
                    local = _is_local(waiting.address)
                    if not local and allowed < 1:
                        break
                    if not self._start(waiting, local):
                        # The machine is full. What runs makes room; where nothing does, it will stay so.
                        if self._running:
                            break
                        self._seen(
                            PortFacts(waiting, State.UNCHECKED, "this machine has no room for a connection")
                        )
                    allowed -= 0 if local else 1
                    started += 1
                    waiting = next(endpoints, None)
                at_once = bool(self._next_turn) or (waiting is not None and started == 256)
                self._turn(0 if at_once else self._pause(waiting is not None))
        finally:
            for task in list(self._running):
                task.steps.close()
            for sock in self._spare.values():
                sock.close()

    def _pause(self, more: bool) -> float:
        until = self._deadlines[0][0] - time.monotonic() if self._deadlines else 0.05
        # With more to start, no longer than until the rate allows for it.
        return max(0.0, min(until, 0.01) if more and len(self._running) < self._limit else until)

    def _dial_again(self, endpoint: Endpoint) -> tuple[socket.socket | None, int]:
        """Dial an address of this machine; no socket where the connection is refused at once.

        On Linux the refusal is there before the call returns, a second call tells it, and the same socket can then
        dial the next port: a fifth of the cost of a new socket and a turn of the loop.
        """
        if not _REDIALS:
            return _dial(endpoint)
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = self._spare.pop(family, None) or _nonblocking(family)
        address = (endpoint.address, endpoint.port)
        error = sock.connect_ex(address)
        if error == errno.EINPROGRESS:
            error = sock.connect_ex(address)
        if error == errno.ECONNREFUSED:
            self._spare[family] = sock
            return None, error
        return sock, {errno.EALREADY: errno.EINPROGRESS, errno.EISCONN: 0}.get(error, error)

    def _start(self, endpoint: Endpoint, local: bool) -> bool:
        """Begin with an endpoint; False where the machine has no room for it now."""
        try:
            sock, error = self._dial_again(endpoint) if local else _dial(endpoint)
        except OSError as failure:
            if failure.errno in _FULL:
                return False
            self._seen(_no_connection(endpoint, failure.errno))
            return True
        if sock is None:
            self._seen(PortFacts(endpoint, State.CLOSED, _REFUSED))
            return True
        if error in (0, errno.EINPROGRESS):
            task = _Task(self._steps(endpoint, sock, error == 0))
            self._running.add(task)
            self._resume(task, None)
            return True
        sock.close()
        if error in _FULL:
            return False
        self._seen(_no_connection(endpoint, error))
        return True

    def _turn(self, pause: float) -> None:
        turn, self._next_turn = self._next_turn, []
        for task in turn:
            self._resume(task, True)
        for key, _ in self._selector.select(pause):
            self._resume(key.data, True)
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, _, task = heapq.heappop(self._deadlines)
            # Only where it still waits for this moment: a task that went on has set itself another.
            if task in self._running and task.deadline == deadline:
                self._resume(task, False)

    def _resume(self, task: _Task, ready: bool | None) -> None:
        try:
            mask, deadline = task.steps.send(ready) if ready is not None else next(task.steps)
        except StopIteration as done:
            self._running.discard(task)
            self._seen(done.value)
            return
        if mask == _TURN:
            self._next_turn.append(task)
            return
        if deadline != task.deadline:
            task.deadline = deadline
            heapq.heappush(self._deadlines, (deadline, next(self._numbers), task))
        self._watch(task, mask)

    def _watch(self, task: _Task, mask: int) -> None:
        descriptor = self._current
        watched = self._masks.get(descriptor)
        if watched is None:
            self._selector.register(descriptor, mask, task)
        elif watched != mask:
            self._selector.modify(descriptor, mask, task)
        self._masks[descriptor] = mask

    def _wait(self, sock: socket.socket, mask: int, deadline: float) -> Generator[Wait, bool, bool]:
        self._current = sock.fileno()
        return (yield mask, deadline)

    def _close(self, sock: socket.socket) -> None:
        descriptor = sock.fileno()
        if descriptor >= 0:  # not closed yet
            self._asked.discard(descriptor)
            self._shown.pop(descriptor, None)
            if self._masks.pop(descriptor, None) is not None:
                self._selector.unregister(descriptor)
            sock.close()

    # --- One port --------------------------------------------------------------------------------------------------

    def _steps(
        self, endpoint: Endpoint, sock: socket.socket, connected: bool
    ) -> Generator[Wait, bool, PortFacts]:
        said: list[Conversation] = []
        try:
            if connected:
                # Until its turn comes, the server may have hung up.
                yield _TURN, 0.0
            elif error := (yield from self._connected(sock)):
                return _no_connection(endpoint, error)
            while (question := next_question(endpoint.port, said, self._settings.verifies)) is not None:
                if said:
                    again, error = _dial(endpoint)
                    sock = again
                    if error == errno.EINPROGRESS:
                        error = yield from self._connected(sock)
                    if error:
                        said.append(Conversation(question, End.CLOSED, "it took no further connection"))
                        continue
                if hung_up(sock):
                    said.append(Conversation(question, End.UNASKED))
                else:
                    sock, conversation = yield from self._converse(endpoint, sock, question)
                    said.append(conversation)
                self._close(sock)
            return PortFacts(endpoint, State.OPEN, "it takes connections", tuple(said))
        except OSError as failure:  # a further connection that this machine had no room for
            if said:
                return PortFacts(endpoint, State.OPEN, f"it takes connections; then: {failure}", tuple(said))
            return _no_connection(endpoint, failure.errno)
        finally:
            self._close(sock)

    def _connected(self, sock: socket.socket) -> Generator[Wait, bool, int]:
        deadline = time.monotonic() + self._settings.connect_timeout
        if not (yield from self._wait(sock, _WRITE, deadline)):
            return errno.ETIMEDOUT
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _converse(
        self, endpoint: Endpoint, sock: socket.socket, question: Question
    ) -> Generator[Wait, bool, tuple[socket.socket, Conversation]]:
        deadline = time.monotonic() + self._settings.answer_timeout
        facts: dict[str, Any] = {}
        end, detail = End.ANSWERED, ""
        try:
            if question is not Question.CLEAR:
                verified = self._verified if question is Question.VERIFIED else None
                context = verified or self._plain
                descriptor = sock.fileno()
                sock = context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=endpoint.name)
                yield from self._handshake(sock, deadline, facts)
                # Now: of a connection that an alert has ended, nothing more is to be had.
                facts |= {"handshake": True, "tls_version": sock.version(), "certificate": _certificate(sock)}
                if descriptor in self._asked and sock.version() == "TLSv1.3":
                    yield from self._await_refusal(sock, min(deadline, time.monotonic() + _A_MOMENT))
            facts["ping"] = yield from self._ask(endpoint, sock, "/_ping", deadline)
            if facts["ping"].status == 200 and facts["ping"].ended:
                facts["version"] = yield from self._ask(endpoint, sock, "/version", deadline)
        except _Ended as ended:
            end, detail = ended.end, ended.detail
        except ssl.SSLCertVerificationError as error:
            end, detail = End.UNVERIFIED, f"{error.verify_code} {error.verify_message}"
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            end = End.CLOSED
        except ssl.SSLError as error:
            end, detail = _tls_end(error.reason or "")
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
        facts["asked_for_certificate"] = sock.fileno() in self._asked
        if isinstance(sock, ssl.SSLSocket) and not facts.get("handshake"):
            version, certificate = self._shown.get(sock.fileno(), (None, None))
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
            if not (yield from self._wait(sock, mask, deadline)):
                raise _Ended(End.SILENT)

    def _await_refusal(self, sock: ssl.SSLSocket, until: float) -> Generator[Wait, bool, None]:
        while True:
            try:
                if not sock.recv(1):
                    raise _Ended(End.CLOSED)
                raise _Ended(End.GARBAGE, "it spoke first")
            except ssl.SSLWantReadError:
                if not (yield from self._wait(sock, _READ, until)):
                    return

    def _ask(
        self, endpoint: Endpoint, sock: socket.socket, path: str, deadline: float
    ) -> Generator[Wait, bool, Answer]:
        request = f"GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: aws-docker-probe\r\n\r\n".encode()
        while request:
            try:
                request = request[sock.send(request) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not (yield from self._wait(sock, _WRITE, deadline)):
                    raise _Ended(End.SILENT) from None
            except ssl.SSLWantReadError:
                if not (yield from self._wait(sock, _READ, deadline)):
                    raise _Ended(End.SILENT) from None
        came = b""
        while True:
            try:
                piece = sock.recv(_MOST_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                if not (yield from self._wait(sock, _READ, deadline)):
                    if (answer := read_answer(came)) is not None:
                        return answer
                    raise _Ended(End.SILENT) from None
                continue
            came += piece
            answer = read_answer(came)
            if answer is not None and (answer.ended or not piece or len(came) >= _MOST_BYTES):
                return answer
            if not came:
                raise _Ended(End.CLOSED)
            if not b"HTTP/".startswith(came[:5]):
                # An alert in answer to HTTP: 21, then the version.
                raise _Ended(End.ALERT, "ALERT_TO_HTTP") if came[:2] == b"\x15\x03" else _Ended(End.GARBAGE)
            if not piece or len(came) >= _MOST_BYTES:
                raise _Ended(End.GARBAGE)

    def _context(self) -> ssl.SSLContext:
        # Takes whatever the server is and has: what is old or invalid is to be seen, and nothing secret is sent.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
        self._watch_requests(context)
        return context

    def _watch_requests(self, context: ssl.SSLContext) -> None:
        def message(
            sock: ssl.SSLSocket, direction: str, version: Any, content: Any, kind: Any, data: bytes
        ) -> None:
            if direction == "read" and content == 22:  # a handshake message (RFC 8446, section 4)
                if kind == 13:
                    self._asked.add(sock.fileno())
                elif kind == 11 and (shown := first_certificate(data, version)) is not None:
                    name = ssl.TLSVersion(version).name.replace("_", ".")
                    self._shown[sock.fileno()] = (name, shown)

        # Python's own tests and debuggers use it since 3.8. Without it, mutual TLS is still known by a TLS 1.3 alert.
        context._msg_callback = message  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def _verifying_context(settings: ProbeSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=settings.authority)
    except (ssl.SSLError, ValueError):
        raise InvalidInput("ca", "…", "give the CA's certificate as PEM", "holds no certificate") from None
    if settings.certificate_files is not None:
        certificate, key = settings.certificate_files
        try:
            # Without a password of its own, OpenSSL would ask the terminal for one.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError:
            hint = "give a certificate and its own key, unencrypted, as `aws-docker bundle` writes them"
            raise InvalidInput("bundle", certificate, hint, "cannot be used with its key") from None
    return context


class _Ended(Exception):
    def __init__(self, end: End, detail: str = "") -> None:
        self.end, self.detail = end, detail


def _is_local(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _nonblocking(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


def _dial(endpoint: Endpoint) -> tuple[socket.socket, int]:
    sock = _nonblocking(socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET)
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


def _no_connection(endpoint: Endpoint, error: int | None) -> PortFacts:
    if error in _CLOSED:
        return PortFacts(endpoint, State.CLOSED, _REFUSED)
    if error == errno.ETIMEDOUT:
        return PortFacts(endpoint, State.FILTERED, "nothing answered")
    if error in _FILTERED:
        return PortFacts(endpoint, State.FILTERED, os.strerror(error or 0).lower())
    return PortFacts(endpoint, State.UNCHECKED, f"this machine cannot try: {os.strerror(error or 0).lower()}")


def _tls_end(reason: str) -> tuple[End, str]:
    if "ALERT" in reason:
        return End.ALERT, reason
    if reason in (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "BAD_RECORD_TYPE",
    ):
        return End.NO_TLS, reason
    if "EOF" in reason:
        return End.CLOSED, ""
    return End.FAILED, reason.lower().replace("_", " ")


def _certificate(sock: ssl.SSLSocket) -> bytes | None:
    try:
        return sock.getpeercert(binary_form=True)
    except ValueError:  # no handshake
        return None


def first_certificate(message: bytes, version: int) -> bytes | None:
    """The server's own certificate (DER) in a TLS handshake's Certificate message; None where it holds none."""
    # Type and length; from TLS 1.3 on a context with its length; the list's length; the certificate's length.
    at = 4 if version < ssl.TLSVersion.TLSv1_3 else 5 + message[4] if len(message) > 4 else len(message)
    length = int.from_bytes(message[at + 3 : at + 6], "big")
    certificate = message[at + 6 : at + 6 + length]
    return certificate if length and len(certificate) == length else None


def read_answer(came: bytes) -> Answer | None:
    """An HTTP answer, as far as it came; None where its head is not whole."""
    head, separator, body = came.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"HTTP/"):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1:2]
    if not status or not (status[0].isascii() and status[0].isdecimal()):
        return None
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = headers.get("content-length", "")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, whole = _dechunked(body)
    elif length.isascii() and length.isdecimal():
        whole = len(body) >= int(length)
        body = body[: int(length)]
    else:
        whole = status[0] in ("204", "304")
    return Answer(int(status[0]), headers, body[:_MOST_BYTES], whole)


def _dechunked(body: bytes) -> tuple[bytes, bool]:
    whole = b""
    while True:
        size, separator, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            return whole, False
        if not separator or length < 0 or len(rest) < length + 2:
            return whole + rest[: max(0, length)], False
        if length == 0:
            return whole, True
        whole, body = whole + rest[:length], rest[length + 2 :]


def _files_left() -> int:
    """How many files this process may still open, less some for others."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 4_096 and (hard == resource.RLIM_INFINITY or soft < hard):
            soft = 4_096 if hard == resource.RLIM_INFINITY else min(4_096, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return soft - 64
    except (ImportError, ValueError, OSError):
        return 400
