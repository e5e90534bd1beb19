"""Reads task definitions of ECS: each container as the `docker run` that it would be, which `boot` judges. Pure.

On Fargate alone nothing can run a daemon or mount a host's socket: such tasks are not read.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_SHARES_NETWORK: Final = frozenset({"host", "awsvpc"})
"""Network modes in which a container's ports are the instance's, or its interface's, own."""


def container_scripts(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The containers of DescribeTaskDefinition's `taskDefinition`: name, and a script that would run each."""
    if set(task.get("requiresCompatibilities") or ()) == {"FARGATE"}:
        return
    paths = {str(each["name"]): _host_path(each) for each in task.get("volumes") or ()}
    shares = task.get("networkMode") in _SHARES_NETWORK
    for container in task.get("containerDefinitions") or ():
        words = [*_run(container, paths, shares), *_program(container)]
        yield str(container.get("name", "")), f"#!/bin/sh\n{shlex.join(words)}\n"


def _host_path(volume: Mapping[str, Any]) -> str:
    host: Mapping[str, Any] = volume.get("host") or {}
    return str(host.get("sourcePath") or "")


def _run(container: Mapping[str, Any], paths: Mapping[str, str], shares_network: bool) -> Iterator[str]:
    yield from ("docker", "run", "-d")
    if container.get("privileged"):
        yield "--privileged"
    if shares_network:
        yield from ("--network", "host")
    for port in container.get("portMappings") or ():
        if str(port.get("protocol") or "tcp").lower() == "tcp":
            yield from ("-p", _published(port))
    for each in container.get("environment") or ():
        yield from ("-e", f"{each.get('name', '')}={each.get('value', '')}")
    for mount in container.get("mountPoints") or ():
        source = paths.get(str(mount.get("sourceVolume", "")), "")
        yield from ("-v", f"{source}:{mount.get('containerPath', '')}")


def _published(port: Mapping[str, Any]) -> str:
    if port.get("containerPortRange"):
        return f"{port['containerPortRange']}:{port['containerPortRange']}"
    inside, outside = port.get("containerPort", ""), port.get("hostPort")
    # Without one, or with 0, Docker chooses a port.
    return f"{outside}:{inside}" if outside else str(inside)


def _program(container: Mapping[str, Any]) -> list[str]:
    entrypoint: Sequence[str] = container.get("entryPoint") or ()
    command: Sequence[str] = container.get("command") or ()
    image = str(container.get("image") or "image")
    if not entrypoint:
        return [image, *command]
    first, *rest = entrypoint
    return ["--entrypoint", first, image, *rest, *command]
