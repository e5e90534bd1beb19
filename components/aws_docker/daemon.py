"""Decides what dockerd's configuration file may say on a guarded host. Pure.

Listeners and TLS stand on dockerd's command line (host_agent.py). A configuration file that names them as well makes
dockerd refuse to start, and one that names half of them would open it, so options that touch them are refused here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from .errors import InvalidInput

DAEMON_DEFAULTS: Mapping[str, Any] = {
    # Bounded logs: the default driver fills the disk (CIS Docker Benchmark 2.13 asks for a configured driver).
    "log-driver": "local",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    # Containers outlive a restart of dockerd, which a renewed certificate needs (CIS 2.15).
    "live-restore": True,
    # No process gains privileges by a setuid program (CIS 2.14).
    "no-new-privileges": True,
    # Containers on the default bridge do not reach each other unless linked by a network (CIS 2.2).
    "icc": False,
    # Published ports are packets, not a process per port that answers on the host itself (CIS 2.16).
    "userland-proxy": False,
}
"""Hardened defaults. Every engine from 20.10 on knows each of these keys."""

_LISTENERS = "listeners and TLS follow from the trusted sources: leave it out"
_REFUSED: Mapping[str, str] = {
    "hosts": _LISTENERS,
    "tls": _LISTENERS,
    "tlsverify": _LISTENERS,
    "tlscacert": _LISTENERS,
    "tlscert": _LISTENERS,
    "tlskey": _LISTENERS,
    "metrics-addr": "it opens a listener without TLS: leave it out, and read metrics with a container on the host",
    "network-diagnostic-port": "it opens a listener without TLS: leave it out",
    "api-cors-header": "it lets web pages use the Docker API: leave it out",
    "data-root": "the data volume is mounted at /var/lib/docker: leave it out",
    "group": "members of the socket's group are root: leave it out, and add people to the group docker",
    "containerd": "dockerd is started with the system's containerd: leave it out",
    "iptables": "containers are kept apart by Docker's rules: leave it out",
    "ip6tables": "containers are kept apart by Docker's rules: leave it out",
}


def check_daemon_options(options: Any) -> None:
    """Raises InvalidInput for options that would undo the guarantee, or that dockerd would refuse."""
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise InvalidInput("daemon_options", options, "give a map of dockerd's options")
    for key, value in cast(Mapping[str, Any], options).items():
        folded = key.strip().lower()
        if folded in _REFUSED or folded.startswith("tls"):
            raise InvalidInput(f"daemon_options.{key}", value, _REFUSED.get(folded, _LISTENERS))
        if key == "log-opts":
            for option, text in cast(Mapping[str, Any], value).items():
                if not isinstance(text, str):
                    mend = (
                        f'dockerd takes strings here: write "{text:g}"'
                        if isinstance(text, (int, float))
                        else "write a string"
                    )
                    raise InvalidInput(f"daemon_options.log-opts.{option}", text, mend)


def daemon_configuration(
    options: Mapping[str, Any] | None, *, bip: str, pools: Sequence[Mapping[str, str | int]]
) -> dict[str, Any]:
    """daemon.json: the hardened defaults, Docker's networks, and the caller's options over them.

    Raises InvalidInput as check_daemon_options does.
    """
    check_daemon_options(options)
    given = cast(dict[str, Any], _whole_numbers(dict(options or {})))
    merged = {**DAEMON_DEFAULTS, "bip": bip, "default-address-pools": [dict(pool) for pool in pools], **given}
    if given.get("log-driver", DAEMON_DEFAULTS["log-driver"]) == DAEMON_DEFAULTS["log-driver"]:
        merged["log-opts"] = {**DAEMON_DEFAULTS["log-opts"], **given.get("log-opts", {})}
    elif "log-opts" not in given:
        del merged["log-opts"]
    return {key: value for key, value in merged.items() if value is not None}


def _whole_numbers(value: Any) -> Any:
    # Numbers come as floats across Pulumi's plugin boundary, and dockerd refuses 3.0 where it wants 3.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole_numbers(each) for key, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, (list, tuple)):
        return [_whole_numbers(each) for each in cast(Sequence[Any], value)]
    return value
