"""Which containers open Docker's API to a network: docker-in-docker, socket proxies and socat. Pure.

Read from `docker run`'s words and from Compose files. What a dockerd in a container exposes, core/dockerd.py says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ...core.dockerd import Listener, exposure
from ..machine.state import names
from .dockerd import daemon_words
from .found import EVERYWHERE, concerns_socket, number, plain, tcp
from .relays import BY_NAME


@dataclass(slots=True)
class Container:
    """What matters of a container."""

    image: str = ""
    command: list[str] = field(default_factory=list[str])
    ports: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Host address, host port and container port."""
    all_ports: bool = False
    host_network: bool = False
    environment: dict[str, str] = field(default_factory=dict[str, str])
    mounts: list[str] = field(default_factory=list[str])


_RUN_SWITCHES: Final = names(
    "--privileged --rm --detach --init --interactive --tty --read-only --no-healthcheck --oom-kill-disable "
    "--publish-all --sig-proxy --disable-content-trust --quiet --help"
)
_SHORT_WITH_VALUE: Final = "acehlmpuvw"


def docker_run(words: Sequence[str]) -> Container:
    """The container of `docker run` with these words after `run`."""
    container = Container()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if not word.startswith("-"):
            rest.insert(0, word)
            break
        if word.startswith("--"):
            name, separator, value = word.partition("=")
            if name in _RUN_SWITCHES:
                container.all_ports = container.all_ports or name == "--publish-all"
                continue
            if not separator:
                value = rest.pop(0) if rest else ""
        else:
            letters = word[1:]
            name, value = "", ""
            while letters:
                letter, letters = letters[0], letters[1:]
                name = "-" + letter
                if letter == "P":
                    container.all_ports = True
                if letter in _SHORT_WITH_VALUE:
                    value = letters.removeprefix("=") or (rest.pop(0) if rest else "")
                    break
        _option(container, name, value)
    if rest:
        container.image, container.command = rest[0], container.command + rest[1:]
    return container


def _option(container: Container, name: str, value: str) -> None:
    match name:
        case "-p" | "--publish":
            container.ports += _published(value)
        case "-e" | "--env":
            key, separator, text = value.partition("=")
            container.environment[key] = text if separator else "${" + key + "}"
        case "-v" | "--volume" | "--mount":
            container.mounts.append(value)
        case "--network" | "--net":
            container.host_network = container.host_network or value == "host"
        case "--entrypoint":
            container.command = [value, *container.command]
        case _:
            pass


def _published(text: str) -> list[tuple[str, str, str]]:
    text, _, protocol = text.strip().partition("/")
    if protocol and protocol.lower() != "tcp":
        return []
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        ports = rest.lstrip(":").split(":")
    else:
        *before, last = text.split(":")
        host = ":".join(before[:-1])
        ports = [*before[-1:], last]
    inside = ports[-1]
    outside = ports[0] if len(ports) > 1 else ""
    return [(host or EVERYWHERE, _in_range(outside, inside, at), at) for at in _range(inside)]


def _range(text: str) -> list[str]:
    first, separator, last = text.partition("-")
    if not separator or not first.isdigit() or not last.isdigit():
        return [text]
    numbers = range(int(first[:5]), min(int(last[:5]), 65_535) + 1)
    # Of a range, those that Docker uses.
    return [str(port) for port in (2375, 2376) if port in numbers] or [first]


def _in_range(outside: str, inside: str, at: str) -> str:
    first = outside.partition("-")[0]
    start = inside.partition("-")[0]
    if first.isdigit() and start.isdigit() and at.isdigit():
        return str(int(first[:5]) + int(at[:5]) - int(start[:5]))
    return first


def container_listeners(container: Container) -> Iterator[Listener]:
    """The listeners of the Docker API that a container opens on its host."""
    image = container.image.lower()
    name, _, tag = image.rpartition("/")[2].partition("@")[0].partition(":")
    command = " ".join(container.command)
    words = _program(container.command)
    dind = (name == "docker" and "dind" in tag) or "dind" in name
    if dind or (name == "docker" and words[:1] and words[0].startswith("-")) or _daemon(words):
        yield from _docker_in_docker(container, name, tag, words)
        return
    socket = any(concerns_socket(mount) for mount in container.mounts)
    proxy = re.search(
        r"socket-?proxy|docker-?proxy|dockerproxy|docker-tcp|docker-?expose|remote-api|socat", image
    )
    if not (socket or proxy):
        return
    for program, opens in BY_NAME.items():
        if program in name or program in command.split():
            flat = [word for each in container.command for word in each.split() if word != program]
            yield from _on_host(container, list(opens([program, *flat])))
            return
    access, reason = plain(f"the container of {container.image[:80] or 'an image'}")
    for host, outside, inside in container.ports:
        if proxy or "2375" in (outside, inside) or "2376" in (outside, inside):
            yield tcp(host, number(outside), access, reason)
    if proxy and container.host_network:
        yield tcp(EVERYWHERE, 2375, access, reason)
    if proxy and container.all_ports and not container.ports:
        yield tcp(EVERYWHERE, None, access, reason)


