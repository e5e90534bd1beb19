"""Which programs and containers open Docker's socket to a network, and as what. Pure.

socat, ncat and their like in front of docker.sock; docker-in-docker and socket proxies in containers, from `docker run`
and from Compose files; nginx and HAProxy in front of the socket. What dockerd itself exposes is daemon.py's to say, for
the dockerd in a container too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from ...core.dockerd import Access, Binding, Listener, TcpAddress, exposure
from ..machine.state import names

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - an address that is read about
_SOCKET = re.compile(r"docker(?:-\w+)?\.sock|/docker/[\w.-]*\.sock")
_DAEMON_PORT = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):237[56]")


def tcp(host: str, port: int | None, access: Access, reason: str) -> Listener:
    """A listener of something in front of the daemon, where dockerd would have it for the same address."""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return TcpAddress.parse(f"{host}:0")._replace(port=port).listener(access, reason)


def concerns_socket(text: str) -> bool:
    """Whether a text names Docker's socket."""
    return _SOCKET.search(text) is not None


# --- Programs ---


def program(name: str, argv: Sequence[str]) -> Iterator[Listener]:
    """The listeners of a program that forwards to Docker's socket."""
    line = " ".join(argv)
    if not concerns_socket(line) and not _DAEMON_PORT.search(line) and "docker" not in line:
        return
    match name:
        case "socat":
            yield from _socat(argv)
        case "nc" | "ncat" | "netcat" | "|":
            yield from _netcat(argv)
        case "ssh" | "autossh":
            yield from _ssh(argv)
        case "systemd-socket-activate" | "systemd-activate":
            for at, word in enumerate(argv[:-1]):
                if word in ("-l", "--listen") and (":" in argv[at + 1] or argv[at + 1].isdigit()):
                    host, _, port = argv[at + 1].rpartition(":")
                    yield tcp(host or _EVERYWHERE, _number(port), *_plain("systemd-socket-activate"))
        case _:
            pass


def _plain(what: str) -> tuple[Access, str]:
    return (
        Access.UNAUTHENTICATED,
        f"{what} passes whoever connects on to Docker's socket, so whoever connects is root",
    )


def _socat(argv: Sequence[str]) -> Iterator[Listener]:
    addresses = [word for word in argv[1:] if not word.startswith("-")]
    behind = [
        word
        for word in addresses
        if concerns_socket(word) or _DAEMON_PORT.search(word) or "dial-stdio" in word
    ]
    for address in addresses:
        found = re.match(r"(tcp[46]?|openssl|ssl)-(?:listen|l):([^,:]*)", address, re.I)
        if not found or not [word for word in behind if word != address]:
            continue
        options: dict[str, str] = {}
        for option in address.split(",")[1:]:
            key, _, value = option.lower().partition("=")
            options[key] = value
        access, reason = _plain("socat")
        if found[1].lower() in ("openssl", "ssl"):
            if options.get("verify", "1") == "0":
                access = Access.NO_CLIENT_CHECK
                reason = "socat asks no client for a certificate (verify=0): whoever connects is root"
            elif "cafile" in options or "ca" in options or "capath" in options:
                access, reason = (
                    Access.MUTUAL_TLS,
                    "socat asks clients for a certificate that its cafile signed",
                )
            else:
                access = Access.PUBLIC_AUTHORITIES
                reason = "socat checks client certificates without a cafile of its own"
        yield tcp(options.get("bind", "") or _EVERYWHERE, _number(found[2]), access, reason)


