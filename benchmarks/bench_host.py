"""How soon a host answers, and what mutual TLS costs its clients, on a host that really boots.

From the boot to the first answer, beside user-data that only installs Docker and serves its Unix socket. Then requests
and builds by mutual TLS, by the Unix socket (which no other machine can use) and by `ssh://` (the usual alternative),
on one host, from the trusted network of the lab. Needs root, and what boots hosts; sshd comes from Debian's package.
"""

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import sshd
from benchmarks.figures import Figure, in_turns, timed
from lab import folders
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from lab.hosts import image, network
from lab.hosts.machine import Machine

ROOT = Path(__file__).parent.parent
_PLAIN = "#!/bin/sh\nset -e\nexport DEBIAN_FRONTEND=noninteractive\napt-get update\n{install}\n"
_INSTALL = "apt-get install -y --no-install-recommends docker.io"
_BOOTS = 3
_CONNECTIONS = {"TLS": 200, "socket": 200, "ssh": 5}
_KEPT = 2_000
_CONTEXT_MIB = 64
_ASK = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
_ASK_ONCE = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        lab = Lab.start(stack)
        ours, plain = in_turns(lab.boot_ours, lab.boot_plain, runs=_BOOTS)
        yield Figure(
            "boot to the first answer by mutual TLS",
            ours,
            plain,
            "user-data that only installs Docker",
            bound=1.1,
        )
        lab.boot_ours()
        lab.host.wait_ready()
        sshd.serve(lab.host, lab.namespace, lab.folder)
        yield from _requests(lab)
        yield from _builds(lab, stack)


def _requests(lab: "Lab") -> Iterator[Figure]:
    tls, unix, ssh = in_turns(
        lambda: _connect(_CONNECTIONS["TLS"], lab.connect_tls, lab.namespace),
        lambda: _connect(_CONNECTIONS["socket"], lab.connect_socket, lab.namespace),
        lambda: _ask_by_ssh(_CONNECTIONS["ssh"], lab),
    )
    rates = [tls.per(_CONNECTIONS["TLS"]), unix.per(_CONNECTIONS["socket"]), ssh.per(_CONNECTIONS["ssh"])]
    for peer, name, bound in ((rates[1], "the Unix socket", None), (rates[2], "ssh://", 1)):
        what = "requests, each on a connection of its own, by mutual TLS"
        yield Figure(
            f"{what}, against {name}", rates[0], peer, name, "per s", more_is_better=True, bound=bound
        )
    kept = in_turns(
        lambda: _keep(_KEPT, lab.connect_tls, lab.namespace),
        lambda: _keep(_KEPT, lab.connect_socket, lab.namespace),
    )
    ours, peer = (each.per(_KEPT) for each in kept)
    yield Figure(
        "requests on one connection, by mutual TLS",
        ours,
        peer,
        "the Unix socket",
        "per s",
        more_is_better=True,
        bound=3,
    )


def _builds(lab: "Lab", stack: ExitStack) -> Iterator[Figure]:
    context = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dockerhost-bench-")))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    # Random: neither end may compress it, nor know it from the last time.
    content = context / "content"

    def build(host: str) -> float:
        content.write_bytes(os.urandom(_CONTEXT_MIB * 2**20))
        return timed(lambda: lab.docker(host, "build", "--quiet", str(context)))()

    tls, unix, ssh = in_turns(lambda: build("tls"), lambda: build("socket"), lambda: build("ssh"))
    name = f"docker build of {_CONTEXT_MIB} MiB, by mutual TLS"
    yield Figure(f"{name}, against the Unix socket", tls, unix, "the Unix socket", bound=1.5)
    yield Figure(f"{name}, against ssh://", tls, ssh, "ssh://", bound=1.1)


# --- Clients -------------------------------------------------------------------------------------------------------


def _connect(times: int, connect: Callable[[], socket.socket], namespace: str) -> float:
    """Seconds for so many requests, each on a connection of its own."""

    def ask() -> float:
        started = time.perf_counter()
        for _ in range(times):
            with connect() as link:
                link.sendall(_ASK_ONCE)
                _expect_ok(link.recv(65_536))
        return time.perf_counter() - started

    return network.within(namespace, ask)


def _keep(times: int, connect: Callable[[], socket.socket], namespace: str) -> float:
    """Seconds for so many requests on one connection."""

    def ask() -> float:
        with connect() as link:
            started = time.perf_counter()
            for _ in range(times):
                link.sendall(_ASK)
                answer = link.recv(65_536)
                while not answer.endswith(b"OK"):
                    answer += link.recv(65_536)
            return time.perf_counter() - started

    return network.within(namespace, ask)


