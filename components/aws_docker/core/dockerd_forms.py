"""How the values of dockerd's options are written, beyond their kind: what dockerd refuses to load or to start with.

Each form says what is wrong with a value, and is judged by what the engines' sources check (moby: daemon/config,
daemon/pkg/opts, registry, libnetwork) and by the engines themselves (tests/host/test_engines.py). Where an engine
ignores in silence what can only be a mistake, a form is the stricter one. Values that may hold a secret are not shown.
Pure.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .engines import Engines


class Problem(NamedTuple):
    """Why a value is refused."""

    where: str
    """Which part of the value, as it is appended to the option's name: `.nofile.Soft`, or nothing for all of it."""
    value: object
    hint: str
    problem: str = "is refused"


Form = Callable[[Any, Engines], Iterator[Problem]]
"""Yields what is wrong with a value whose kind is right, for these engines: nothing where it is well formed."""


def one_of(*values: str) -> Form:
    """One of these, or nothing, which leaves the choice to dockerd."""

    def form(value: str, _: Engines) -> Iterator[Problem]:
        if value and value not in values:
            yield Problem("", value, f"write {_either(values)}")

    return form


def at_least(least: int) -> Form:
    """A number that is not smaller."""

    def form(value: float, _: Engines) -> Iterator[Problem]:
        if value < least:
            yield Problem("", value, f"write {least} or more")

    return form


def misplaced(hint: str) -> Form:
    """An option that dockerd knows as a flag, and ignores in a file without a word."""

    def form(value: Any, _: Engines) -> Iterator[Problem]:
        # It may hold a password.
        yield Problem("", "what is said here", hint, "would be ignored")

    return form


def mtu(value: float, _: Engines) -> Iterator[Problem]:
    """What a bridge can have (Linux: ETH_MIN_MTU, IP_MAX_MTU); 0 is dockerd's default."""
    if value and not 68 <= value <= 65535:
        yield Problem("", value, "write a number from 68 to 65535")


def each(member: Form) -> Form:
    """A list, each of whose members is so."""

    def form(values: Sequence[Any], engines: Engines) -> Iterator[Problem]:
        for value in values:
            yield from member(value, engines)

    return form


# --- Networks --------------------------------------------------------------------------------------------------------


def address(value: str, _: Engines) -> Iterator[Problem]:
    """An IP address without a zone, as Go's net.ParseIP reads it."""
    if value and not _is_address(value):
        yield Problem("", value, "write an address such as '10.0.0.2'", "is no IP address")


def network(version: int) -> Form:
    """A network with its prefix length."""
    example = {4: "172.17.0.0/24", 6: "fd00:17::/64"}[version]

    def form(value: str, _: Engines) -> Iterator[Problem]:
        if value and not is_network(value, version):
            yield Problem("", value, f"write one such as '{example}'", f"is no IPv{version} network")

    return form


def bridge(version: int) -> Form:
    """The bridge's own address, with the prefix length of its network."""
    example = {4: "172.17.0.1/16", 6: "fd00:17::1/64"}[version]

    def form(value: str, _: Engines) -> Iterator[Problem]:
        hint = f"write the bridge's address and its network's prefix length, such as '{example}'"
        if value and not is_network(value, version):
            yield Problem("", value, hint, f"is no IPv{version} address of a network")
        elif value and str(ipaddress.ip_interface(value).network) == value:
            yield Problem("", value, hint, "is the network, and not an address in it")

    return form


def firewall_mark(value: str, _: Engines) -> Iterator[Problem]:
    """A mark, or a mark and a mask."""
    number = r"(0[xX][0-9a-fA-F]+|\d+)"
    if value and not re.fullmatch(f"{number}(/{number})?", value):
        yield Problem("", value, "write a mark such as '0x2', or '0x2/0xff'")


def domain(value: str, _: Engines) -> Iterator[Problem]:
    """A search domain; "." alone means none."""
    label = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
    if value != "." and not (
        re.fullmatch(rf"{label}(\.{label})*\.?", value) and re.search("[a-zA-Z]", value) and len(value) < 255
    ):
        yield Problem("", value, "write one such as 'example.com'", "is no domain")


# --- Registries ------------------------------------------------------------------------------------------------------


def mirror(value: str, engines: Engines) -> Iterator[Problem]:
    """A registry that is asked before Docker Hub: scheme and host, since 24.0 also a path."""
    try:
        url = urlsplit(value)
        host, user = url.hostname, url.username is not None or url.password is not None
    except ValueError:
        yield Problem("", value, "write one such as 'https://mirror.example.com'", "is no URL")
        return
    if user:
        yield Problem("", "a URL with a user name", "write it without: dockerd takes no credentials here")
    elif url.scheme not in ("http", "https") or not host:
        written = value.rpartition("://")[2] or "mirror.example.com"
        yield Problem("", value, f"write 'https://{written}'", "is no http or https URL")
    elif url.query or url.fragment:
        yield Problem("", value, "write it without: dockerd takes no query and no fragment")
    elif url.path not in ("", "/") and engines.all_before((24, 0)):
        hint = f"write '{url.scheme}://{url.netloc}': Docker {engines} takes no path here"
        yield Problem("", value, hint)


