"""Reads containers to be run: task definitions of ECS, jobs of Batch, Lightsail's, and those of a Docker provider.

What a container makes of the Docker API is for `boot.judge`, which reads it as `docker run` would.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .facts import Client, Container, Facts, Forward, Port
from .networks import malformed
from .texts import parsed
from .values import Doubt, Malformed, Value, lines, pick, written

_SOCKET: Final = "docker.sock"
_OF_DOCKER: Final = re.compile(r"docker|dind|moby|socat", re.I)
"""Images that may hold a daemon, or hand its socket on."""


def ecs_task(resource: Value, facts: Facts) -> None:
    """A task definition of ECS. On Fargate nothing can run a daemon, so what is not known there is no doubt."""
    platforms = {each.upper() for each in lines(resource["requiresCompatibilities"])}
    serverless = platforms == {"FARGATE"}
    network = resource["networkMode"]
    mode = "" if network.doubt else (network.text or "").lower()
    listed = parsed(resource["containerDefinitions"])
    if listed.doubt:
        if not serverless:
            facts.unread_containers.append(listed.doubt)
        return
    shares = mode in ("host", "awsvpc")
    place = _Place(_volumes(resource["volumes"]), shares, network.doubt, serverless)
    for item in _items(listed, facts, serverless):
        _add(facts, item, place)


def ecs_daemon_task(resource: Value, facts: Facts) -> None:
    """A task that ECS runs on each instance of a cluster."""
    place = _Place(_volumes(resource["volumes"]), shares_network=True)
    for item in _items(resource["containerDefinitions"], facts):
        _add(facts, item, place)


def ecs_express(resource: Value, facts: Facts) -> None:
    """A service of ECS Express Mode: one container on Fargate behind a load balancer."""
    container = resource["primaryContainer"]
    if container.doubt:
        return
    _add(facts, container, _Place(shares_network=True, serverless=True))


def batch_job(resource: Value, facts: Facts) -> None:
    """A job definition of Batch, whose containers share the network of their instance."""
    serverless = {each.upper() for each in lines(resource["platformCapabilities"])} == {"FARGATE"}
    for held in (parsed(resource["containerProperties"]), *_ecs_jobs(parsed(resource["ecsProperties"]))):
        _job(held, facts, serverless)
    nodes = parsed(resource["nodeProperties"])
    for node in [nodes] if nodes.doubt else nodes["nodeRangeProperties"].each():
        _job(node if node.doubt else node["container"], facts, serverless)
    pod = resource["eksProperties"]["podProperties"]
    own = pod["hostNetwork"]
    place = _Place(_volumes(pod["volumes"]), own.absent or own.truth, own.doubt)
    for name in ("containers", "initContainers"):
        for item in _items(pod[name], facts):
            _add(facts, item, place)


def _ecs_jobs(held: Value) -> Iterator[Value]:
    if held.doubt:
        yield held
        return
    for task in held["taskProperties"].each():
        for container in task["containers"].each():
            yield Value({"volumes": task["volumes"].raw, **_as_map(container)}, container.where)


def _as_map(value: Value) -> dict[str, object]:
    return {name: value[name].raw for name in value.names()}


def _job(held: Value, facts: Facts, serverless: bool) -> None:
    if held.doubt:
        if not serverless:
            facts.unread_containers.append(held.doubt)
    elif not held.absent:
        _add(facts, held, _Place(_volumes(held["volumes"]), shares_network=True, serverless=serverless))


def lightsail_deployment(resource: Value, facts: Facts) -> None:
    """What a Lightsail container service runs, and its port that is public."""
    deployment = resource["containerServiceDeployment"]
    held = resource if deployment.absent else deployment
    for item in _items(held["containers"], facts):
        _add(facts, item, _Place())
    public = held["publicEndpoint"]
    port = public if public.doubt else public["containerPort"]
    if doubt := port.doubt:
        facts.forwards.append(Forward(port.where, "forwards to", 0, 65_535, (doubt,), "the public endpoint"))
    elif not port.absent:
        number = _number(port)
        facts.forwards.append(Forward(port.where, "forwards to", number, number, by="the public endpoint"))


def docker_container(resource: Value, facts: Facts) -> None:
    """A container that a Docker provider runs on its host."""
    network = resource["networkMode"]
    _add(
        facts, resource, _Place(shares_network=(network.text or "").lower() == "host", network=network.doubt)
    )


def docker_service(resource: Value, facts: Facts) -> None:
    """A service of a Docker Swarm."""
    task = resource["taskSpec"]
    container = task["containerSpec"]
    if container.doubt:
        facts.unread_containers.append(container.doubt)
        return
    networks = [pick(item, "name", "id") for item in task["networksAdvanceds"].each()]
    shares = any(not each.doubt and each.text == "host" for each in networks)
    _add(facts, container, _Place(shares_network=shares, ports=resource["endpointSpec"]["ports"]))


def docker_provider(resource: Value, facts: Facts) -> None:
    """A Docker provider: whom it speaks to, and with which certificates."""
    materials = tuple(resource[name] for name in ("caMaterial", "certMaterial", "keyMaterial"))
    facts.clients.append(Client(resource["host"], resource["certPath"], materials))


# --- One container -------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """What decides on a container from outside its own definition."""

    volumes: Mapping[str, str] = MappingProxyType({})
    shares_network: bool = False
    network: Doubt | None = None
    """Why it is not known whether it shares its network."""
    serverless: bool = False
    """Whether it runs where nothing has a host's privileges or its socket."""
    ports: Value | None = None
    """Where they do not stand in the definition."""


