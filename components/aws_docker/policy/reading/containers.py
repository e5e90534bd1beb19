"""Reads containers to be run: task definitions of ECS, jobs of Batch, Lightsail's, and those of a Docker provider.

What a container makes of the Docker API is for `boot.judge`, which reads it as `docker run` would.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from .facts import Client, Container, Facts, Forward, Port
from .networks import malformed
from .texts import parsed
from .values import Doubt, Malformed, Value, lines, pick, written

_SOCKET: Final = "docker.sock"


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
    volumes = _volumes(resource["volumes"])
    for item in _items(listed, facts, serverless):
        _add(facts, item, volumes, mode in ("host", "awsvpc"), serverless)


def ecs_daemon_task(resource: Value, facts: Facts) -> None:
    """A task that ECS runs on each instance of a cluster."""
    volumes = _volumes(resource["volumes"])
    for item in _items(resource["containerDefinitions"], facts):
        _add(facts, item, volumes, shares_network=True)


def ecs_express(resource: Value, facts: Facts) -> None:
    """A service of ECS Express Mode: one container on Fargate behind a load balancer."""
    container = resource["primaryContainer"]
    if not container.doubt and not container.absent:
        _add(facts, container, {}, shares_network=True, serverless=True)


def batch_job(resource: Value, facts: Facts) -> None:
    """A job definition of Batch, whose containers share the network of their instance."""
    serverless = {each.upper() for each in lines(resource["platformCapabilities"])} == {"FARGATE"}
    for held in (parsed(resource["containerProperties"]), *_ecs_jobs(parsed(resource["ecsProperties"]))):
        _job(held, facts, serverless)
    nodes = parsed(resource["nodeProperties"])
    for node in [nodes] if nodes.doubt else nodes["nodeRangeProperties"].each():
        _job(node if node.doubt else node["container"], facts, serverless)
    pod = resource["eksProperties"]["podProperties"]
    volumes = _volumes(pod["volumes"])
    own = pod["hostNetwork"]
    for name in ("containers", "initContainers"):
        for item in _items(pod[name], facts):
            _add(facts, item, volumes, own.absent or own.truth)


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
        _add(facts, held, _volumes(held["volumes"]), shares_network=True, serverless=serverless)


def lightsail_deployment(resource: Value, facts: Facts) -> None:
    """What a Lightsail container service runs, and its port that is public."""
    deployment = resource["containerServiceDeployment"]
    held = resource if deployment.absent else deployment
    for item in _items(held["containers"], facts):
        _add(facts, item, {}, shares_network=False)
    public = held["publicEndpoint"]
    if not public.absent and not public.doubt:
        port = public["containerPort"]
        if not port.absent and not port.doubt:
            number = _number(port)
            facts.forwards.append(
                Forward(port.where, "forwards to", number, number, by="the public endpoint")
            )


def docker_container(resource: Value, facts: Facts) -> None:
    """A container that a Docker provider runs on its host."""
    _add(facts, resource, {}, (resource["networkMode"].text or "").lower() == "host")


def docker_service(resource: Value, facts: Facts) -> None:
    """A service of a Docker Swarm."""
    task = resource["taskSpec"]
    container = task["containerSpec"]
    if container.doubt:
        facts.unread_containers.append(container.doubt)
        return
    networks = [pick(item, "name", "id") for item in task["networksAdvanceds"].each()]
    shares = any(not each.doubt and each.text == "host" for each in networks)
    _add(facts, container, {}, shares, ports=resource["endpointSpec"]["ports"])


def docker_provider(resource: Value, facts: Facts) -> None:
    """A Docker provider: whom it speaks to, and with which certificates."""
    materials = tuple(resource[name] for name in ("caMaterial", "certMaterial", "keyMaterial"))
    facts.clients.append(Client(resource["host"], resource["certPath"], materials))


# --- One container -------------------------------------------------------------------------------------------------


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
        if isinstance(path.raw, Mapping):
            path = pick(path, "sourcePath", "path")
        name = item["name"]
        if isinstance(path.raw, str) and isinstance(name.raw, str):
            found[name.raw] = path.raw
    return found


def _add(
    facts: Facts,
    held: Value,
    volumes: Mapping[str, str],
    shares_network: bool,
    serverless: bool = False,
    ports: Value | None = None,
) -> None:
    try:
        container = _container(held, volumes, shares_network, serverless, ports)
    except ValueError as error:
        facts.unread_containers.append(malformed(held, error))
        return
    facts.containers.append(container)
    for port in container.ports:
        if not port.address.startswith("127.") and port.address != "::1":
            for number in sorted({port.inside, port.outside or port.inside}):
                facts.forwards.append(
                    Forward(port.where, "publishes", number, number, by="the container", hides_client=False)
                )


def _container(
    held: Value, volumes: Mapping[str, str], shares_network: bool, serverless: bool, ports: Value | None
) -> Container:
    image = held["image"]
    privileged = pick(held, "privileged", "securityContext")
    if isinstance(privileged.raw, Mapping):
        privileged = privileged["privileged"]
    mounts: list[str] = []
    undecided: list[Doubt] = []
    for item in (*held["mountPoints"].each(), *held["volumeMounts"].each()):
        source = volumes.get(str(pick(item, "sourceVolume", "name").raw), "")
        mounts.append(f"{source}:{pick(item, 'containerPath', 'mountPath').raw}")
    for item in (*_blocks(held["volumes"]), *held["mounts"].each()):
        source = pick(item, "hostPath", "source")
        if source.doubt:
            undecided.append(source.doubt)
        mounts.append(f"{source.raw or ''}:{pick(item, 'containerPath', 'target').raw}")
    socket = any(_SOCKET in mount for mount in mounts)
    doubts: list[Doubt] = []
    # Without the host's privileges and without its socket, no image can serve Docker to anybody.
    if image.doubt and (privileged.truth or privileged.doubt or socket or undecided) and not serverless:
        doubts.append(image.doubt)
    return Container(
        held.where,
        "" if image.doubt else (image.text or ""),
        tuple(lines(pick(held, "entryPoint", "entryPoints", "entrypoint", "entrypoints"))),
        tuple(_command(held)),
        tuple(_environment(pick(held, "environment", "environments", "envs", "env"))),
        tuple(_ports(held, ports)),
        held["publishAllPorts"].truth,
        tuple(mounts),
        shares_network,
        privileged.truth,
        tuple(doubts),
    )


def _blocks(listed: Value) -> Iterator[Value]:
    """A Docker provider's volumes; those of a job are names for others, and none of its own."""
    return (
        item for item in listed.each() if isinstance(item.raw, Mapping) and "containerPath" in item.names()
    )


def _command(held: Value) -> Iterator[str]:
    yield from lines(pick(held, "command", "commands"))
    yield from lines(held["args"])


def _environment(given: Value) -> Iterator[tuple[str, str | None]]:
    if isinstance(given.raw, Mapping):
        for name in given.names():
            yield name, _text(given[name])
        return
    for item in given.each():
        if isinstance(item.raw, Mapping):
            yield str(item["name"].raw), _text(item["value"])
        elif isinstance(item.raw, str):
            name, _, value = item.raw.partition("=")
            yield name, value


def _text(value: Value) -> str | None:
    scalar = value.raw
    return written(scalar) if isinstance(scalar, str | int | float | bool) else None


def _ports(held: Value, given: Value | None) -> Iterator[Port]:
    listed = pick(held, "portMappings", "ports") if given is None else given
    if isinstance(listed.raw, Mapping):  # Lightsail: by port, its protocol
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
        inside = pick(item, "containerPort", "internal", "targetPort")
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
