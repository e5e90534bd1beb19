"""What daemon.json says on our hosts: hardened defaults, and which options of the caller's are taken. Pure."""

import difflib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, NamedTuple, cast

from ..core.dockerd import Binding, TcpAddress
from ..core.dockerd_options import FILE_OPTIONS
from ..core.errors import InvalidInput
from ..core.ports import DOCKER_PORTS


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
    kind = FILE_OPTIONS.get(key)
    if kind is None:
        near = difflib.get_close_matches(name, FILE_OPTIONS, 1)
        hint = f"did you mean {near[0]!r}?" if near else "dockerd would refuse to start: leave it out"
        # The value may hold a secret, and is not shown.
        raise InvalidInput("daemon_options", key, hint, "is not an option of dockerd")
    if value is None:
        return
    _check_kind(argument, kind, value)
    if key in _ONLY and value not in _ONLY[key][0]:
        raise InvalidInput(argument, value, _ONLY[key][1])
    if key == "metrics-addr":
        address = TcpAddress.parse(value)
        if address.binding is not Binding.LOOPBACK or address.port in (None, *DOCKER_PORTS):
            hint = "write a loopback address and a port that is not Docker's, such as '127.0.0.1:9323'"
            raise InvalidInput(argument, value, hint)
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


def _whole_numbers(value: Any) -> Any:
    # Numbers come as floats across Pulumi's plugin boundary, and dockerd refuses 3.0 where it wants 3.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole_numbers(each) for key, each in cast(Mapping[str, Any], value).items()}
    if _is_list(value):
        return [_whole_numbers(each) for each in cast(Sequence[Any], value)]
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
