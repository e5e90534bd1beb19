"""What the probe costs beside nmap, at the same verdicts: closed, open and filtered ports, and its memory.

Everything happens in a namespace of the run's own: loopback for closed and open ports, a client and a router that drops
for filtered ones. nmap's time is what it says itself, without its start; ours is the call, without imports. Needs root,
nmap, ip and nft.
"""

import ipaddress
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from aws_docker.audit.probing import probe
from aws_docker.audit.results import ProbeReport
from aws_docker.audit.verdicts import Verdict
from benchmarks.figures import Figure
from lab.hosts import network

MANY = "127.9.0.0/20"
FEW_SPEAK = "127.9.7.0/26"
ALL_SPEAK = "127.9.0.0/24"
UNREACHED = "10.0.9.0/25"
_RUNS = 3


def figures() -> Iterator[Figure]:
    with network.Network() as wires:
        loopback = wires.trusted
        ours, theirs = _beside_nmap(loopback, MANY, {Verdict.CLOSED: 8192}, "closed")
        yield Figure("probe of 4,096 addresses, closed", ours, theirs, "nmap -sT", bound=1.5)
        with _tls_servers(loopback, FEW_SPEAK):
            expected = {Verdict.CLOSED: 8192 - 64, Verdict.MUTUAL_TLS: 64}
            ours, theirs = _beside_nmap(loopback, MANY, expected, "closed")
            yield Figure(
                "probe of 4,096 addresses, 64 of them with mutual TLS", ours, theirs, "nmap -sT", bound=1.5
            )
        with _listeners(loopback):
            ours, theirs = _beside_nmap(loopback, MANY, {Verdict.REFUSED: 8192}, "open")
            yield Figure("probe of 4,096 addresses, open and closing", ours, theirs, "nmap -sT", bound=1.5)
        with _tls_servers(loopback, ALL_SPEAK):
            ours, theirs = _beside_handshakes(loopback)
            yield Figure("probe of 256 mutual-TLS servers", ours, theirs, "their bare handshakes", bound=1.5)
        yield Figure(
            "memory of a probe, 65,536 addresses to 256",
            _memory(loopback, "127.8.0.0/16"),
            _memory(loopback, "127.8.0.0/24"),
            "the same for 256",
            unit="MiB",
            bound=1.1,
        )
        _drop(wires)
        ours = _time(wires.trusted, UNREACHED, {Verdict.FILTERED: 256})
        theirs = _nmap(wires.trusted, UNREACHED, "filtered")
        yield Figure("probe of 128 addresses, filtered", ours, theirs, "nmap -sT", bound=1 / 20)


def _beside_nmap(
    namespace: str, targets: str, expected: dict[Verdict, int], state: str
) -> tuple[float, float]:
    return _medians(lambda: _time(namespace, targets, expected), lambda: _nmap(namespace, targets, state))


def _medians(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Turn and turn about: the machine is not ours alone."""
    runs = [(ours(), theirs()) for _ in range(_RUNS)]
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def _time(namespace: str, targets: str, expected: dict[Verdict, int]) -> float:

    def run() -> tuple[float, ProbeReport]:
        started = time.perf_counter()
        report = probe([targets])
        return time.perf_counter() - started, report

    seconds, report = network.within(namespace, run)
    if report.counts != expected:
        raise RuntimeError(f"the probe of {targets} saw {report.counts}, not {expected}")
    return seconds


def _nmap(namespace: str, targets: str, state: str) -> float:
    command = ["nmap", "-n", "-Pn", "-sT", "-p", "2375,2376", "-oG", "-", targets]
    done = network.run_in(namespace, command)
    if f"/{state}/" not in done.stdout:
        raise RuntimeError(f"nmap saw no {state} port of {targets}: {done.stdout[-300:]}{done.stderr}")
    return float(done.stdout.rsplit(" scanned in ", 1)[1].split(" ")[0])


def _beside_handshakes(namespace: str) -> tuple[float, float]:
    expected = {Verdict.CLOSED: 256, Verdict.MUTUAL_TLS: 256}
    return _medians(
        lambda: _time(namespace, ALL_SPEAK, expected), lambda: network.within(namespace, _handshakes)
    )


def _handshakes() -> float:
    """Seconds to be refused by every server, one after the other: what TLS alone costs here, with Python's ssl."""
    started = time.perf_counter()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for address in ipaddress.ip_network(ALL_SPEAK):
        with (
            socket.create_connection((str(address), 2376), timeout=5) as plain,
            context.wrap_socket(plain) as secured,
            suppress(ssl.SSLError),
        ):
            secured.recv(1)
    return time.perf_counter() - started


def _memory(namespace: str, targets: str) -> float:
    """The most that a process of its own holds, in MiB."""
    program = (
        "import resource, sys; from aws_docker.audit.probing import probe; probe([sys.argv[1]]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = network.run_in(namespace, [sys.executable, "-c", program, targets])
    return int(done.stdout) / 1024


@contextmanager
def _listeners(namespace: str) -> Iterator[None]:
    """Servers on every loopback address that close what connects, in a process of their own."""
    program = (
        "import socket, threading\n"
        "def serve(server):\n"
        "    while True:\n"
        "        server.accept()[0].close()\n"
        "servers = [socket.create_server(('0.0.0.0', port), backlog=4096) for port in (2375, 2376)]\n"
        "threading.Thread(target=serve, args=[servers[0]], daemon=True).start()\n"
        "print('ready', flush=True)\n"
        "serve(servers[1])\n"
    )
    with _process(namespace, program):
        yield


@contextmanager
def _tls_servers(namespace: str, addresses: str) -> Iterator[None]:
    """Mutual TLS on 2376 of a few loopback addresses, in a process of its own."""
    program = (
        "import ipaddress, selectors, socket, ssl, tempfile\n"
        "from lab.hosts import certs\n"
        "ca = certs.authority('ca'); leaf = certs.leaf(ca, [certs.SERVER], ['127.0.0.1'])\n"
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
        "file = tempfile.NamedTemporaryFile('w'); file.write(leaf.pem + leaf.key_pem); file.flush()\n"
        "context.load_cert_chain(file.name); context.load_verify_locations(cadata=ca.pem)\n"
        "context.verify_mode = ssl.CERT_REQUIRED\n"
        "selector = selectors.DefaultSelector()\n"
        f"for address in ipaddress.ip_network('{addresses}'):\n"
        "    selector.register(socket.create_server((str(address), 2376), backlog=64), selectors.EVENT_READ)\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for key, _ in selector.select():\n"
        "        plain = key.fileobj.accept()[0]\n"
        "        plain.settimeout(1)\n"
        "        try:\n"
        "            context.wrap_socket(plain, server_side=True).close()\n"
        "        except OSError:\n"
        "            plain.close()\n"
    )
    with _process(namespace, program):
        yield


@contextmanager
def _process(namespace: str, program: str) -> Iterator[None]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the benchmark's servers did not start")
        yield
    finally:
        process.kill()
        process.communicate()


def _drop(wires: network.Network) -> None:
    rules = (
        "table inet t { chain c { type filter hook prerouting priority 0; tcp dport { 2375, 2376 } drop; }; }"
    )
    network.run_in(wires.router, ["nft", rules]).check_returncode()