def _ask_by_ssh(times: int, lab: "Lab") -> float:
    """The same by what `docker -H ssh://` runs for each connection."""
    command = [str(lab.ssh), "-l", "root", "--", lab.host.private_ip, "docker", "system", "dial-stdio"]
    started = time.perf_counter()
    for _ in range(times):
        done = network.run_in(lab.namespace, command, input=_ASK_ONCE.decode())
        _expect_ok(done.stdout.encode() or done.stderr.encode())
    return time.perf_counter() - started


def _expect_ok(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"/_ping answered {answer[:200]!r}")


# --- The host ------------------------------------------------------------------------------------------------------


@dataclass
class Lab:
    """A stack of the engine, with one instance of each kind, booted in turns: an address is one machine's at a time."""

    cloud: Cloud
    wires: network.Network
    base: image.Image
    outputs: dict[str, Any]
    plain: str
    folder: Path
    stack: ExitStack
    host: Machine
    engine: Stack
    """The stack that the host is of."""

    @classmethod
    def start(cls, stack: ExitStack) -> "Lab":
        base = image.ensure()
        folders.clean()
        cloud = stack.enter_context(Cloud())
        config = {"trustedCidrs": ["10.0.5.0/24"], "os": base.system}
        made = stack.enter_context(Stack(cloud, ROOT / "examples/quickstart", config))
        made.up().check()
        outputs = made.outputs()
        # The same image and subnet, and what a guide's five lines would do.
        ec2 = cloud.client("ec2")
        (ours,) = ec2.describe_instances(InstanceIds=[outputs["instance_id"]])["Reservations"][0]["Instances"]
        started = ec2.run_instances(
            ImageId=ours["ImageId"],
            SubnetId=ours["SubnetId"],
            InstanceType="t3.medium",
            MinCount=1,
            MaxCount=1,
            UserData=_PLAIN.format(install=_INSTALL),
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dockerhost-bench-")))
        for name in ("ca", "cert", "key"):
            (folder / f"{name}.pem").touch(0o600)
            (folder / f"{name}.pem").write_text(outputs[f"{name}_material"])
        wires = stack.enter_context(network.Network())
        host = Machine(cloud, outputs["instance_id"], wires, base)
        lab = cls(
            cloud, wires, base, outputs, started["Instances"][0]["InstanceId"], folder, stack, host, made
        )
        stack.callback(lambda: lab.host.stop())
        return lab

    @property
    def namespace(self) -> str:
        return self.wires.trusted

    @property
    def ssh(self) -> Path:
        """The ssh that Docker's client finds first: as a user's, with this host's key in its settings."""
        return self.folder / "bin" / "ssh"

    def boot_ours(self) -> float:
        """Seconds from power on to the first answer by mutual TLS."""
        self._replace(self.outputs["instance_id"])
        return self._until_it_answers(lambda: network.within(self.namespace, self.connect_tls))

    def boot_plain(self) -> float:
        """Seconds from power on to the first answer on the Unix socket."""
        self._replace(self.plain)
        return self._until_it_answers(self.connect_socket)

    def _replace(self, instance: str) -> None:
        self.host.stop()
        self.host = Machine(self.cloud, instance, self.wires, self.base)

    def _until_it_answers(self, connect: Callable[[], socket.socket]) -> float:
        started = time.perf_counter()
        self.host.boot()

        def answers() -> bool:
            try:
                with connect() as link:
                    link.sendall(_ASK_ONCE)
                    return link.recv(100).startswith(b"HTTP/1.1 200")
            except OSError:
                return False

        self.host.wait(answers, "the first answer", 240)
        return time.perf_counter() - started

    def connect_tls(self) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        plain = socket.create_connection((self.host.private_ip, 2376), timeout=5)
        return context.wrap_socket(plain, server_hostname=self.host.private_ip)

    def connect_socket(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.settimeout(5)
            link.connect(self._socket)
        except OSError:
            link.close()
            raise
        return link

    @property
    def _socket(self) -> str:
        # The machine's own files, by its first process: /run is a file system of its own there.
        return f"/proc/{self.host._leader()}/root/run/docker.sock"

    def docker(self, how: str, *arguments: str) -> None:
        """Docker's client, on this host by one of three ways."""
        ways = {
            "tls": [
                f"DOCKER_HOST={self.outputs['endpoint']}",
                "DOCKER_TLS_VERIFY=1",
                f"DOCKER_CERT_PATH={self.folder}",
            ],
            "socket": [f"DOCKER_HOST=unix://{self._socket}"],
            "ssh": [f"DOCKER_HOST=ssh://root@{self.host.private_ip}"],
        }
        # The builder of old, which sends the whole context each time.
        path = f"PATH={self.ssh.parent}:{os.environ['PATH']}"
        command = ["env", path, "DOCKER_BUILDKIT=0", *ways[how], str(self.base.docker_cli), *arguments]
        done = network.run_in(self.namespace, command)
        if done.returncode:
            raise RuntimeError(f"docker by {how}: {done.stderr[-500:]}")
