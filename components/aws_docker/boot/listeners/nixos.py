"""What a NixOS configuration makes of Docker: its daemon, podman's network socket, containers, services. Pure.

nixpkgs: nixos/modules/virtualisation/docker.nix, podman/network-socket.nix, oci-containers.nix.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from ...core.dockerd import UNKNOWN, Access, Listener
from ..formats import nix
from .containers import Container, docker_run
from .found import EVERYWHERE, tcp

_DOCKER: Final = "virtualisation.docker."
_SETTINGS: Final = "daemon.settings."


class Nixos(NamedTuple):
    """What a configuration says."""

    runs_docker: bool
    argv: list[str]
    """dockerd's words, nothing where it is not configured."""
    settings: Mapping[str, Any]
    """dockerd's configuration file."""
    streams: list[str]
    listeners: list[Listener]
    containers: list[Container]
    scripts: list[str]
    """Commands of its services."""
    computed: bool
    """Whether something of Docker's is computed, and so not read."""


def read(text: str) -> Nixos:
    """What a NixOS configuration makes of Docker."""
    found = nix.attributes(text)
    docker = {name.removeprefix(_DOCKER): value for name, value in found.items() if name.startswith(_DOCKER)}
    settings = _tree({name: value for name, value in docker.items() if name.startswith(_SETTINGS)})
    extra = docker.get("extraOptions", "")
    argv = ["dockerd", *(extra.split() if isinstance(extra, str) else [UNKNOWN])] if docker else []
    streams = [*_texts(docker.get("listenOptions"))]
    for name, value in found.items():
        if re.fullmatch(r"systemd\.sockets\.docker\.(?:listenStreams|socketConfig\.ListenStream)", name):
            streams += _texts(value)
    scripts = [
        str(value)
        for name, value in found.items()
        if name.startswith("systemd.services.")
        and re.search(r"\.(?:script|preStart|postStart|ExecStart(?:Pre|Post)?)$", name)
        and isinstance(value, str)
    ]
    computed = UNKNOWN in json.dumps(list(docker.values()), ensure_ascii=False) or (
        "docker" in text and not found
    )
    return Nixos(
        docker.get("enable") is True or bool(docker),
        argv,
        {"hosts": ["fd://"], **settings},
        streams,
        list(_podman(found)),
        list(_containers(found)),
        scripts,
        computed,
    )


def _tree(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *keys, last = name.removeprefix(_SETTINGS).split(".")
        place = tree
        for key in keys:
            place = cast(dict[str, Any], place.setdefault(key, {}))
        place[last] = value
    return tree


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in cast(list[Any], value)]
    return [value] if isinstance(value, str) else []


def _podman(found: Mapping[str, Any]) -> Iterator[Listener]:
    prefix = "virtualisation.podman.networkSocket."
    if found.get(prefix + "enable") is True:
        address = found.get(prefix + "listenAddress", EVERYWHERE)
        port = found.get(prefix + "port", 2376)
        reason = "ghostunnel in front of podman asks clients for a certificate that its cacert signed"
        yield tcp(str(address), port if isinstance(port, int) else None, Access.MUTUAL_TLS, reason)


def _containers(found: Mapping[str, Any]) -> Iterator[Container]:
    prefix = "virtualisation.oci-containers.containers."
    by_name: dict[str, dict[str, Any]] = {}
    for name, value in found.items():
        if name.startswith(prefix):
            container, _, key = name.removeprefix(prefix).partition(".")
            by_name.setdefault(container, {})[key] = value
    for each in by_name.values():
        words = [word for port in _texts(each.get("ports")) for word in ("-p", port)]
        words += [word for volume in _texts(each.get("volumes")) for word in ("-v", volume)]
        words += _texts(each.get("extraOptions"))
        words += [
            word
            for key, value in each.items()
            if key.startswith("environment.")
            for word in ("-e", f"{key.removeprefix('environment.')}={value}")
        ]
        yield docker_run([*words, str(each.get("image", "")), *_texts(each.get("cmd"))])
