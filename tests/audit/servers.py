"""Servers on loopback that are what a probe may meet: Docker's API in every state, and what is no Docker at all.

Each runs in threads of its own and is gone when the test is. dockerd itself is in test_probe_dockerd.py.
"""

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab.hosts import certs

VERSION = b'{"Version":"29.7.2","ApiVersion":"1.55","MinAPIVersion":"1.40"}'


@dataclass
class Server:
    """A server that accepts until it is stopped."""

    talk: Callable[["Server", socket.socket], None]
    context: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list[str])
    """The first line of every request."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Server":
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.settimeout(5)
            self._threads.append(threading.Thread(target=self._serve, args=[connection]))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self.context is None:
                self.talk(self, connection)
            else:
                with self.context.wrap_socket(connection, server_side=True) as secured:
                    self.talk(self, secured)


def requests(server: Server, connection: socket.socket) -> Iterator[str]:
    """The path of each request, as it comes."""
    came = b""
    while not server.stopped.is_set():
        while b"\r\n\r\n" not in came:
            piece = connection.recv(4096)
            if not piece:
                return
            came += piece
        head, _, came = came.partition(b"\r\n\r\n")
        first = head.split(b"\r\n")[0].decode("latin-1")
        server.asked.append(first)
        yield first.split(" ")[1]


def answer(
    connection: socket.socket, body: bytes, status: str = "200 OK", headers: str = "Api-Version: 1.55\r\n"
) -> None:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def docker(server: Server, connection: socket.socket) -> None:
    """What dockerd answers."""
    for path in requests(server, connection):
        answer(connection, b"OK" if path == "/_ping" else VERSION)


def docker_in_chunks(server: Server, connection: socket.socket) -> None:
    for path in requests(server, connection):
        body = b"OK" if path == "/_ping" else VERSION
        head = b"HTTP/1.1 200 OK\r\nServer: Docker/29.7.2 (linux)\r\nTransfer-Encoding: chunked\r\n\r\n"
        half = len(body) // 2
        pieces = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:half], body[half:]))
        for byte in (head, pieces, b"0\r\n\r\n"):
            connection.sendall(byte)


def web(server: Server, connection: socket.socket) -> None:
    """HTTP without any mark of Docker."""
    for _ in requests(server, connection):
        answer(connection, b"<html>", "404 Not Found", "Server: nginx\r\n")


@dataclass(frozen=True)
class Filter:
    """A filtering proxy in front of Docker's API, which lets some paths through."""

    through: str
    denies: str = "403 Forbidden"
    closes: bool = True
    """As HAProxy does after it has denied something."""

    def __call__(self, server: Server, connection: socket.socket) -> None:
        for path in requests(server, connection):
            if self.through and path.startswith(self.through):
                # As dockerd refuses a filter that is no JSON: before it lists anything, and with its marks.
                answer(connection, b'{"message":"invalid character"}', "400 Bad Request", MARKS)
            else:
                answer(connection, b"no", self.denies, "Connection: close\r\n" if self.closes else "")
                if self.closes:
                    return


MARKS = "Api-Version: 1.55\r\nServer: Docker/29.7.2 (linux)\r\n"


def demanding_proxy(server: Server, connection: socket.socket) -> None:
    """nginx with ssl_verify_client on: the handshake passes, and HTTP refuses."""
    for _ in requests(server, connection):
        body = b"No required SSL certificate was sent"
        answer(connection, body, "400 Bad Request", "Server: nginx\r\n")


def https_only(server: Server, connection: socket.socket) -> None:
    """Go's TLS server, spoken to in clear text."""
    if connection.recv(4096):
        connection.sendall(
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        )


def tarpit(server: Server, connection: socket.socket) -> None:
    server.stopped.wait(20)


def dripping(server: Server, connection: socket.socket) -> None:
    """An answer that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not server.stopped.wait(0.05):
        connection.sendall(b"x")


def flooding(server: Server, connection: socket.socket) -> None:
    """An answer that never ends, as fast as it goes; Docker by its head."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n")
    while not server.stopped.is_set():
        connection.sendall(b"x" * 65_536)


def garbage(server: Server, connection: socket.socket) -> None:
    connection.sendall(bytes(range(256)) * 4)


def ssh(server: Server, connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    connection.recv(4096)


def closing(server: Server, connection: socket.socket) -> None:
    """Takes a connection, and closes it once something comes."""
    connection.recv(4096)


def hanging_up(server: Server, connection: socket.socket) -> None:
    """Closes what connects, whatever would have come."""


def context(
    server: certs.Certificate, client_ca: certs.Certificate | None = None, *, optional: bool = False
) -> ssl.SSLContext:
    """How a server speaks TLS: with a client CA, it demands a certificate of it, or asks for one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(server.pem + server.key_pem)
        file.flush()
        made.load_cert_chain(file.name)
    if client_ca is not None:
        made.load_verify_locations(cadata=client_ca.pem)
        made.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    return made
