"""Probes many ports at once: one loop over plain non-blocking sockets. Judges nothing.

Safe for what it touches: it connects, shakes hands, and asks GET /_ping and GET /version, which change nothing; where
HTTP answers without a mark of Docker, a few lists with a filter that Docker refuses (conversations.py). How many
connections it starts in a second and holds at once is bounded, and so are the time and the bytes for each; it keeps
nothing of a port once that is reported. speaking.py speaks to one port.

asyncio's open_connection was measured at four times the cost of nmap's connect scan for closed ports; this loop is
below it.
"""

import errno
import heapq
import selectors
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from .conversations import PortFacts, State
from .speaking import REFUSED, TURN, ProbeSettings, Speaker, Wait, dial, no_connection, nonblocking
from .targets import Endpoint
from .tls import Contexts

_REDIALS: Final = sys.platform == "linux"
_FULL: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


@dataclass(slots=True, eq=False)
class _Task:
    steps: Generator[Wait, bool, PortFacts]
    deadline: float = 0.0


def check_settings(settings: ProbeSettings) -> None:
    """Raises InvalidInput for an authority or a client's certificate that cannot be used."""
    Contexts(settings.authority, settings.certificate_files)


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
        self._spare: dict[int, socket.socket] = {}
        self._masks: dict[int, int] = {}
        self._speaker = Speaker(settings, self._close)

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
            return dial(endpoint)
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = self._spare.pop(family, None) or nonblocking(family)
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
            sock, error = self._dial_again(endpoint) if local else dial(endpoint)
        except OSError as failure:
            if failure.errno in _FULL:
                return False
            self._seen(no_connection(endpoint, failure.errno))
            return True
        if sock is None:
            self._seen(PortFacts(endpoint, State.CLOSED, REFUSED))
            return True
        if error in (0, errno.EINPROGRESS):
            task = _Task(self._speaker.steps(endpoint, sock, error == 0))
            self._running.add(task)
            self._resume(task, None)
            return True
        sock.close()
        if error in _FULL:
            return False
        self._seen(no_connection(endpoint, error))
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
            descriptor, mask, deadline = task.steps.send(ready) if ready is not None else next(task.steps)
        except StopIteration as done:
            self._running.discard(task)
            self._seen(done.value)
            return
        if mask == TURN:
            self._next_turn.append(task)
            return
        if deadline != task.deadline:
            task.deadline = deadline
            heapq.heappush(self._deadlines, (deadline, next(self._numbers), task))
        self._watch(task, descriptor, mask)

    def _watch(self, task: _Task, descriptor: int, mask: int) -> None:
        watched = self._masks.get(descriptor)
        if watched is None:
            self._selector.register(descriptor, mask, task)
        elif watched != mask:
            self._selector.modify(descriptor, mask, task)
        self._masks[descriptor] = mask

    def _close(self, sock: socket.socket) -> None:
        descriptor = sock.fileno()
        if descriptor >= 0:  # not closed yet
            if self._masks.pop(descriptor, None) is not None:
                self._selector.unregister(descriptor)
            sock.close()


def _is_local(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


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
