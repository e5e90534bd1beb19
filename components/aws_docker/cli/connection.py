"""What a Docker client needs to reach a host, found in a stack's outputs. Pure.

Outputs are recognised by DockerHost's own names, spelled as any of Pulumi's languages spells them. A host's outputs may
stand among the stack's own, in one output (an exported component, a map), deeper in maps and lists of hosts, or spread
over maps by host (`endpoints`, `ca_materials`, …), as DockerFleet and examples/fleet put them out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from .errors import CommandError


@dataclass(frozen=True)
class Connection:
    """One client's way to one host. Certificates and key are PEM."""

    endpoint: str
    client: str
    ca: str = field(repr=False)
    certificate: str = field(repr=False)
    key: str = field(repr=False)
    managers: tuple[str, ...] = ()
    """Where else a Swarm takes the same commands: the endpoints of its managers."""


DOCKER_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")

# Names without case and underscores: ca_material, caMaterial and CaMaterial are one.
_MATERIALS = ("camaterial", "certmaterial", "keymaterial")
_CLIENTS = ("clientcertmaterials", "clientkeymaterials")
_OTHERS = {"privateip", "publicip", "instanceid", "securitygroupid", "certificatesexpireat"}


def find_connection(outputs: Mapping[str, Any], output: str | None, client: str | None) -> Connection:
    """The connection of `client` (the first one where none is named) to the host that a stack put out.

    `output` names one of several hosts, by the path of names that leads to it, such as `build` or `hosts.a`.
    Raises CommandError, which says what is missing.
    """
    return _connection(_choose(outputs, output), client)


def find_instance(outputs: Mapping[str, Any], output: str | None) -> str | None:
    """The id of that host's instance, where the stack puts it out; raises CommandError as find_connection does."""
    instance = _choose(outputs, output).get("instanceid")
    return str(instance) if instance else None


def every_connection(outputs: Mapping[str, Any], client: str | None = None) -> dict[str, Connection]:
    """The connections to all hosts that a stack puts out with what it takes, by path; `""` is the stack itself."""
    found: dict[str, Connection] = {}
    for path, host in hosts(outputs).items():
        try:
            found[path] = _connection(host, client)
        except CommandError:
            continue
    return found


def hosts(outputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every host among these outputs by path; `""` is the stack itself. A host's names are those of _plain."""
    found: dict[str, Mapping[str, Any]] = {}
    for path, host in _search(outputs, ""):
        found.setdefault(path, host)
    return found


def environment(connection: Connection, folder: str) -> dict[str, str]:
    """The variables that every Docker client reads; `folder` holds the client's bundle."""
    return dict(zip(DOCKER_VARIABLES, (connection.endpoint, "1", folder), strict=True))


def _plain(name: object) -> str:
    return re.sub(r"[_-]", "", str(name)).lower()


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(name), each) for name, each in cast(Mapping[Any, Any], value).items()]
    if isinstance(value, list):
        return [(str(place), each) for place, each in enumerate(cast(list[Any], value))]
    return []


def _search(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = _items(value)
    own = {_plain(name): each for name, each in reversed(items)}
    several = _items(own.get("endpoints"))
    # Others have endpoints, too: a database, a queue.
    if own.keys() & {*_MATERIALS, *(f"{name}s" for name in _MATERIALS), *_CLIENTS}:
        for name, endpoint in several:
            instance = dict(_items(own.get("instanceids"))).get(name)
            yield _join(path, name), {"endpoint": endpoint, "instanceid": instance, **_part(own, name)}
    if ("camaterial" in own and not several) or (
        "endpoint" in own and own.keys() & {*_MATERIALS, *_CLIENTS, *_OTHERS}
    ):
        yield path, own
    for name, each in items:
        yield from _search(each, _join(path, name))


def _part(own: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What one host of several has: what stands under its name in a map by host, else what all have together."""
    part: dict[str, Any] = {}
    for each in _MATERIALS:
        by_host = dict(_items(own.get(f"{each}s")))
        part[each] = by_host.get(name) if by_host else own.get(each)
    for each in _CLIENTS:
        shared = own.get(each)
        of_host = dict(_items(shared)).get(name)
        part[each] = of_host if isinstance(of_host, Mapping) else shared
    return part


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _choose(outputs: Mapping[str, Any], output: str | None) -> Mapping[str, Any]:
    found = hosts(outputs)
    named = {path: host for path, host in found.items() if path}
    if output is not None:
        if output not in named:
            raise CommandError(
                f"the stack's output {output!r} holds no host", f"those that do: {_listed(named)}"
            )
        return named[output]
    if "" in found:
        return found[""]
    if len(named) == 1:
        return next(iter(named.values()))
    if named:
        raise CommandError(f"the stack puts out several hosts: {_listed(named)}", "choose one with --output")
    raise CommandError(
        "the stack puts out no host",
        "export endpoint, ca_material, cert_material and key_material of the DockerHost, and run `pulumi up`",
    )


def _connection(host: Mapping[str, Any], client: str | None) -> Connection:
    endpoint = host.get("endpoint")
    if not endpoint:
        raise CommandError(
            "the stack's host has no endpoint: it is local only",
            "give DockerHost trusted_cidrs, or session_manager_tunnel; or log in by Session Manager",
        )
    name, certificate, key = _identity(host, client)
    return Connection(
        str(endpoint),
        name,
        _pem(host.get("camaterial"), "ca_material"),
        _pem(certificate, "the client's certificate"),
        _pem(key, "the client's key"),
        tuple(str(each) for _, each in sorted(_items(host.get("managerendpoints")))),
    )


def _identity(host: Mapping[str, Any], client: str | None) -> tuple[str, Any, Any]:
    """A client's name, certificate and key."""
    certificates, keys = (dict(_items(host.get(name))) for name in _CLIENTS)
    if client is not None:
        if client not in certificates or client not in keys:
            raise CommandError(
                f"no client {client!r} in client_cert_materials and client_key_materials",
                f"those put out: {_listed(certificates.keys() & keys.keys())}",
            )
        return client, certificates[client], keys[client]
    certificate, key = host.get("certmaterial"), host.get("keymaterial")
    if certificate or key:
        names = [name for name, material in certificates.items() if material == certificate]
        return (names or ["default"])[0], certificate, key
    if len(certificates) == 1:
        name = next(iter(certificates))
        return name, certificates[name], keys.get(name)
    if certificates:
        raise CommandError(
            f"the host has several clients: {_listed(certificates)}", "choose one with --client"
        )
    raise CommandError(
        "the stack puts out no client's certificate and key",
        "export cert_material and key_material, or client_cert_materials and client_key_materials",
    )


def _pem(value: Any, name: str) -> str:
    if value == "[secret]":
        raise CommandError(
            f"{name} is not among the stack's outputs as PEM, but hidden", "add --show-secrets to `pulumi`"
        )
    if not isinstance(value, str) or "-----BEGIN " not in value:
        raise CommandError(
            f"{name} is not among the stack's outputs as PEM", "export it as DockerHost gives it"
        )
    return value


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
