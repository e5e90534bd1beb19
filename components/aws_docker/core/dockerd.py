"""Decides what a dockerd exposes, from its flags and configuration file, and what daemon.json says on our hosts. Pure.

The policy pack and the audit judge other people's daemons here, and the component its own. Reading flags out of
user-data or off a machine is for the callers. How dockerd reads its flags and its file is taken from moby (20.10.24 and
29.7.2: cmd/dockerd, later daemon/command; daemon/config; opts/hosts.go) and was tried on both.
"""

import difflib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from .errors import InvalidInput

DEFAULT_CONFIG_FILE: Final = "/etc/docker/daemon.json"
DEFAULT_SOCKET: Final = "/var/run/docker.sock"


# --- What dockerd knows --------------------------------------------------------------------------------------------

# The options of dockerd 20.10 to 29 that a file may hold, by the kind of their value.
_FILE_OPTIONS: Final[Mapping[str, str]] = {
    name: kind
    for kind, names in {
        "true or false": "allow-direct-routing cri-containerd debug experimental icc init ip-forward "
        "ip-forward-no-drop ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs "
        "rootless selinux-enabled tls tlsverify userland-proxy",
        "a whole number": "cpu-rt-period cpu-rt-runtime default-stop-timeout max-concurrent-downloads "
        "max-concurrent-uploads max-download-attempts mtu network-control-plane-mtu "
        "network-diagnostic-port oom-score-adjust shutdown-timeout",
        "a string": "api-cors-header bip bip6 bridge bridge-accept-fwmark cgroup-parent containerd "
        "containerd-namespace containerd-plugins-namespace data-root default-cgroupns-mode "
        "default-gateway default-gateway-v6 default-ipc-mode default-runtime default-shm-size "
        "exec-root firewall-backend fixed-cidr fixed-cidr-v6 group host-gateway-ip http-proxy "
        "https-proxy init-path ip log-driver log-format log-level metrics-addr min-api-version "
        "no-proxy pidfile seccomp-profile storage-driver swarm-default-advertise-addr tlscacert "
        "tlscert tlskey userland-proxy-path userns-remap",
        "a list of strings": "allow-nondistributable-artifacts authorization-plugins cdi-spec-dirs dns dns-opts "
        "dns-search exec-opts host-gateway-ips hosts insecure-registries labels node-generic-resources "
        "registry-mirrors storage-opts",
        "a list of maps": "default-address-pools",
        "a map": "builder default-network-opts default-ulimits features log-opts nri-opts proxies runtimes",
    }.items()
    for name in names.split()
}

# Flags whose name differs from the option's in the file.
_FLAG_OPTIONS: Final = {
    "add-runtime": "runtimes",
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "default-address-pool": "default-address-pools",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "feature": "features",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}
# What a file on our hosts cannot hold: flags without an option, and options that are gone since 20.10.
_OTHER_OPTIONS: Final = {
    "cluster-advertise": "a string",
    "cluster-store": "a string",
    "cluster-store-opt": "a string",
    "cluster-store-opts": "a map",
    "config-file": "a string",
    "deprecated-key-path": "a string",
    "graph": "a string",
    "restart": "true or false",
}
_ONLY_REPORT: Final = frozenset({"help", "validate", "version"})
_SHORT_FLAGS: Final = {
    "D": "debug",
    "G": "group",
    "H": "host",
    "b": "bridge",
    "g": "graph",
    "h": "help",
    "l": "log-level",
    "p": "pidfile",
    "r": "restart",
    "s": "storage-driver",
    "v": "version",
}
_PROGRAMS: Final = frozenset({"dockerd", "dockerd-ce", "dockerd-entrypoint.sh", "dockerd-rootless.sh"})
# dockerd flattens every other map in the file, so what stands inside counts as if it stood outside.
_KEPT_MAPS: Final = frozenset(name for name, kind in _FILE_OPTIONS.items() if kind == "a map") - {"proxies"}

_VARIABLE: Final = re.compile(r"[$`]")  # what a shell or systemd puts in

# strconv.ParseBool
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


# --- Verdicts ------------------------------------------------------------------------------------------------------


class Verdict(StrEnum):
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