def _netcat(argv: Sequence[str]) -> Iterator[Listener]:
    words = list(argv)
    listens = any(re.fullmatch(r"-[a-zA-Z46]*l[a-zA-Z46]*|--listen", word) for word in words)
    if not listens or not concerns_socket(" ".join(words)):
        return
    port = next((word for word in words if word.isdigit() and int(word[:6]) > 0), "")
    host = next((word for word in words if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", word, re.A)), _EVERYWHERE)
    yield tcp(host, _number(port), *_plain("netcat"))


def _ssh(argv: Sequence[str]) -> Iterator[Listener]:
    for at, word in enumerate(argv):
        flag = re.match(r"-[a-zA-Z]*([LR])(.*)", word, re.S)
        if not flag:
            continue
        forward = flag[2] or (argv[at + 1] if at + 1 < len(argv) else "")
        found = re.match(r"(?:(\[[^\]]*\]|[^:\[\]]*):)?(\d{1,5}):(/.*|[^:]*:237[56])$", forward, re.A)
        if found and (concerns_socket(found[3]) or _DAEMON_PORT.search(found[3])):
            host = (found[1] or "localhost").replace("*", _EVERYWHERE)
            access, reason = _plain("ssh")
            listener = tcp(host, _number(found[2]), access, reason)
            # What -R opens is on the other machine.
            yield replace(listener, binding=Binding.UNKNOWN) if flag[1] == "R" else listener


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,5}", text, re.A) else None


# --- Configuration of web servers ---


def web_server(text: str) -> Iterator[Listener]:
    """The listeners of an nginx or HAProxy configuration that leads to Docker's socket."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    text = "\n".join(lines)
    if not re.search(r"(?:server|proxy_pass|reverse_proxy)\s[^\n]{0,200}docker\.sock", text):
        return
    checks = re.search(r"ssl_verify_client\s+on|verify\s+required", text)
    for found in re.finditer(r"^\s*(?:listen|bind)\s+([^\s;]{1,200})", text, re.M):
        host, separator, port = found[1].rpartition(":")
        if not separator and not port.isdigit():
            host, port = port, "80"
        if port.startswith("/") or host.startswith("unix"):
            continue
        access, reason = _plain("a proxy")
        if checks:
            access, reason = Access.MUTUAL_TLS, "the proxy asks clients for a certificate"
        yield tcp(host.replace("*", _EVERYWHERE) or _EVERYWHERE, _number(port), access, reason)


def containerd(text: str) -> Iterator[Listener]:
    """The listener of a containerd that serves its own API by TCP: whoever connects starts containers with it."""
    grpc = re.search(r"\[grpc\]([^\[]*)", text)
    options = (
        dict(re.findall(r"^\s*(tcp_\w{1,20})\s*=\s*[\"']([^\"'\n]{1,200})[\"']", grpc[1], re.M))
        if grpc
        else {}
    )
    if "tcp_address" not in options:
        return
    host, _, port = options["tcp_address"].rpartition(":")
    if "tcp_tls_ca" in options:
        access, reason = (
            Access.MUTUAL_TLS,
            "containerd asks clients for a certificate that its tcp_tls_ca signed",
        )
    else:
        access, reason = Access.UNAUTHENTICATED, "containerd checks nobody, so whoever connects is root"
    yield tcp(host or _EVERYWHERE, _number(port), access, reason)


# --- Containers ---


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
    return [(host or _EVERYWHERE, _in_range(outside, inside, at), at) for at in _range(inside)]


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
    if (
        (name == "docker" and ("dind" in tag or _starts_daemon(container.command)))
        or "dind" in name
        or _runs_daemon(container)
    ):
        yield from _docker_in_docker(container, name, tag)
        return
    socket = any(concerns_socket(mount) for mount in container.mounts)
    proxy = re.search(
        r"socket-?proxy|docker-?proxy|dockerproxy|docker-tcp|docker-?expose|remote-api|socat", image
    )
    if not (socket or proxy):
        return
    if "socat" in command or "socat" in name:
        words = ["socat", *(word for word in container.command if word != "socat")]
        inner = list(_socat([word for each in words for word in each.split()]))
        yield from _on_host(container, inner)
        return
    access, reason = _plain(f"the container of {container.image[:80] or 'an image'}")
    for host, outside, inside in container.ports:
        if proxy or "2375" in (outside, inside) or "2376" in (outside, inside):
            yield tcp(host, _number(outside), access, reason)
    if proxy and container.host_network:
        yield tcp(_EVERYWHERE, 2375, access, reason)
    if proxy and container.all_ports and not container.ports:
        yield tcp(_EVERYWHERE, None, access, reason)


def _starts_daemon(command: Sequence[str]) -> bool:
    return bool(command) and (
        command[0].startswith("-") or command[0].rpartition("/")[2] in ("dockerd", "dockerd-entrypoint.sh")
    )


def _runs_daemon(container: Container) -> bool:
    return any(word.rpartition("/")[2] == "dockerd" for word in container.command[:3])


def _docker_in_docker(container: Container, name: str, tag: str) -> Iterator[Listener]:
    # docker-library/docker, dockerd-entrypoint.sh: without a program of its own, it adds listeners to the words given.
    command = [
        word
        for word in container.command
        if word.rpartition("/")[2] not in ("dockerd-entrypoint.sh", "sh", "-c", "exec")
    ]
    if command and command[0].rpartition("/")[2] == "dockerd":
        argv = command
    else:
        certificates = container.environment.get("DOCKER_TLS_CERTDIR")
        version = re.match(r"(\d+)\.(\d+)", tag)
        old = bool(version) and (int(version[1]), int(version[2])) < (19, 3) if version else False
        plain_wanted = certificates is None and any(inside == "2375" for _, _, inside in container.ports)
        if certificates == "" or (old and not certificates):
            argv = ["dockerd", "-H", "unix:///var/run/docker.sock", "-H", "tcp://0.0.0.0:2375", *command]
        else:
            argv = [
                "dockerd",
                "-H",
                "tcp://0.0.0.0:2376",
                "--tlsverify",
                "--tlscacert",
                "/certs/server/ca.pem",
                *command,
            ]
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
                yield tcp(host, _number(outside), listener.access, listener.reason)
        if container.all_ports:
            yield tcp(_EVERYWHERE, None, listener.access, listener.reason)


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
                        text(long.get("host_ip")) or _EVERYWHERE,
                        text(long.get("published")),
                        text(long.get("target")),
                    )
                    container.ports.append(place)
            else:
                container.ports += _published(text(port))
        yield container
