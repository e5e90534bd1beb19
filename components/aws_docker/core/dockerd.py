"""Decides what a dockerd exposes, from its flags and configuration file. Pure.

The policy pack and the audit judge other people's daemons here, and the component its own. Reading flags out of
user-data or off a machine is for the callers. How dockerd reads its flags and its file is taken from moby (20.10.24 and
29.7.2: cmd/dockerd, later daemon/command; daemon/config; opts/hosts.go) and was tried on both.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from .dockerd_flags import UNKNOWN, VARIABLE, Flags, read_flags
from .dockerd_options import FILE_OPTIONS, FLAG_OPTIONS, OTHER_OPTIONS

__all__ = [
    "UNKNOWN",
    "Access",
    "Binding",
    "DaemonExposure",
    "Listener",
    "TcpAddress",
    "config_file",
    "exposure",
]

DEFAULT_CONFIG_FILE: Final = "/etc/docker/daemon.json"
DEFAULT_SOCKET: Final = "/var/run/docker.sock"

# dockerd flattens every other map in the file, so what stands inside counts as if it stood outside.
_KEPT_MAPS: Final = frozenset(name for name, kind in FILE_OPTIONS.items() if kind == "a map") - {"proxies"}


class Access(StrEnum):
    """What a listener asks of whoever connects; from the safest to the most open."""

    LOCAL = "local"
    """A Unix socket: reached on the machine, with the file's permissions."""
    MUTUAL_TLS = "mutual-tls"
    """A client certificate of the named CA."""
    UNREADABLE = "unreadable"
    """It cannot be told from what was given."""
    PUBLIC_AUTHORITIES = "tls-with-public-authorities"
    """A client certificate of any CA that the operating system trusts: anybody can get one."""
    NO_CLIENT_CHECK = "tls-without-client-check"
    """Nothing: TLS encrypts, and whoever connects is root."""
    UNAUTHENTICATED = "unauthenticated"
    """Nothing, in clear text: whoever connects is root."""


class Binding(StrEnum):
    """From where packets can come to a listener."""

    MACHINE = "this machine"
    LOOPBACK = "loopback"
    ADDRESS = "one address"
    EVERY_ADDRESS = "every address"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Listener:
    """A place where dockerd serves the Docker API."""

    kind: str
    """unix, fd, tcp, or unknown."""
    address: str
    """The path of a socket, or the address or host name; as it is written."""
    port: int | None
    access: Access
    binding: Binding
    reason: str
    """A sentence: why the access is as it is."""

    @property
    def safe(self) -> bool:
        """Whether nobody gets in without the machine's or the CA's leave."""
        return self.access in (Access.LOCAL, Access.MUTUAL_TLS)

    def __str__(self) -> str:
        if self.kind != "tcp":
            return f"{self.kind}://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"tcp://{host}:{'?' if self.port is None else self.port}"


@dataclass(frozen=True, slots=True)
class DaemonExposure:
    """What a dockerd started like this exposes."""

    listeners: tuple[Listener, ...]
    """Its listeners: where it refuses to start, those that it would open were it not for that."""
    refusals: tuple[str, ...] = ()
    """Why dockerd refuses to start, a sentence each. No protection: the next edit may mend it."""
    unread: tuple[str, ...] = ()
    """What could add listeners or undo TLS and cannot be told from here, a sentence each."""
    notes: tuple[str, ...] = ()
    """What else it opens or accepts that deserves a look, a sentence each."""
    only_reports: bool = False
    """Whether it prints something and exits (--version, --help, --validate): then it opens nothing."""

    @property
    def starts(self) -> bool:
        """Whether nothing is known that keeps dockerd from starting."""
        return not self.refusals

    @property
    def safe(self) -> bool:
        """Whether all was read and every listener is safe."""
        return not self.unread and all(listener.safe for listener in self.listeners)

    @property
    def worst(self) -> Access:
        """The most open verdict among the listeners."""
        order = list(Access)
        return max((listener.access for listener in self.listeners), key=order.index, default=Access.LOCAL)


# --- Judging -------------------------------------------------------------------------------------------------------


def exposure(
    argv: Sequence[str],
    daemon_json: Mapping[str, Any] | None = None,
    *,
    socket_streams: Sequence[str] = (),
) -> DaemonExposure:
    """What dockerd exposes when started with these arguments.

    `argv` is its command line split into words, with or without the program's own name. `daemon_json` is what stands
    in the file that `config_file(argv)` names, None where there is no such file. `socket_streams` are the ListenStream
    values of the systemd socket that `fd://` stands for; without any, the stock docker.socket: a Unix socket.

    dockerd's environment is left out: DOCKER_TLS_VERIFY there turns nothing on (tried), and nothing there opens a
    listener.
    """
    flags = read_flags(argv)
    refusals = list(flags.refusals)
    unread = list(flags.unread)
    file = _flat(daemon_json or {})
    if daemon_json is None and (named := flags.last("config-file")):
        unread.append(f"the configuration file {named} was not given")
    refusals += _file_refusals(file, flags)

    tls = _tls(flags, file)
    if tls.refusal:
        refusals.append(tls.refusal)
    specs = [host.strip() for host in (*flags.values.get("host", ()), *_hosts(file.get("hosts")))]
    specs = list(dict.fromkeys(spec for spec in specs if spec))
    if not specs:
        # dockerd's default; without an address, TLS moves it from the socket to loopback.
        specs = ["tcp://localhost:2376"] if tls.without_address else [f"unix://{DEFAULT_SOCKET}"]
    listeners: list[Listener] = []
    for spec in specs:
        found, problem = _listen(spec, tls, socket_streams)
        listeners += found
        if problem:
            refusals.append(problem)
    return DaemonExposure(
        tuple(listeners), tuple(refusals), tuple(unread), tuple(_notes(flags, file)), flags.only_reports
    )