class Reach(StrEnum):
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
    verdict: Verdict
    reach: Reach
    reason: str
    """A sentence: why the verdict is as it is."""

    @property
    def safe(self) -> bool:
        """Whether nobody gets in without the machine's or the CA's leave."""
        return self.verdict in (Verdict.LOCAL, Verdict.MUTUAL_TLS)

    def __str__(self) -> str:
        if self.kind != "tcp":
            return f"{self.kind}://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"tcp://{host}:{'?' if self.port is None else self.port}"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a dockerd started like this exposes."""

    listeners: tuple[Listener, ...]
    """Its listeners: where it refuses to start, those that it would open were it not for that."""
    refusals: tuple[str, ...] = ()
    """Why dockerd refuses to start, a sentence each. No protection: the next edit may mend it."""
    unread: tuple[str, ...] = ()
    """What could add listeners or undo TLS and cannot be told from here, a sentence each."""
    notes: tuple[str, ...] = ()
    """What else it opens or accepts that deserves a look, a sentence each."""

    @property
    def starts(self) -> bool:
        """Whether nothing is known that keeps dockerd from starting."""
        return not self.refusals

    @property
    def safe(self) -> bool:
        """Whether all was read and every listener is safe."""
        return not self.unread and all(listener.safe for listener in self.listeners)

    @property
    def worst(self) -> Verdict:
        """The most open verdict among the listeners."""
        order = list(Verdict)
        return max((listener.verdict for listener in self.listeners), key=order.index, default=Verdict.LOCAL)


# --- Judging -------------------------------------------------------------------------------------------------------


def exposure(
    argv: Sequence[str],
    daemon_json: Mapping[str, Any] | None = None,
    *,
    socket_streams: Sequence[str] = (),
) -> Exposure:
    """What dockerd exposes when started with these arguments.

    `argv` is its command line split into words, with or without the program's own name. `daemon_json` is what stands
    in the file that `config_file(argv)` names, None where there is no such file. `socket_streams` are the ListenStream
    values of the systemd socket that `fd://` stands for; without any, the stock docker.socket: a Unix socket.

    dockerd's environment is left out: DOCKER_TLS_VERIFY there turns nothing on (tried), and nothing there opens a
    listener.
    """
    flags = _read_flags(argv)
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
    return Exposure(tuple(listeners), tuple(refusals), tuple(unread), tuple(_notes(flags, file)))


def config_file(argv: Sequence[str]) -> str:
    """The path of the configuration file that dockerd reads when started with these arguments."""
    return _read_flags(argv).last("config-file") or DEFAULT_CONFIG_FILE


class _Flags(NamedTuple):
    values: Mapping[str, list[str]]
    refusals: list[str]
    unread: list[str]

    def last(self, name: str) -> str | None:
        return self.values[name][-1] if self.values.get(name) else None

    def truth(self, name: str) -> bool | None:
        """A switch: true or false as dockerd reads it, None where it is not given or cannot be read."""
        value = self.last(name)
        return None if value is None else value in _TRUE

    def option(self, name: str) -> str | None:
        """The flag's value, where it is given and not empty."""
        return self.last(name) or None


def _flag_kind(name: str) -> str | None:
    return _OTHER_OPTIONS.get(name) or _FILE_OPTIONS.get(_FLAG_OPTIONS.get(name, name))


def _read_flags(argv: Sequence[str]) -> _Flags:
    # As github.com/spf13/pflag does: "--name value", "--name=value", "-n value", "-n=value", "-nvalue", "-Dn value".
    words = [_unquoted(word) for word in argv]
    if words and not words[0].startswith("-"):
        # A program stands first: dockerd, or what starts it (sudo, env, exec). A later "dockerd" is some flag's value.
        named = (at for at, word in enumerate(words) if word.rsplit("/", 1)[-1] in _PROGRAMS)
        words = words[next(named, -1) + 1 :]
    flags = _Flags({}, [], [])
    values = cast(dict[str, list[str]], flags.values)
    rest = list(reversed(words))

    def take(name: str, given: str | None) -> None:
        kind = _flag_kind(name)
        if name in _ONLY_REPORT:
            flags.refusals.append(f"--{name} only prints and exits")
            return
        if kind is None:
            flags.refusals.append(f"dockerd knows no flag --{name}")
            if given is None and rest and not rest[-1].startswith("-"):
                rest.pop()
            return
        if kind == "true or false":
            value = "true" if given is None else given
            if _VARIABLE.search(value):
                flags.unread.append(f"--{name}={value} cannot be read here, and is taken as false")
            elif value not in _TRUE | _FALSE:
                flags.refusals.append(f"--{name}={value} is neither true nor false")
        elif given is not None:
            value = given
        elif rest:
            value = rest.pop()
        else:
            flags.refusals.append(f"--{name} needs a value")
            return
        values.setdefault(name, []).append(_unquoted(value))

    while rest:
        word = rest.pop()
        if word == "--":
            flags.refusals.extend(f"dockerd takes no argument such as {each}" for each in reversed(rest))
            break
        if word.startswith("--"):
            name, separator, given = word[2:].partition("=")
            take(name, given if separator else None)
        elif word.startswith("-") and len(word) > 1:
            cluster = word[1:]
            while cluster:
                name, cluster = _SHORT_FLAGS.get(cluster[0]), cluster[1:]
                if name is None:
                    flags.refusals.append(f"dockerd knows no flag in {word}")
                    break
                if cluster.startswith("="):
                    take(name, cluster[1:])
                    break
                if name in _ONLY_REPORT or _flag_kind(name) == "true or false":
                    take(name, None)
                else:
                    take(name, cluster or None)
                    break
        elif _VARIABLE.search(word):
            flags.unread.append(f"{word} may hold more flags")
        elif word:
            flags.refusals.append(f"dockerd takes no argument such as {word}")
    return flags


