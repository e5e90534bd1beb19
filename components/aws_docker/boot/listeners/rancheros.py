"""What RancherOS's part of a cloud-config makes of its Docker daemons and services. Pure.

rancher/os: config/types.go (DockerConfig), os-config.tpl.yml for the defaults.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from ..formats.cloudconfig import items
from .containers import Container, compose

DIRECTORY: Final = "/var/lib/rancher/conf/"
"""Where RancherOS keeps its configuration."""
_TLS: Final = (
    "--tlsverify",
    "--tlscacert=/etc/docker/tls/ca.pem",
    "--tlscert=/etc/docker/tls/server-cert.pem",
    "--tlskey=/etc/docker/tls/server-key.pem",
    "-H=0.0.0.0:2376",
)
# Options of the engine that it knows by name.
_NAMED: Final = ("config_file", "insecure_registry", "registry_mirror", "tlscacert", "tlscert", "tlskey")


def merged(trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The `rancher` keys of several files as one: later ones win, key by key."""
    result: dict[str, Any] = {}
    for tree in trees:
        _merge(result, tree, 0)
    return result


def _merge(into: dict[str, Any], tree: Mapping[str, Any], depth: int) -> None:
    for key, value in tree.items():
        old = into.get(key)
        if isinstance(value, Mapping) and isinstance(old, dict) and depth < 8:
            _merge(cast(dict[str, Any], old), cast(Mapping[str, Any], value), depth + 1)
        elif isinstance(value, Mapping):
            into[key] = dict(cast(Mapping[str, Any], value))
        else:
            into[key] = value


def daemons(rancher: Mapping[str, Any]) -> Iterator[list[str]]:
    """The words of each dockerd that is configured."""
    for key in ("docker", "system_docker", "bootstrap_docker"):
        given = rancher.get(key)
        if not isinstance(given, Mapping):
            continue
        docker = cast(Mapping[str, Any], given)
        argv = ["dockerd"]
        for host in items(docker.get("host")):
            argv += ["-H", str(host)]
        for name in _NAMED:
            argv += [f"--{name.replace('_', '-')}={value}" for value in items(docker.get(name))]
        for name in ("args", "extra_args", "opts"):
            argv += _words(docker.get(name))
        if str(docker.get("tls")).lower() in ("true", "yes", "on"):
            argv += _words(docker.get("tls_args")) or list(_TLS)
        if argv[1:2] in (["docker"], ["dockerd"], ["daemon"]):
            argv = ["dockerd", *(word for word in argv[1:] if word not in ("docker", "dockerd", "daemon"))]
        yield argv


def services(rancher: Mapping[str, Any]) -> Iterator[Container]:
    """The containers of its services."""
    yield from compose({"services": rancher.get("services")}, {})


def _words(value: Any) -> list[str]:
    return [word for each in items(value) for word in str(each).split()]
