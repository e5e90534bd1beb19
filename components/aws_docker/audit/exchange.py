"""One HTTP request and its answer, on a connection that somebody else reads and writes (h11). Judges nothing. Pure.

Bounded: a head may have 16 KiB, of a body as much is kept, and 64 KiB of anything are the end of it. What is no HTTP is
said, never guessed at.
"""

from typing import Final

import h11

from .conversations import Answer

MOST_BYTES: Final = 16_384
_MOST_OF_ALL: Final = 4 * MOST_BYTES
"""An endless row of chunks, or of interim answers, may hold next to nothing."""


class NoHttp(Exception):
    """What came cannot be read as an HTTP answer: a sentence why, where it begins as one, else nothing."""


class HttpClient:
    """The HTTP of one connection: `ask`, send what it returns, and `hear` what comes until there is an answer."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_BYTES)
        self._start: bytes = b""
        self._head: h11.Response | None = None
        self._body = b""
        self._came = 0

    def ask(self, path: str) -> bytes:
        """A GET of this path, as bytes to send."""
        headers = [("Host", "docker"), ("User-Agent", "aws-docker-probe")]
        request = h11.Request(method="GET", target=path, headers=headers)
        self._start, self._head, self._body, self._came = b"", None, b"", 0
        return (self._connection.send(request) or b"") + (self._connection.send(h11.EndOfMessage()) or b"")

    def hear(self, came: bytes) -> Answer | None:
        """The answer, once all of it, or as much of it as is kept, has come; b"" says that no more will come.

        Raises NoHttp for what is no HTTP answer.
        """
        self._came += len(came)
        if self._came > _MOST_OF_ALL:
            if (answer := self.heard()) is None:
                raise NoHttp("its answer does not begin")
            return answer
        if len(self._start) < 5:
            self._start += came[:5]
            if not b"HTTP/".startswith(self._start[:5]):
                raise NoHttp
        try:
            self._connection.receive_data(came)
            while True:
                event = self._connection.next_event()
                match event:
                    case h11.Response():
                        self._head = event
                    case h11.Data():
                        self._body += event.data[: MOST_BYTES - len(self._body)]
                        if len(self._body) >= MOST_BYTES:
                            return self.heard()
                    case h11.EndOfMessage():
                        return self._answer(ended=True)
                    case h11.InformationalResponse():
                        pass
                    case _:  # more is needed, or the connection has ended
                        return self._answer(ended=False) if not came and self._head else None
        except h11.RemoteProtocolError as error:
            if (answer := self.heard()) is not None:
                return answer  # its head was whole: what follows says nothing of what the server is
            raise NoHttp(str(error)) from None

    @property
    def silent(self) -> bool:
        """Whether nothing has come in answer to the request."""
        return not self._start

    def heard(self) -> Answer | None:
        """The answer as far as it came; None where its head is not whole."""
        return self._answer(ended=False)

    def next(self) -> bool:
        """Whether another request may follow on the connection."""
        try:
            self._connection.start_next_cycle()
        except h11.LocalProtocolError:
            return False
        return True

    def _answer(self, ended: bool) -> Answer | None:
        if self._head is None:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._head.headers}
        return Answer(self._head.status_code, headers, self._body, ended)
