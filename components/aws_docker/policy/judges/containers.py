"""Judges containers to be run, by `boot`: each as the `docker run` that it would be. And Docker's clients."""

import shlex
from collections.abc import Iterator
from ipaddress import ip_address

from ...boot import judge
from ..findings import Certainty, Finding, doubtful, violation
from ..reading.facts import Client, Container, Facts
from .machines import listener_finding

_NOT_NETWORKS = ("unix", "npipe", "fd", "ssh")


def container_findings(facts: Facts) -> Iterator[Finding]:
    """Every container that serves the Docker API to whoever connects, and what could not be read."""
    for container in facts.containers:
        where = container.where or "the container"
        judged = judge(f"#!/bin/sh\n{shlex.join(_run(container))}\n")
        for found in judged.unsafe:
            yield listener_finding(where, found.listener)
        for sentence in judged.unread:
            yield Finding(Certainty.UNREADABLE, f"{where}: {sentence}")
        if not judged.unsafe:
            yield from doubtful(container.doubts, f": {where} may serve the Docker API to whoever connects")
    yield from doubtful(
        facts.unread_containers, ", so a container may serve the Docker API to whoever connects"
    )


def _run(container: Container) -> list[str]:
    words = ["docker", "run", "-d"]
    if container.privileged:
        words.append("--privileged")
    if container.shares_network:
        words += ["--network", "host"]
    if container.every_port:
        words.append("--publish-all")
    for port in container.ports:
        address = f"[{port.address}]:" if ":" in port.address else f"{port.address}:" if port.address else ""
        outside = "" if port.outside is None else f"{port.outside}:"
        words += ["-p", f"{address}{outside or (address and ':')}{port.inside}"]
    for name, value in container.environment:
        words += ["-e", name if value is None else f"{name}={value}"]
    for mount in container.mounts:
        words += ["-v", mount]
    first, *rest = container.entrypoint or ("",)
    if first:
        words += ["--entrypoint", first]
    return [*words, container.image or "image", *rest, *container.command]


def client_findings(facts: Facts) -> Iterator[Finding]:
    """Every Docker provider that speaks to a daemon in clear text, or without one of the three materials."""
    for client in facts.clients:
        yield from _client(client)
    yield from doubtful(facts.unread_clients, ", so it may connect without a certificate")


def _client(client: Client) -> Iterator[Finding]:
    if not (client.certificate_path.absent or client.certificate_path.raw == ""):
        return
    names = [each.where for each in client.materials]
    lacking = [each.where for each in client.materials if each.absent or each.raw == ""]
    if not lacking or client.host.absent:
        return
    if client.host.doubt:
        given = "it may be tcp:// without " + " and ".join(lacking)
        yield from doubtful([client.host.doubt], f": {given}")
        return
    scheme, _, address = (client.host.text or "").strip().partition("://")
    if not address or scheme.lower() in _NOT_NETWORKS or _is_loopback(address):
        return
    if len(lacking) == len(names):
        yield violation(
            f"host is {scheme}:// and no certificate is given, so the daemon there answers whoever connects, in clear "
            f"text: set {', '.join(names)} from the host's outputs, or connect by ssh://"
        )
    else:
        yield violation(
            f"host is {scheme}:// and {' and '.join(lacking)} is missing: mutual TLS takes all of {', '.join(names)}"
        )


def _is_loopback(address: str) -> bool:
    host = address.partition("/")[0]
    host = host[1 : host.find("]")] if host.startswith("[") else host.rpartition(":")[0] or host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