def _unquoted(word: str) -> str:
    word = word.strip()
    name, separator, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return name + separator + value


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


def _file_refusals(file: Mapping[str, Any], flags: _Flags) -> list[str]:
    refusals: list[str] = []
    for key, value in file.items():
        kind = _FILE_OPTIONS.get(key) or (
            "a string" if key in _OTHER_OPTIONS or key in _FLAG_OPTIONS else None
        )
        if kind is None:
            refusals.append(f"dockerd knows no option {key!r}")
        elif key in ("tls", "tlsverify") and not isinstance(value, bool | None):
            refusals.append(f"the option {key!r} must be true or false")
        elif key == "hosts" and value is not None and not _is_list(value):
            refusals.append("the option 'hosts' must be a list of strings")
    for flag in flags.values:
        option = _FLAG_OPTIONS.get(flag, flag)
        if option in file and option != "runtimes":
            refusals.append(f"{option!r} stands both on the command line and in the configuration file")
    return refusals


class _Tls(NamedTuple):
    verdict: Verdict
    reason: str
    without_address: bool = False
    """Whether dockerd without any address then listens on loopback instead of its socket."""
    refusal: str | None = None


def _tls(flags: _Flags, file: Mapping[str, Any]) -> _Tls:
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
        return _Tls(Verdict.UNAUTHENTICATED, reason)

    refusal = None
    if not on_flags and not (file.get("tlscert") and file.get("tlskey")):
        refusal = "TLS is on in the configuration file, which does not name both tlscert and tlskey"
    if verify is not True:
        reason = "tlsverify is false, which turns TLS on but asks no client for a certificate: whoever connects is root"
        return _Tls(Verdict.NO_CLIENT_CHECK, reason, without_address, refusal)
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
        return _Tls(Verdict.PUBLIC_AUTHORITIES, reason, without_address, refusal)
    reason = "clients need a certificate that tlscacert signed"
    return _Tls(Verdict.MUTUAL_TLS, reason, without_address, refusal)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _listen(spec: str, tls: _Tls, socket_streams: Sequence[str]) -> tuple[list[Listener], str | None]:
    # moby opts.ParseDaemonHost and listeners.Init
    kind, separator, rest = spec.partition("://")
    if _VARIABLE.search(kind) and (separator or _VARIABLE.match(kind)):
        reason = f"{spec} cannot be read here: it may be a TCP listener, where {tls.reason}"
        verdict = tls.verdict if tls.verdict is Verdict.MUTUAL_TLS else Verdict.UNREADABLE
        return [Listener("unknown", spec, None, verdict, Reach.UNKNOWN, reason)], None
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
        listener, wrong = _tcp(rest, tls)
        return [listener], problem or (f"dockerd takes no address such as {spec}: {wrong}" if wrong else None)
    return [], f"dockerd takes no address such as {spec}: the scheme must be unix, fd or tcp"


def _unix(kind: str, path: str) -> Listener:
    if path.startswith("@"):
        reason = "an abstract socket has no owner and no permissions, so every process of the machine is root"
        return Listener(kind, path, None, Verdict.UNAUTHENTICATED, Reach.MACHINE, reason)
    reason = "a Unix socket is reached on the machine only, with the file's permissions"
    return Listener(kind, path, None, Verdict.LOCAL, Reach.MACHINE, reason)


def _stream(stream: str, tls: _Tls) -> Listener:
    # systemd.socket(5), ListenStream=
    stream = stream.strip()
    if stream.startswith(("/", "@", "%")):
        return _unix("fd", stream)
    if re.fullmatch(r"\d{1,5}", stream, re.A):
        return Listener("tcp", "::", int(stream), tls.verdict, Reach.EVERY_ADDRESS, tls.reason)
    return _tcp(stream, tls)[0]


