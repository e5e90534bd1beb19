"""Which programs the units on a machine would start, with their drop-ins, environment files and sockets.

Docker's own units, and its jobs for upstart, are there before anything is written.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from . import systemd
from .state import DOCUMENTATION, Content, is_unknown
from .world import World

_STOCK_SERVICE: Final = """\
[Unit]
Description=Docker Application Container Engine
After=network-online.target docker.socket
Requires=docker.socket
[Service]
Type=notify
EnvironmentFile=-/etc/default/docker
EnvironmentFile=-/etc/sysconfig/docker
EnvironmentFile=-/etc/sysconfig/docker-storage
EnvironmentFile=-/etc/sysconfig/docker-network
EnvironmentFile=-/etc/conf.d/docker
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock \\
 $DOCKER_OPTS $OPTIONS $DOCKER_STORAGE_OPTIONS $DOCKER_NETWORK_OPTIONS $DOCKER_ADD_RUNTIMES $OTHER_ARGS $other_args
ExecReload=/bin/kill -s HUP $MAINPID
[Install]
WantedBy=multi-user.target
"""
_STOCK_SOCKET: Final = """\
[Unit]
Description=Docker Socket for the API
[Socket]
ListenStream=/run/docker.sock
SocketMode=0660
SocketUser=root
SocketGroup=docker
[Install]
WantedBy=sockets.target
"""
# docker 1.x: contrib/init/upstart/docker.conf and contrib/init/sysvinit-debian/docker
_STOCK_UPSTART: Final = """\
description "Docker daemon"

start on (filesystem and net-device-up IFACE!=lo)
stop on runlevel [!2345]
limit nofile 524288 1048576
respawn

script
\t# modify these in /etc/default/$UPSTART_JOB (/etc/default/docker)
\tDOCKER=/usr/bin/docker
\tDOCKER_OPTS=
\tif [ -f /etc/default/docker ]; then
\t\t. /etc/default/docker
\tfi
\texec "$DOCKER" -d $DOCKER_OPTS
end script
"""
_STOCK_SYSV: Final = """\
#!/bin/sh
# modify these in /etc/default/$BASE (/etc/default/docker)
DOCKER=/usr/bin/docker
DOCKER_OPTS=
if [ -f /etc/default/docker ]; then
\t. /etc/default/docker
fi
start-stop-daemon --start --background --exec "$DOCKER" -- -d $DOCKER_OPTS
"""
STOCK: Final = {
    f"{directory}/docker.{kind}": text
    for directory in ("/lib/systemd/system", "/usr/lib/systemd/system")
    for kind, text in (("service", _STOCK_SERVICE), ("socket", _STOCK_SOCKET))
} | {
    "/etc/init/docker.conf": _STOCK_UPSTART,
    "/etc/init.d/docker": _STOCK_SYSV,
    "/etc/default/docker": '#DOCKER_OPTS="--dns 8.8.8.8 --dns 8.8.4.4"\n',
    "/etc/sysconfig/docker": 'DAEMON_MAXFILES=1048576\nOPTIONS="--default-ulimit nofile=32768:65536"\n',
}
"""Docker's files as packages bring them, on one distribution or another."""

MANAGER_ENVIRONMENT: Final = "/etc/systemd/system.conf.d/environment"
"""Stands for what `systemctl set-environment` gives all services."""

_Files = Mapping[str, Mapping[str, tuple[int, str]]]


class Started(NamedTuple):
    """A program that a unit starts."""

    argv: list[str]
    where: str
    """Where the line stands that starts it; nothing for Docker's own unit."""
    environment: Mapping[str, str]
    streams: list[systemd.Setting]
    """Where the unit's sockets listen."""
    sources: list[Content]
    """The texts that it is made of."""
    unit: str


def started(world: World, only: Collection[str] = ()) -> Iterator[Started]:
    """What the units on the machine would start now; `only`: these of them."""
    files = _unit_files(world)
    for unit in list(files):
        if unit.endswith(".service") and not unit.startswith("*") and (not only or unit in only):
            yield from _service(world, unit, files)