def _items(listed: Value, facts: Facts, quiet: bool = False) -> Iterator[Value]:
    for item in (listed, *listed.each()):
        if item.doubt and not quiet:
            facts.unread_containers.append(item.doubt)
    for item in listed.each():
        if not item.doubt:
            yield item


def _volumes(listed: Value) -> Mapping[str, str]:
    """The host's paths, by the names of volumes."""
    found: dict[str, str] = {}
    for item in listed.each():
        if item.doubt:
            continue
        path = pick(item, "hostPath", "host", "hosts")
        if path.is_list:
            path = next(path.each(), Value(None))
        if path.is_map:
            path = pick(path, "sourcePath", "path")
        name = item["name"]
        if isinstance(path.raw, str) and isinstance(name.raw, str):
            found[name.raw] = path.raw
    return found


def _add(facts: Facts, held: Value, place: _Place) -> None:
    try:
        container = _container(held, place)
    except ValueError as error:
        facts.unread_containers.append(malformed(held, error))
        return
    facts.containers.append(container)
    for port in container.ports:
        if not port.address.startswith("127.") and port.address != "::1":
            for number in sorted({port.inside, port.outside or port.inside}):
                _publish(facts, port.where, number, number)
    for doubt in _port_doubts(_listed_ports(held, place)):
        _publish(facts, doubt.where, 0, 65_535, (doubt,))


def _publish(facts: Facts, where: str, first: int, last: int, doubts: tuple[Doubt, ...] = ()) -> None:
    facts.forwards.append(
        Forward(where, "publishes", first, last, doubts, "the container", hides_client=False)
    )


