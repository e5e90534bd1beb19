"""What a Docker client needs to reach a host, found in a stack's outputs, and the forms clients read it in. Pure.

Outputs are recognised by DockerHost's own names, in Python's spelling or in camel case, as other languages put them.
"""

import io
import json
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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


class Shell(StrEnum):
    """The shells that `env` writes for."""

    sh = "sh"
    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


DOCKER_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


def find_connection(outputs: Mapping[str, Any], output: str | None, client: str | None) -> Connection:
    """The connection of `client` (the first one where none is named) to the host that a stack put out.

    A host's outputs stand among the stack's own, or together in one output, which `output` names.
    Raises CommandError, which says what is missing.
    """
    host = _host(outputs, output)
    endpoint = _get(host, "endpoint")
    if not endpoint:
        raise CommandError(
            "the stack's host has no endpoint: it is local only",
            "give DockerHost trusted_cidrs, or log in by Session Manager",
        )
    ca = _get(host, "ca_material")
    name, certificate, key = _identity(host, client)
    return Connection(
        str(endpoint),
        name,
        _pem(ca, "ca_material"),
        _pem(certificate, "the client's certificate"),
        _pem(key, "the client's key"),
    )


def environment(connection: Connection, folder: str) -> dict[str, str]:
    """The variables that every Docker client reads; `folder` holds the client's bundle."""
    return dict(zip(DOCKER_VARIABLES, (connection.endpoint, "1", folder), strict=True))


def render_environment(variables: Mapping[str, str | None], shell: Shell) -> str:
    """Commands that set these variables in a shell, or unset those without a value."""
    return "".join(_assignment(name, value, shell) + "\n" for name, value in variables.items())


def context_archive(connection: Connection) -> bytes:
    """A tar that `docker context import` reads: metadata and TLS files (docker/cli, cli/context/store)."""
    metadata = {
        "Name": "aws-docker",  # replaced by the name that the import is given
        "Metadata": {"Description": f"aws-docker, client {connection.client}"},
        "Endpoints": {"docker": {"Host": connection.endpoint, "SkipTLSVerify": False}},
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in (
            ("meta.json", json.dumps(metadata)),
            ("tls/docker/ca.pem", connection.ca),
            ("tls/docker/cert.pem", connection.certificate),
            ("tls/docker/key.pem", connection.key),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            member.mode = 0o600
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


def _assignment(name: str, value: str | None, shell: Shell) -> str:
    match shell:
        case Shell.fish:
            if value is None:
                return f"set --erase {name};"
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set --global --export {name} '{escaped}';"
        case Shell.powershell:
            if value is None:
                return f"Remove-Item -ErrorAction Ignore Env:{name}"
            escaped = value.replace("'", "''")
            return f"$Env:{name} = '{escaped}'"
        case _:
            return f"unset {name};" if value is None else f"export {name}={shlex.quote(value)};"


def _get(outputs: Mapping[str, Any], name: str) -> Any:
    first, *others = name.split("_")
    return outputs.get(name, outputs.get(first + "".join(word.capitalize() for word in others)))


def _holds_host(value: Any) -> bool:
    return isinstance(value, dict) and bool({"endpoint", "ca_material", "caMaterial"} & value.keys())


def _host(outputs: Mapping[str, Any], output: str | None) -> Mapping[str, Any]:
    hosts = [name for name, value in outputs.items() if _holds_host(value)]
    if output is not None:
        if output not in hosts:
            raise CommandError(
                f"the stack's output {output!r} holds no host",
                f"those that do: {_listed(hosts)}",
            )
        return outputs[output]
    if _holds_host(outputs):
        return outputs
    if len(hosts) == 1:
        return outputs[hosts[0]]
    if hosts:
        raise CommandError(f"the stack puts out several hosts: {_listed(hosts)}", "choose one with --output")
    raise CommandError(
        "the stack puts out no host",
        "export endpoint, ca_material, cert_material and key_material of the DockerHost, and run `pulumi up`",
    )


def _identity(host: Mapping[str, Any], client: str | None) -> tuple[str, Any, Any]:
    """A client's name, certificate and key."""
    certificates = _materials(host, "client_cert_materials")
    keys = _materials(host, "client_key_materials")
    if client is not None:
        if client not in certificates or client not in keys:
            raise CommandError(
                f"no client {client!r} in client_cert_materials and client_key_materials",
                f"those put out: {_listed(certificates.keys() & keys.keys())}",
            )
        return client, certificates[client], keys[client]
    certificate, key = _get(host, "cert_material"), _get(host, "key_material")
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


def _materials(host: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = _get(host, name)
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _pem(value: Any, name: str) -> str:
    if not isinstance(value, str) or "-----BEGIN " not in value:
        raise CommandError(
            f"{name} is not among the stack's outputs as PEM", "export it as DockerHost gives it"
        )
    return value


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