_SHELLS: Final = names("sh bash ash /bin/sh /bin/bash")
_ENTRYPOINTS: Final = names(
    "dockerd-entrypoint.sh docker-entrypoint.sh wrapdocker dind exec tini dumb-init -- -e -g -s"
)


def _program(command: Sequence[str]) -> list[str]:
    """The program that a container's command comes to, with its words: what only starts it is left out."""
    words = list(command)
    for _ in range(6):
        if words[:1] and words[0] in _SHELLS and words[1:2] and re.fullmatch(r"-\w*c", words[1]):
            words = " ".join(words[2:3]).split()
        elif words[:1] and words[0].rpartition("/")[2] in _ENTRYPOINTS:
            words = words[1:]
        else:
            break
    return words


def _daemon(words: Sequence[str]) -> list[str] | None:
    """dockerd's words, where a command runs one."""
    if words and words[0].rpartition("/")[2] in ("dockerd", "dockerd-rootless.sh"):
        return list(words)
    return daemon_words(words) if words else None


def _docker_in_docker(container: Container, name: str, tag: str, words: list[str]) -> Iterator[Listener]:
    # docker-library/docker, dockerd-entrypoint.sh: without a program of its own, it adds listeners to the flags given.
    argv = _daemon(words)
    if argv is None and words and not words[0].startswith("-"):
        return  # it runs something else
    if argv is None and name == "dind":  # jpetazzo/dind
        port = container.environment.get("PORT")
        argv = ["dockerd", "-H", f"tcp://0.0.0.0:{port}", *words] if port else ["dockerd", *words]
    elif argv is None:
        certificates = container.environment.get("DOCKER_TLS_CERTDIR")
        version = re.match(r"(\d+)\.(\d+)", tag)
        old = bool(version) and (int(version[1]), int(version[2])) < (19, 3) if version else False
        plain_wanted = certificates is None and any(inside == "2375" for _, _, inside in container.ports)
        if certificates == "" or (old and not certificates):
            argv = ["dockerd", "-H", "unix:///var/run/docker.sock", "-H", "tcp://0.0.0.0:2375", *words]
        else:
            verified = ["--tlsverify", "--tlscacert", "/certs/server/ca.pem"]
            argv = ["dockerd", "-H", "tcp://0.0.0.0:2376", *verified, *words]
            if plain_wanted:
                # It falls back to this wherever it makes no certificates, and somebody means to use it.
                yield from _on_host(container, exposure(["dockerd", "-H", "tcp://0.0.0.0:2375"]).listeners)
    yield from _on_host(container, exposure(argv).listeners)


def _on_host(container: Container, listeners: Iterable[Listener]) -> Iterator[Listener]:
    for listener in listeners:
        if listener.kind != "tcp":
            continue
        if container.host_network:
            yield listener
            continue
        for host, outside, inside in container.ports:
            if inside == str(listener.port) or listener.port is None or not inside.isdigit():
                yield tcp(host, number(outside), listener.access, listener.reason)
        if container.all_ports:
            yield tcp(EVERYWHERE, None, listener.access, listener.reason)


# --- Compose ---


def compose(document: Any, variables: Mapping[str, str]) -> Iterator[Container]:
    """The containers of a Compose file, already parsed."""

    def text(value: Any) -> str:
        def put_in(found: re.Match[str]) -> str:
            return variables.get(found[1] or found[3]) or found[2] or found[0]

        shown = str(value).lower() if isinstance(value, bool) else str(value if value is not None else "")
        return re.sub(r"\$\{(\w+)(?::?-([^}]{0,200}))?\}|\$(\w+)", put_in, shown[:2_000], flags=re.A)

    def texts(value: Any) -> list[str]:
        if isinstance(value, Mapping):
            return [f"{key}={text(each)}" for key, each in cast(Mapping[Any, Any], value).items()]
        if isinstance(value, list):
            return [text(each) for each in cast(list[Any], value)]
        return [] if value is None else [text(value)]

    services = cast(Mapping[Any, Any], document).get("services") if isinstance(document, Mapping) else None
    if not isinstance(services, Mapping):
        return
    for service in list(cast(Mapping[Any, Any], services).values())[:50]:
        if not isinstance(service, Mapping):
            continue
        given = cast(Mapping[Any, Any], service)
        container = Container(image=text(given.get("image")))
        for key in ("entrypoint", "command"):
            value = given.get(key)
            container.command += text(value).split() if isinstance(value, str) else texts(value)
        for each in texts(given.get("environment")):
            name, separator, value = each.partition("=")
            container.environment[name] = value if separator else "${" + name + "}"
        volumes: Any = given.get("volumes")
        container.mounts = (
            [str(each) for each in cast(list[Any], volumes)] if isinstance(volumes, list) else []
        )
        container.host_network = text(given.get("network_mode")) == "host"
        ports: Any = given.get("ports")
        for port in cast(list[Any], ports) if isinstance(ports, list) else []:
            if isinstance(port, Mapping):
                long = cast(Mapping[Any, Any], port)
                if text(long.get("protocol") or "tcp") == "tcp":
                    place = (
                        text(long.get("host_ip")) or EVERYWHERE,
                        text(long.get("published")),
                        text(long.get("target")),
                    )
                    container.ports.append(place)
            else:
                container.ports += _published(text(port))
        yield container