def insecure_registry(value: str, _: Engines) -> Iterator[Problem]:
    """A host with or without a port, or a network."""
    host = re.sub("^https?://", "", value, flags=re.IGNORECASE)
    if "/" in host and (is_network(host, 4) or is_network(host, 6)):
        return
    label = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
    named = re.fullmatch(rf"({label}(\.{label})*|\[[0-9a-fA-F:]+\])(:(?P<port>\d+))?", host)
    if not (named or _is_address(host)) or (named and int(named["port"] or 0) > 65535):
        hint = "write a host such as 'registry.example.com:5000', or a network such as '10.0.0.0/8'"
        yield Problem("", value, hint, "is no registry")


def size(value: str, _: Engines) -> Iterator[Problem]:
    """An amount of memory (docker/go-units, RAMInBytes)."""
    if not is_size(value):
        yield Problem("", value, "write one such as '64m'", "is no size")


# --- dockerd itself --------------------------------------------------------------------------------------------------


def log_level(value: str, engines: Engines) -> Iterator[Problem]:
    """A level, in any case; `warning` until 24.0."""
    levels = ("debug", "info", "warn", "error", "fatal", "panic", "trace")
    if (
        not value
        or value.lower() in levels
        or (value.lower() == "warning" and not engines.all_since((25, 0)))
    ):
        return
    yield Problem("", value, f"write {_either(levels)}")


def attempts(value: float, engines: Engines) -> Iterator[Problem]:
    """How often; 20.10 insists on once."""
    yield from at_least(1 if engines.all_before((23, 0)) else 0)(value, engines)


def api_version(value: str, _: Engines) -> Iterator[Problem]:
    """A version of Docker's API."""
    if value and not re.fullmatch(r"1\.\d+", value):
        yield Problem("", value, "write one such as '1.44'", "is no API version")


def pair(value: str, _: Engines) -> Iterator[Problem]:
    """`name=value`."""
    if not re.fullmatch(r"[^=\s]+=.+", value):
        yield Problem("", value, "write name=value")


def exec_option(value: str, _: Engines) -> Iterator[Problem]:
    """The cgroup driver, which is the one option that there is on Linux; older engines ignore others in silence."""
    if not re.fullmatch(r"native\.cgroupdriver=(systemd|cgroupfs)", value):
        yield Problem("", value, "write 'native.cgroupdriver=systemd' or 'native.cgroupdriver=cgroupfs'")


def labels(values: Sequence[str], _: Engines) -> Iterator[Problem]:
    """`name=value`, each name with one value."""
    known: dict[str, str] = {}
    for label in values:
        name, equals, value = label.partition("=")
        if not name or not equals:
            yield Problem("", label, "write name=value", "is no label")
        elif name.lower().startswith(("com.docker.", "io.docker.", "org.dockerproject.")):
            yield Problem("", label, "choose another name: Docker keeps those that start so for itself")
        elif known.setdefault(name, value) != value:
            yield Problem("", label, f"write '{name}' once", f"contradicts '{name}={known[name]}'")


def generic_resources(values: Sequence[str], _: Engines) -> Iterator[Problem]:
    """`kind=name`, as many as there are of a kind, or `kind=number`, once."""
    numbers: dict[str, bool] = {}
    for value in values:
        kind, equals, given = value.partition("=")
        number = re.fullmatch(r"-?\d+", given) is not None
        if not kind or not equals or not given:
            yield Problem("", value, "write kind=name, or kind=number", "is no resource")
        elif number and given.startswith("-"):
            yield Problem("", value, "write 0 or more")
        elif kind in numbers and (number or numbers[kind]):
            yield Problem("", value, f"write names of '{kind}', or one number")
        numbers[kind] = number


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def is_network(value: str, version: int) -> bool:
    """Whether it is a network with its prefix length; Go takes host bits, too."""
    try:
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return found.version == version and "/" in value and "%" not in value


def is_size(value: str) -> bool:
    """Whether docker/go-units reads it as an amount of memory."""
    return re.fullmatch(r"\d+(\.\d+)? ?([kmgtp]i?b?|b)?", value, re.IGNORECASE) is not None


def is_whole(value: object) -> bool:
    # Numbers come as floats across Pulumi's plugin boundary.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


def _either(values: Iterable[str]) -> str:
    *most, last = (f"'{value}'" for value in values)
    return f"{', '.join(most)} or {last}"


def plain(value: object) -> str:
    """A value that should have been a string, written as one."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).lower()