def _tcp(rest: str, tls: _Tls) -> tuple[Listener, str | None]:
    authority, path = re.fullmatch(r"([^/?#]*)(.*)", rest, re.S).groups()  # pyright: ignore[reportOptionalMemberAccess]
    authority = authority.rpartition("@")[2]
    bracketed = re.fullmatch(r"\[(.*)\](?::(.*))?", authority)
    if bracketed:
        host, port = bracketed[1], bracketed[2] or ""
    else:
        host, separator, port = authority.rpartition(":")
        if not separator:
            host, port = authority, ""
    wrong = "it must not have a path" if path.startswith("/") else None
    number: int | None = 2375  # the default even where TLS is on
    if port:
        number = int(port) if re.fullmatch(r"\d{1,5}", port, re.A) else None
        if not _VARIABLE.search(port) and (number is None or number > 65_535):
            wrong = f"{port} is not a port"
    host = host or "localhost"
    return Listener("tcp", host, number, tls.verdict, _reach(host), tls.reason), wrong


def _reach(host: str) -> Reach:
    if host == "localhost":
        return Reach.LOOPBACK
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # The system's resolver reads "0", "0x0" and "00.0.0.0" as 0.0.0.0, and Go may ask it.
        return Reach.EVERY_ADDRESS if "0" in host and not host.strip("0xX.") else Reach.UNKNOWN
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return Reach.EVERY_ADDRESS  # Go listens on IPv6 too when asked for 0.0.0.0 (tried)
    return Reach.LOOPBACK if address.is_loopback else Reach.ADDRESS


def _notes(flags: _Flags, file: Mapping[str, Any]) -> list[str]:
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


# --- daemon.json on our hosts --------------------------------------------------------------------------------------


class Default(NamedTuple):
    """A hardened default of daemon.json."""

    value: Any
    why: str


DAEMON_DEFAULTS: Final[Mapping[str, Default]] = {
    "log-driver": Default(
        "json-file",
        "Docker's own default, said because log-opts go with it: docker-py's `containers.run()` returns no output with "
        "the driver `local`.",
    ),
    "log-opts": Default(
        {"max-size": "10m", "max-file": "3"},
        "At most 30 MB of logs a container: unbounded, they fill the disk (CIS 2.13). Strings, as dockerd wants.",
    ),
    "live-restore": Default(
        True, "Containers keep running while dockerd restarts, which a renewed certificate needs (CIS 2.15)."
    ),
    "no-new-privileges": Default(
        True, "No process in a container gains privileges by a setuid program, sudo included (CIS 2.14)."
    ),
    "icc": Default(
        False,
        "Containers on the default bridge do not reach each other; those on a network of their own do (CIS 2.2).",
    ),
    "userland-proxy": Default(
        False, "Published ports are forwarded packets, not a root process for each port (CIS 2.16)."
    ),
    "default-ulimits": Default(
        {"nofile": {"Name": "nofile", "Soft": 32768, "Hard": 65536}},
        "What Amazon Linux starts Docker with, on every system: without it some containers get a limit of a billion "
        "files and allocate memory for each (CIS 2.8).",
    ),
}
"""Hardened defaults and why (numbers: CIS Docker Benchmark 1.6). Every engine from 20.10 on knows each of them."""

_LISTENERS: Final = "leave it out: listeners and TLS follow from the trusted sources"
_UNITS: Final = "leave it out: the host's own units rely on the default"
_ISOLATION: Final = "leave it out: Docker's rules keep containers apart, and icc needs them"
_NEVER: Final[Mapping[str, str]] = {
    "api-cors-header": "leave it out: it lets web pages use the Docker API",
    "containerd": _UNITS,
    "cri-containerd": "leave it out: it opens containerd to Kubernetes",
    "data-root": "leave it out: the data volume is mounted at /var/lib/docker",
    "exec-root": _UNITS,
    "network-diagnostic-port": "leave it out: it listens without any check",
    "pidfile": _UNITS,
    "rootless": _UNITS,
}
_ONLY: Final[Mapping[str, tuple[tuple[Any, ...], str]]] = {
    "iptables": ((True,), _ISOLATION),
    "ip6tables": ((True,), _ISOLATION),
    "group": (
        ("docker", "root"),
        "leave it out: members of the socket's group are root; add people to the group docker",
    ),
}


