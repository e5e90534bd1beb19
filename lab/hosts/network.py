"""The lab's wires: namespaces for a router, clients inside and outside the trusted networks, and each booted host.

Nothing here touches a network that the lab did not make. Every namespace carries the lab's prefix and is removed at
the end; what a killed run left behind is removed by the next one. `run_in` and `within` are the one way in which
clients of a host are run: they know no other namespaces, and guard.py refuses clients that go without them.
"""

import contextlib
import ctypes
import ipaddress
import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lab import folders
from lab.guard import NAMESPACES, PREFIX, check, command_in

METADATA_IPV4 = "169.254.169.254"
METADATA_IPV6 = "fd00:ec2::254"

_CLONE_NEWNET = 0x40000000
_Result = TypeVar("_Result")


def ip(*argv: str, namespace: str | None = None) -> None:
    command = ["ip", *(["-n", namespace] if namespace else []), *argv]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def run_in(namespace: str, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in one of the lab's namespaces, as a process of that host would."""
    return subprocess.run(command_in(namespace, argv), capture_output=True, text=True, **options)


def enter(namespace: str) -> None:
    """Have this thread's sockets belong to one of the lab's namespaces from now on."""
    check(namespace)
    with (NAMESPACES / namespace).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def within(namespace: str, function: Callable[[], _Result]) -> _Result:
    """Call a function whose sockets belong to a namespace, in a thread of its own."""
    results: list[_Result] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            enter(namespace)
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _ours() -> list[str]:
    return sorted(p.name for p in NAMESPACES.glob(f"{PREFIX}-*")) if NAMESPACES.exists() else []


def clean(everything: bool = False) -> list[str]:
    """Remove the namespaces of runs that are no more (of every run, if asked); returns their names."""
    owners = {name: name.removeprefix(f"{PREFIX}-").split("-")[0] for name in _ours()}
    removed = [name for name, owner in owners.items() if everything or not folders.is_alive(owner)]
    for name in removed:
        _delete(name)
    return removed


def _delete(name: str) -> None:
    try:
        ip("netns", "delete", name)
    except RuntimeError:
        if name in _ours():  # else another run has cleaned up, too
            raise


class Network:
    """A router with two clients, and a host, which is wired to it as it boots.

    One host at a time: the router's namespace has one metadata service, which answers for one instance.
    """

    def __init__(self, trusted: str = "10.0.5.20/24", outside: str = "10.0.6.20/24") -> None:
        clean()
        self._prefix = f"{PREFIX}-{os.getpid()}-{os.urandom(2).hex()}"
        self._wires: dict[str, int] = {}
        self.router = self._router("router")
        self.trusted = self.client("trusted", trusted, "2001:db8:5::20/64")
        self.outside = self.client("outside", outside, "2001:db8:6::20/64")

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for name in _ours():
            if name.startswith(self._prefix):
                _delete(name)

    def _namespace(self, role: str) -> str:
        name = f"{self._prefix}-{role}"
        ip("netns", "add", name)
        ip("link", "set", "lo", "up", namespace=name)
        return name

    def _router(self, role: str) -> str:
        name = self._namespace(role)
        # A host behind one router finds one behind another by the routers' answers, at once.
        for key in (
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.default.proxy_arp=1",
            "net.ipv4.neigh.default.proxy_delay=0",
        ):
            run_in(name, ["sysctl", "-qw", key])
        ip("address", "add", f"{METADATA_IPV4}/32", "dev", "lo", namespace=name)
        ip("address", "add", f"{METADATA_IPV6}/128", "dev", "lo", "nodad", namespace=name)
        return name

    def client(self, role: str, *addresses: str) -> str:
        """A namespace with these addresses (with prefix length), and the router as its gateway."""
        name = self._namespace(role)
        self._wire(name, "eth0", addresses)
        return name

    def add_address(self, namespace: str, address: str) -> None:
        """One more address for a client, which the router routes to it."""
        interface = ipaddress.ip_interface(address)
        ip("address", "add", str(interface.ip), "dev", "eth0", *_nodad(interface), namespace=namespace)
        ip("route", "replace", str(interface.ip), "dev", f"to{self._wires[namespace]}", namespace=self.router)

    def remove_address(self, namespace: str, address: str) -> None:
        ip("route", "delete", address, namespace=self.router)
        ip("address", "delete", address, "dev", "eth0", namespace=namespace)

    def host(self, private_ip: str, subnet: str, ipv6: Sequence[str] = ()) -> str:
        """A fresh namespace for one boot of a host, with its network interface `ens5` as EC2 would attach it."""
        return self.host_behind(self.router, private_ip, subnet, ipv6)

    def host_behind(self, router: str, private_ip: str, subnet: str, ipv6: Sequence[str]) -> str:
        """The same, wired to this router."""
        length = ipaddress.ip_network(subnet).prefixlen
        name = self._namespace(f"host{len(self._wires)}")
        self._wire(
            name, "ens5", [f"{private_ip}/{length}", *(f"{address}/64" for address in ipv6)], router=router
        )
        return name

    def site(self) -> tuple[str, str]:
        """A router behind the network's, and the address by which that one reaches it."""
        number = len(self._wires)
        name = self._router(f"site{number}")
        near, far = f"198.19.{number}.1", f"198.19.{number}.2"
        self._wires[name] = number
        ip(
            "link",
            "add",
            f"to{number}",
            "type",
            "veth",
            "peer",
            "name",
            "up0",
            "netns",
            name,
            namespace=self.router,
        )
        ip("address", "add", f"{near}/30", "dev", f"to{number}", namespace=self.router)
        ip("link", "set", f"to{number}", "up", namespace=self.router)
        ip("address", "add", f"{far}/30", "dev", "up0", namespace=name)
        ip("link", "set", "up0", "up", namespace=name)
        ip("route", "add", "default", "via", near, namespace=name)
        return name, far

    def gateway_device(self, namespace: str) -> str:
        """The router's end of the wire to a namespace."""
        return f"to{self._wires[namespace]}"

    def remove(self, namespace: str) -> None:
        if namespace in _ours():
            _delete(namespace)

    def _wire(self, name: str, device: str, addresses: Sequence[str], router: str = "") -> None:
        router = router or self.router
        self._wires[name] = len(self._wires)
        end = f"to{self._wires[name]}"
        ip("link", "add", end, "type", "veth", "peer", "name", device, "netns", name, namespace=router)
        ip("link", "set", end, "up", namespace=router)
        ip("link", "set", device, "up", namespace=name)
        for address in addresses:
            interface = ipaddress.ip_interface(address)
            gateway = interface.network.network_address + 1
            length = interface.network.prefixlen
            if router != self.router:
                # Every other address of the subnet is elsewhere: this router answers for it.
                length = interface.max_prefixlen
                host = f"{interface.ip}/{length}"
                ip("route", "add", host, "dev", end, namespace=router)
            ip("address", "add", f"{gateway}/{length}", "dev", end, *_nodad(interface), namespace=router)
            ip("address", "add", address, "dev", device, *_nodad(interface), namespace=name)
            ip("route", "replace", "default", "via", str(gateway), "dev", device, namespace=name)


class Site:
    """A place in a network for one host more: a router of its own, with its own metadata service, behind the network's.

    Hosts of one subnet believe each other on their link; their routers answer for the others (proxy ARP).
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.trusted, self.outside = network.trusted, network.outside
        self.router, self._link = network.site()

    def host(self, private_ip: str, subnet: str, ipv6: Sequence[str] = ()) -> str:
        """As Network's; the other sites' hosts reach it, and it reaches them."""
        name = self._network.host_behind(self.router, private_ip, subnet, ipv6)
        ip("route", "replace", f"{private_ip}/32", "via", self._link, namespace=self._network.router)
        return name

    def remove(self, namespace: str) -> None:
        self._network.remove(namespace)


def _nodad(interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> list[str]:
    return ["nodad"] if interface.version == 6 else []


def listen_in(namespace: str, address: str, port: int) -> socket.socket:
    """A listening TCP socket that belongs to a namespace, for a server in this process."""

    def make() -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, port))
            server.listen(128)
        except BaseException:
            server.close()
            raise
        return server

    return within(namespace, make)


class Relay(socketserver.ThreadingTCPServer):
    """Brings a server on this machine's loopback to the loopback of a namespace, on the same port, until closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, namespace: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _PassOn, bind_and_activate=False)
        self.socket.close()
        self.socket = listen_in(namespace, "127.0.0.1", port)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,))
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        super().__exit__(*error)


class _PassOn(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(self.server.server_address) as outside:
            back = threading.Thread(target=_pass_on, args=(outside, self.request), daemon=True)
            back.start()
            _pass_on(self.request, outside)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