def config_file(argv: Sequence[str]) -> str:
    """The path of the configuration file that dockerd reads when started with these arguments."""
    return read_flags(argv).last("config-file") or DEFAULT_CONFIG_FILE


def _flat(daemon_json: Mapping[str, Any]) -> dict[str, Any]:
    # daemon/config configValuesSet
    flat: dict[str, Any] = {}
    for key, value in daemon_json.items():
        if isinstance(value, Mapping) and key not in _KEPT_MAPS:
            flat |= dict.fromkeys(cast(Mapping[str, Any], value))
        else:
            flat[key] = value
    return flat


def _hosts(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else cast(Sequence[Any], value if _is_list(value) else [])
    return [host for host in given if isinstance(host, str)]


def _file_refusals(file: Mapping[str, Any], flags: Flags) -> list[str]:
    refusals: list[str] = []
    for key, value in file.items():
        kind = FILE_OPTIONS.get(key) or ("a string" if key in OTHER_OPTIONS or key in FLAG_OPTIONS else None)
        if kind is None:
            refusals.append(f"dockerd knows no option {key!r}")
        elif key in ("tls", "tlsverify") and not isinstance(value, bool | None):
            refusals.append(f"the option {key!r} must be true or false")
        elif key == "hosts" and value is not None and not _is_list(value):
            refusals.append("the option 'hosts' must be a list of strings")
    for flag in flags.values:
        option = FLAG_OPTIONS.get(flag, flag)
        if option in file and option != "runtimes":
            refusals.append(f"{option!r} stands both on the command line and in the configuration file")
    return refusals


class _Tls(NamedTuple):
    access: Access
    reason: str
    without_address: bool = False
    """Whether dockerd without any address then listens on loopback instead of its socket."""
    refusal: str | None = None


def _tls(flags: Flags, file: Mapping[str, Any]) -> _Tls:
    # moby setDefaultOptions, loadDaemonCliConfig and newAPIServerTLSConfig, in their order.
    flag_tls, flag_verify = flags.truth("tls"), flags.truth("tlsverify")
    if flag_verify is not None:
        flag_tls = True
    on_flags = flag_tls is True
    # With tlsverify in the file alone, 20.10 then listens on loopback, and 29 on its socket.
    without_address = on_flags or file.get("tls") is True or "tlsverify" in file
    # A false in the file counts as absent where a flag says something.
    tls = True if file.get("tls") is True else _first(flag_tls, file.get("tls"))
    verify = True if file.get("tlsverify") is True else _first(flag_verify, file.get("tlsverify"))
    if "tlsverify" in file:
        tls = True
    if verify is None:
        verify = tls

    named = [name for name in ("tlscacert", "tlscert", "tlskey") if flags.option(name) or file.get(name)]
    if tls is not True:
        if named:
            reason = "certificates are named but tlsverify is not set, so dockerd ignores them and serves plain HTTP"
        elif flag_tls is False or file.get("tls") is False:
            reason = "TLS is switched off, so whoever connects is root"
        else:
            reason = "nothing asks for TLS, so whoever connects is root"
        return _Tls(Access.UNAUTHENTICATED, reason)

    refusal = None
    if not on_flags and not (file.get("tlscert") and file.get("tlskey")):
        refusal = "TLS is on in the configuration file, which does not name both tlscert and tlskey"
    if verify is not True:
        reason = "tlsverify is false, which turns TLS on but asks no client for a certificate: whoever connects is root"
        return _Tls(Access.NO_CLIENT_CHECK, reason, without_address, refusal)
    # Flags for certificates count only where a flag turns TLS on; then the default is a file that must exist.
    on_command_line = (
        (flags.option("tlscacert") if "tlscacert" in flags.values else "~/.docker/ca.pem")
        if on_flags
        else None
    )
    if not (file.get("tlscacert") or on_command_line):
        reason = (
            "client certificates are checked, but no tlscacert is in force, so any that the operating system's "
            "authorities signed are accepted"
        )
        return _Tls(Access.PUBLIC_AUTHORITIES, reason, without_address, refusal)
    reason = "clients need a certificate that tlscacert signed"
    return _Tls(Access.MUTUAL_TLS, reason, without_address, refusal)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _listen(spec: str, tls: _Tls, socket_streams: Sequence[str]) -> tuple[list[Listener], str | None]:
    # moby opts.ParseDaemonHost and listeners.Init
    kind, separator, rest = spec.partition("://")
    if VARIABLE.search(kind) and (separator or VARIABLE.match(kind)):
        reason = f"{spec} cannot be read here: it may be a TCP listener, where {tls.reason}"
        access = tls.access if tls.access is Access.MUTUAL_TLS else Access.UNREADABLE
        return [Listener("unknown", spec, None, access, Binding.UNKNOWN, reason)], None
    problem = None
    if not separator:
        kind, rest = "tcp", spec
    if kind.lower() != kind:
        problem, kind = (
            f"dockerd takes no address such as {spec}: write the scheme in small letters",
            kind.lower(),
        )
    if kind == "unix":
        return [_unix("unix", rest or DEFAULT_SOCKET)], problem
    if kind == "fd":
        found = [_stream(stream, tls) for stream in socket_streams] or [_unix("fd", rest)]
        return found, problem
    if kind == "tcp":
        address = TcpAddress.parse(rest)
        if address.problem and not problem:
            problem = f"dockerd takes no address such as {spec}: {address.problem}"
        return [address.listener(tls.access, tls.reason)], problem
    return [], f"dockerd takes no address such as {spec}: the scheme must be unix, fd or tcp"


def _unix(kind: str, path: str) -> Listener:
    if path.startswith("@"):
        reason = "an abstract socket has no owner and no permissions, so every process of the machine is root"
        return Listener(kind, path, None, Access.UNAUTHENTICATED, Binding.MACHINE, reason)
    reason = "a Unix socket is reached on the machine only, with the file's permissions"
    return Listener(kind, path, None, Access.LOCAL, Binding.MACHINE, reason)


def _stream(stream: str, tls: _Tls) -> Listener:
    # systemd.socket(5), ListenStream=
    stream = stream.strip()
    if stream.startswith(("/", "@", "%")):
        return _unix("fd", stream)
    return TcpAddress.of_stream(stream).listener(tls.access, tls.reason)


class TcpAddress(NamedTuple):
    """An address that a daemon is told to listen on."""

    host: str
    """As it is written; `localhost` where none is."""
    port: int | None
    """None where it cannot be told; 2375 where none is written, also with TLS."""
    binding: "Binding"
    problem: str | None = None
    """Why dockerd would not take it, a predicate."""

    @classmethod
    def parse(cls, text: str) -> "TcpAddress":
        """What stands after `tcp://`, as dockerd reads it (moby opts.ParseTCPAddr)."""
        authority, path = re.fullmatch(r"([^/?#]*)(.*)", text, re.S).groups()  # pyright: ignore[reportOptionalMemberAccess]
        authority = authority.rpartition("@")[2]
        bracketed = re.fullmatch(r"\[(.*)\](?::(.*))?", authority)
        if bracketed:
            host, port = bracketed[1], bracketed[2] or ""
        else:
            host, separator, port = authority.rpartition(":")
            if not separator:
                host, port = authority, ""
        problem = "it must not have a path" if path.startswith("/") else None
        number: int | None = 2375
        if port:
            number = int(port) if re.fullmatch(r"\d{1,5}", port, re.A) else None
            if not VARIABLE.search(port) and (number is None or number > 65_535):
                problem = f"{port} is not a port"
        host = host or "localhost"
        return cls(host, number, _binding(host), problem)

    @classmethod
    def of_stream(cls, stream: str) -> "TcpAddress":
        """The address of a ListenStream that is no path (systemd.socket(5)): a port alone is every address."""
        if re.fullmatch(r"\d{1,5}", stream, re.A):
            return cls("::", int(stream), Binding.EVERY_ADDRESS)
        return cls.parse(stream)

    def listener(self, access: "Access", reason: str) -> "Listener":
        """A listener there."""
        return Listener("tcp", self.host, self.port, access, self.binding, reason)


def _binding(host: str) -> Binding:
    if host == "localhost":
        return Binding.LOOPBACK
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # The system's resolver reads "0", "0x0" and "00.0.0.0" as 0.0.0.0, and Go may ask it.
        return Binding.EVERY_ADDRESS if "0" in host and not host.strip("0xX.") else Binding.UNKNOWN
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return Binding.EVERY_ADDRESS  # Go listens on IPv6 too when asked for 0.0.0.0 (tried)
    return Binding.LOOPBACK if address.is_loopback else Binding.ADDRESS


def _notes(flags: Flags, file: Mapping[str, Any]) -> list[str]:
    notes: list[str] = []

    def given(name: str) -> Any:
        return flags.last(name) or file.get(name)

    if given("metrics-addr"):
        notes.append(f"metrics are served at {given('metrics-addr')} in clear text to whoever connects")
    if given("network-diagnostic-port"):
        notes.append(
            f"network diagnostics listen on loopback port {given('network-diagnostic-port')} without any check"
        )
    if given("api-cors-header"):
        notes.append("api-cors-header lets web pages use the Docker API")
    if flags.truth("tls") is True and "tlsverify" not in flags.values:
        notes.append("--tls alone checks client certificates since 20.10 only: write --tlsverify")
    if "host" in file:
        notes.append("the option 'host' is ignored: dockerd's option is called 'hosts'")
    return notes


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