def daemon_configuration(
    options: Mapping[str, Any] | None, *, bip: str, pools: Sequence[Mapping[str, str | int]]
) -> dict[str, Any]:
    """daemon.json: the hardened defaults and Docker's networks, with the caller's options over them.

    A map such as `log-opts` is merged key by key; another `log-driver` starts without our `log-opts`, which it would
    not know; None leaves an option to dockerd. Raises InvalidInput as `check_daemon_options` does.
    """
    check_daemon_options(options)
    given = cast(dict[str, Any], _whole_numbers(options or {}))
    merged: dict[str, Any] = {name: deepcopy(default.value) for name, default in DAEMON_DEFAULTS.items()}
    merged |= {"bip": bip, "default-address-pools": [dict(pool) for pool in pools]}
    if given.get("log-driver", merged["log-driver"]) != merged["log-driver"]:
        del merged["log-opts"]
    if given.get("bridge"):
        del merged["bip"]  # dockerd takes only one of the two
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            value = {**merged[name], **cast(dict[str, Any], value)}
        merged[name] = value
    return {name: value for name, value in merged.items() if value is not None}


def check_daemon_options(options: Any) -> None:
    """Raises InvalidInput for options that would undo the guarantee, or that dockerd would refuse to start with."""
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise InvalidInput("daemon_options", options, "give a map of dockerd's options", "is not a map")
    for key, value in cast(Mapping[Any, Any], options).items():
        _check_option(key, value)


def _check_option(key: Any, value: Any) -> None:
    argument = f"daemon_options.{key}"
    # In small letters: Go reads the file's names in any case.
    name = str(key).strip().lower()
    if name in ("host", "hosts") or name.startswith("tls"):
        raise InvalidInput(argument, value, _LISTENERS)
    if name in _NEVER:
        raise InvalidInput(argument, value, _NEVER[name])
    kind = _FILE_OPTIONS.get(key)
    if kind is None:
        near = difflib.get_close_matches(name, _FILE_OPTIONS, 1)
        mend = f"did you mean {near[0]!r}?" if near else "dockerd would refuse to start: leave it out"
        # The value may hold a secret, and is not shown.
        raise InvalidInput("daemon_options", key, mend, "is not an option of dockerd")
    if value is None:
        return
    _check_kind(argument, kind, value)
    if key in _ONLY and value not in _ONLY[key][0]:
        raise InvalidInput(argument, value, _ONLY[key][1])
    if key == "metrics-addr":
        listener = _tcp(value, _Tls(Verdict.UNAUTHENTICATED, ""))[0]
        if listener.reach is not Reach.LOOPBACK or listener.port in (None, 2375, 2376):
            mend = "write a loopback address and a port that is not Docker's, such as '127.0.0.1:9323'"
            raise InvalidInput(argument, value, mend)
    if key == "log-opts":
        for option, text in cast(Mapping[str, Any], value).items():
            if not isinstance(text, str):
                whole = isinstance(text, float) and text.is_integer()
                plain = str(int(text) if whole else text).lower()
                raise InvalidInput(f"{argument}.{option}", text, f"write '{plain}'", "is not a string")
    if key == "proxies":
        for option, text in cast(Mapping[str, Any], value).items():
            # The value may hold a password, and is not shown.
            if option not in ("http-proxy", "https-proxy", "no-proxy"):
                raise InvalidInput(
                    argument, option, "write http-proxy, https-proxy or no-proxy", "is not an option"
                )
            _check_kind(f"{argument}.{option}", "a string", text)


def _check_kind(argument: str, kind: str, value: Any) -> None:
    match kind:
        case "true or false":
            fits = isinstance(value, bool)
        case "a whole number":
            fits = not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case "a string":
            fits = isinstance(value, str)
        case "a map":
            fits = isinstance(value, Mapping)
        case "a list of maps":
            fits = _is_list(value) and all(isinstance(each, Mapping) for each in cast(Sequence[Any], value))
        case _:
            fits = _is_list(value) and all(isinstance(each, str) for each in cast(Sequence[Any], value))
    if not fits:
        raise InvalidInput(argument, value, f"dockerd wants {kind}", f"is not {kind}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _whole_numbers(value: Any) -> Any:
    # Numbers come as floats across Pulumi's plugin boundary, and dockerd refuses 3.0 where it wants 3.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole_numbers(each) for key, each in cast(Mapping[str, Any], value).items()}
    if _is_list(value):
        return [_whole_numbers(each) for each in cast(Sequence[Any], value)]
    return value
