"""What daemon.json says on our hosts: hardened defaults, and which options of the caller's are taken. Pure.

What dockerd itself would refuse is dockerd_file.py's; here is what would undo the guarantee.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, NamedTuple, cast

from ..core.dockerd import Binding, TcpAddress
from ..core.dockerd_file import problems
from ..core.dockerd_forms import Problem
from ..core.engines import EVERY, Engines
from ..core.errors import InvalidInput
from ..core.ports import DOCKER_PORTS


class Default(NamedTuple):
    """A hardened default of daemon.json."""

    value: Any
    why: str


def build_cache(disk: int) -> dict[str, Any]:
    """What BuildKit keeps on a disk of so many MiB: a quarter, as dockerd reads sizes.

    `defaultKeepStorage` is what every engine from 20.10 on knows; newer ones call it defaultReservedSpace, too.
    """
    return {"gc": {"enabled": True, "defaultKeepStorage": f"{disk // 4}MB"}}


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
    "builder": Default(
        build_cache(20 * 1024),
        "The cache of builds keeps a quarter of the disk that /var/lib/docker is on (here the default's 20 GiB), and "
        "loses what was unused for the longest: without it, builds fill the disk.",
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
    options: Mapping[str, Any] | None,
    *,
    bip: str,
    pools: Sequence[Mapping[str, str | int]],
    engines: Engines = EVERY,
    swarm: bool = False,
    disk: int = 20 * 1024,
) -> dict[str, Any]:
    """daemon.json: the hardened defaults and Docker's networks, with the caller's options over them. `disk` is the size
    of the one that Docker's data is on, in MiB.

    A map such as `log-opts` is merged key by key; another `log-driver` starts without our `log-opts`, which it would
    not know; None leaves an option to dockerd. Raises InvalidInput as `check_daemon_options` does.
    """
    check_daemon_options(options, engines, swarm=swarm)
    given = cast(dict[str, Any], _whole_numbers(options or {}))
    merged: dict[str, Any] = {name: deepcopy(default.value) for name, default in DAEMON_DEFAULTS.items()}
    if swarm:
        merged["live-restore"] = False
    merged["builder"] = build_cache(disk)
    merged |= {"bip": bip, "default-address-pools": [dict(pool) for pool in pools]}
    if given.get("log-driver", merged["log-driver"]) != merged["log-driver"]:
        del merged["log-opts"]
    if given.get("bridge"):
        del merged["bip"]  # dockerd takes only one of the two
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            value = {**merged[name], **cast(dict[str, Any], value)}
        merged[name] = value
    merged = {name: value for name, value in merged.items() if value is not None}
    _refuse(problems(merged, engines))
    return merged


def check_daemon_options(options: Any, engines: Engines = EVERY, *, swarm: bool = False) -> None:
    """Raises InvalidInput for options that would undo the guarantee, or that every one of these engines refuses, or
    with which no host can be a Swarm's member."""
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise InvalidInput("daemon_options", options, "give a map of dockerd's options", "is not a map")
    given = cast(Mapping[str, Any], options)
    for key, value in given.items():
        _check_guarantee(key, value)
    _refuse(problems(given, engines))
    for key, value in given.items():
        _check_value(key, value)
    if swarm and given.get("live-restore"):
        # moby daemon/config: "--live-restore daemon configuration is incompatible with swarm mode".
        hint = "leave it out, or take swarm_managers away"
        raise InvalidInput("daemon_options.live-restore", True, hint, "is not to be had in a Swarm")


def _refuse(found: Iterable[Problem]) -> None:
    for problem in found:
        raise InvalidInput(f"daemon_options{problem.where}", problem.value, problem.hint, problem.problem)


def _check_guarantee(key: object, value: Any) -> None:
    """Options that no host of ours may have, in whatever letters: Go reads the file's names in any case."""
    argument = f"daemon_options.{key}"
    name = str(key).strip().lower()
    if name in ("host", "hosts") or name.startswith("tls"):
        raise InvalidInput(argument, value, _LISTENERS)
    if name in _NEVER:
        raise InvalidInput(argument, value, _NEVER[name])


def _check_value(key: str, value: Any) -> None:
    if value is None:
        return
    argument = f"daemon_options.{key}"
    if key in _ONLY and value not in _ONLY[key][0]:
        raise InvalidInput(argument, value, _ONLY[key][1])
    if key == "metrics-addr":
        address = TcpAddress.parse(value)
        if address.binding is not Binding.LOOPBACK or address.port in (None, *DOCKER_PORTS):
            hint = "write a loopback address and a port that is not Docker's, such as '127.0.0.1:9323'"
            raise InvalidInput(argument, value, hint)


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