def unit_texts(world: World, unit: str) -> list[str]:
    """A unit and its drop-ins, as `systemctl cat` prints them."""
    return [
        f"# {path}\n{content.text}\n"
        for path in _paths(_unit_files(world), unit)
        if (content := world.read(path)) is not None
    ]


def unit_path(world: World, unit: str) -> str:
    """Where a unit's own file stands."""
    return _paths(_unit_files(world), unit)[0]


def _unit_files(world: World) -> dict[str, dict[str, tuple[int, str]]]:
    """The files of each unit: its own under "", drop-ins by name, each by the directory that wins."""
    names: dict[str, dict[str, tuple[int, str]]] = {"docker.service": {}, "docker.socket": {}}
    for path in world.files:
        file = systemd.unit_file(path)
        if file is None or DOCUMENTATION.match(path):
            continue
        directories = systemd.UNIT_DIRECTORIES
        rank = directories.index(file.directory) if file.directory in directories else len(directories)
        of_unit = names.setdefault(file.unit, {})
        if file.drop_in not in of_unit or of_unit[file.drop_in][0] > rank:
            of_unit[file.drop_in] = (rank, path)
    return names


def _paths(names: _Files, unit: str) -> list[str]:
    """The files of a unit and its drop-ins, in systemd's order."""
    own = names.get(unit, {})
    stem, _, kind = unit.rpartition(".")
    template = f"{stem.partition('@')[0]}@.{kind}" if "@" in unit else ""
    general = {**names.get(f"*.{kind}", {}), **(names.get(template, {}) if template != unit else {})}
    drop_ins = {name: place[1] for name, place in {**general, **own}.items() if name}
    first = own[""][1] if "" in own else f"/lib/systemd/system/{unit}"
    return [first, *(drop_ins[name] for name in sorted(drop_ins))]


def _texts(world: World, names: _Files, unit: str) -> list[tuple[str, str]]:
    contents = [world.read(path) for path in _paths(names, unit)]
    return [(content.text, content.where) for content in contents if content is not None]


def _streams(world: World, names: _Files, service: str) -> list[systemd.Setting]:
    """Where the socket units of a service listen."""
    found: list[systemd.Setting] = []
    stem = service.removesuffix(".service").removesuffix("@")
    for unit in names:
        if not unit.endswith(".socket") or unit.startswith("*"):
            continue
        socket = systemd.merged(_texts(world, names, unit))
        named = [setting.value for setting in socket.get("Service", ())]
        if service in named or (not named and unit.removesuffix(".socket") == stem):
            found += [setting for setting in socket.get("ListenStream", ()) if setting not in found]
    return found


def _service(world: World, name: str, names: _Files) -> Iterator[Started]:
    world.machine.step()
    texts = _texts(world, names, name)
    for text, where in texts:
        if is_unknown(text) and (name.startswith("docker") or "docker" in where):
            world.machine.note_unread(
                f"{where}: what the unit {name[:100]} then holds is not in the user-data"
            )
    unit = systemd.merged(texts)
    streams = _streams(world, names, name)
    everywhere = world.read(MANAGER_ENVIRONMENT)
    environment = systemd.environment_lines(everywhere.text) if everywhere else dict[str, str]()
    for setting in unit.get("Environment", ()):
        for word in systemd.words(setting.value):
            key, separator, value = word.partition("=")
            if separator:
                environment[key] = value
    sources = [Content(text, where) for text, where in texts if where]
    unknown = False
    for setting in unit.get("EnvironmentFile", ()):
        content = world.read(world.path(setting.value.lstrip("-")))
        if content is None:
            unknown = unknown or not setting.value.startswith("-")
            continue
        unknown = unknown or is_unknown(content.text)
        environment |= systemd.environment_lines(content.text)
        if content.where:
            sources.append(content)
    for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
        for setting in unit.get(key, ()):
            for argv in systemd.command(setting.value, environment, unknown):
                yield Started(argv, setting.where, environment, streams, sources, name)