def _container(held: Value, place: _Place) -> Container:
    image, privileged = held["image"], pick(held, "privileged", "securityContext")
    if privileged.is_map:
        privileged = privileged["privileged"]
    mounts: list[str] = []
    undecided: list[Doubt] = []
    for item in (*held["mountPoints"].each(), *held["volumeMounts"].each()):
        source = place.volumes.get(str(pick(item, "sourceVolume", "name").raw), "")
        mounts.append(f"{source}:{pick(item, 'containerPath', 'mountPath').raw}")
    for item in (*_blocks(held["volumes"]), *held["mounts"].each()):
        source = pick(item, "hostPath", "source")
        if source.doubt:
            undecided.append(source.doubt)
        mounts.append(
            f"{'' if source.doubt else source.raw or ''}:{pick(item, 'containerPath', 'target').raw}"
        )
    name = "" if image.doubt else (image.text or "")
    entrypoint = pick(held, "entryPoint", "entryPoints", "entrypoint", "entrypoints")
    commands = (pick(held, "command", "commands"), held["args"])
    environment = pick(held, "environment", "environments", "envs", "env")
    listed = _listed_ports(held, place)
    doubts: list[Doubt] = []
    may_reach_a_daemon = (
        _OF_DOCKER.search(name) is not None
        if place.serverless
        else privileged.truth
        or privileged.doubt
        or undecided
        or _OF_DOCKER.search(name)
        or any(_SOCKET in mount for mount in mounts)
    )
    if may_reach_a_daemon:
        values = (image, privileged, held["mounts"], held["volumes"], entrypoint, *commands, environment)
        doubts = [each.doubt for value in values for each in _leaves(value) if each.doubt]
        doubts += [*undecided, *_port_doubts(listed), *([place.network] if place.network else [])]
    return Container(
        held.where,
        name,
        tuple(lines(entrypoint)),
        tuple(word for each in commands for word in lines(each)),
        tuple(_environment(environment)),
        tuple(_ports(listed)),
        held["publishAllPorts"].truth,
        tuple(mounts),
        place.shares_network,
        privileged.truth,
        tuple(dict.fromkeys(doubts)),
    )


def _leaves(value: Value) -> Iterator[Value]:
    """A value, its items, and what these hold."""
    yield value
    for item in value.each():
        yield item
        if item.is_map:
            yield from (item[name] for name in item.names())


def _listed_ports(held: Value, place: _Place) -> Value:
    return pick(held, "portMappings", "ports") if place.ports is None else place.ports


def _port_doubts(listed: Value) -> Iterator[Doubt]:
    for item in (listed, *listed.each()):
        inside = _inside(item) if item.is_map and listed.is_list else item
        if inside.doubt:
            yield inside.doubt


def _inside(item: Value) -> Value:
    return pick(item, "containerPort", "internal", "targetPort")


def _blocks(listed: Value) -> Iterator[Value]:
    """A Docker provider's volumes; those of a job are names for others, and none of its own."""
    return (item for item in listed.each() if item.is_map and "containerPath" in item.names())


def _environment(given: Value) -> Iterator[tuple[str, str | None]]:
    if given.is_map:
        for name in given.names():
            yield name, _text(given[name])
        return
    for item in given.each():
        if item.is_map and not item["name"].doubt:
            yield str(item["name"].raw), _text(item["value"])
        elif isinstance(item.raw, str):
            name, _, value = item.raw.partition("=")
            yield name, value


def _text(value: Value) -> str | None:
    scalar = value.raw
    return written(scalar) if isinstance(scalar, str | int | float | bool) else None


def _ports(listed: Value) -> Iterator[Port]:
    if listed.is_map:  # Lightsail: by port, its protocol
        for name in listed.names():
            if not listed[name].doubt and (listed[name].text or "").upper() != "UDP":
                yield Port(f"{listed.where}.{name}", "", int(name), int(name))
        return
    for item in listed.each():
        if item.doubt:
            continue
        protocol = item["protocol"]
        if not protocol.doubt and (protocol.text or "tcp").lower() != "tcp":
            continue
        inside = _inside(item)
        outside = pick(item, "hostPort", "external", "publishedPort")
        if inside.absent or inside.doubt:
            continue
        address = item["ip"]
        number = None if outside.absent or outside.doubt else _number(outside)
        yield Port(
            inside.where, "" if address.doubt else (address.text or ""), number or None, _number(inside)
        )


def _number(value: Value) -> int:
    scalar = value.scalar
    try:
        number = int(scalar if scalar is not None else -1)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535:
        raise Malformed(f"{value.where} is not a port")
    return number
