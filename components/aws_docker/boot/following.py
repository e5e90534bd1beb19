"""Follows the steps of user-data on a machine, in every world that they make, and judges each Docker daemon on the way.

Each time something may start Docker, it is judged as it then stands: its unit with drop-ins, environment files and
daemon.json together (listeners/dockerd.py). What opens Docker's socket otherwise, and files that something runs or
reads later, are looked at in the end.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from ..core.dockerd import Access, Listener, TcpAddress
from . import own
from .formats import yamltree
from .formats.steps import InstallPackages, Reading, RunScript, Step, WriteFile
from .listeners import containers, dockerd, nixos, rancheros, servers
from .listeners.found import Findings, concerns_socket, origin
from .machine import later, services, windows
from .machine.state import DOCUMENTATION, Budget, Content, Machine, base, is_unknown
from .machine.world import Process, World, merged
from .programs import docker
from .programs.registry import Registry
from .shell.forks import Where
from .shell.interpreter import Shell


class Following:
    """A machine that takes the steps of its user-data, and what is found on the way."""

    def __init__(self) -> None:
        self.machine = Machine(stock=services.STOCK)
        self.findings = Findings()
        self.worlds = [World(self.machine)]
        self.judged: dict[object, list[tuple[str, Listener]]] = {}
        """What the units on a machine with these files start."""
        self.judging = False
        self.docker = {"docker.service"}
        """Units that were seen to start dockerd."""
        self.streams: list[str] = []
        """Where the sockets of the unit listen whose programs are followed."""

    def follow(self, reading: Reading) -> None:
        for step in reading.in_order():
            self.step(step)
        self.settle()

    def settle(self) -> None:
        """Judges what stands on the machine in the end."""
        for world in self.worlds:
            self.restarted(world)
        for world in list(self.worlds):
            self.files(world)

    def give_up(self) -> None:
        """Judges what stands on the machine where the steps were too many to follow to their end."""
        self.machine.steps = self.machine.size = 0
        self.judging = False
        with suppress(Budget):  # it was said already
            self.settle()

    def step(self, step: Step) -> None:
        match step:
            case WriteFile():
                for world in self.worlds:
                    world.write(world.path(step.path), step.content, step.where, append=step.append)
            case InstallPackages():
                if docker.installs(list(step.names)):
                    self.machine.runs_docker = True
                    for world in self.worlds:
                        self.restarted(world)
            case RunScript(language="windows"):
                for world in self.worlds:
                    self.windows(world, step)
            case RunScript():
                self.worlds = self.script(self.worlds, step.text, step.where, [])

    def script(
        self, worlds: Sequence[World], text: str, where: Where, arguments: list[str] | None
    ) -> list[World]:
        """What becomes of worlds where a script runs, in whichever language its first line says."""
        first = text.lstrip("\ufeff \t\r\n").partition("\n")[0]
        shell = Shell(self.machine, where, Registry(), self)
        if first.startswith("#!") and re.search(r"python|perl|ruby|node|php|lua|tclsh|awk", first):
            words = first[2:].split()
            interpreter = ["python", "-c"] if "python" in first else [base(words[-1]) if words else "", "-e"]
            return [
                after
                for world in worlds
                for after in shell.follow_command(world, [*interpreter, text], Process())
            ]
        return shell.follow(worlds, text, arguments)

    def windows(self, world: World, step: RunScript) -> None:
        runs, daemons, configurations = windows.read(step.text)
        self.machine.runs_docker = self.machine.runs_docker or runs
        for daemon in daemons:
            for configuration in [options for options, _ in configurations] or [None]:
                words = ["dockerd", *daemon.flags]
                dockerd.judge(world, self.findings, words, step.where(daemon.line), given=configuration)
        for configuration, line in configurations:
            self.machine.runs_docker = True
            if not daemons:
                dockerd.judge(world, self.findings, ["dockerd"], step.where(line), given=configuration)
        if re.search(r"(?:iex|invoke-expression)\b", step.text, re.I) and re.search(r"https?://", step.text):
            self.machine.note_unread(
                f"{step.where(1)}: a script that is not in the user-data may be run", elsewhere=True
            )

    # --- What is started ---

    def daemon(self, world: World, argv: Sequence[str], where: str) -> None:
        dockerd.judge(world, self.findings, argv, where, streams=self.streams)

    def found(self, world: World, where: str, listener: Listener) -> None:
        self.findings.add(world, where, listener)

    def restarted(self, world: World) -> None:
        """Judges what the units on the machine would start now."""
        if self.judging:
            return
        key = frozenset(world.files.items())
        known = self.judged.get(key)
        if known is not None:
            for where, listener in known:
                self.findings.add(world, where, listener)
            return
        self.machine.step(100)
        before = len(self.findings.log)
        self.judging = True
        try:
            for each in list(services.started(world)):
                self.unit(world, each)
        finally:
            self.judging = False
        self.judged[key] = self.findings.log[before:]

    def unit(self, world: World, started: services.Started) -> None:
        """Looks at a program that a unit starts."""
        argv, where, environment, streams, sources, unit = started
        name = base(argv[0])
        sockets = [Content(setting.value, setting.where) for setting in streams if setting.where]
        values = [setting.value for setting in streams]
        words = argv if name in dockerd.DAEMONS else dockerd.daemon_words(argv)
        if words is not None:
            self.docker.add(unit)
            self.machine.runs_docker = self.machine.runs_docker or bool(where)
            dockerd.judge(world, self.findings, words, where, streams=values, sources=[*sources, *sockets])
            return
        opens = name == "systemd-socket-proxyd" or (
            name in ("socat", "nc", "ncat", "netcat") and "LISTEN" not in " ".join(argv).upper()
        )
        if opens and concerns_socket(" ".join(argv)):
            reason = f"{name} passes whoever connects on to Docker's socket, so whoever connects is root"
            for stream in (value.strip() for value in values):
                if not stream.startswith(("/", "@", "%")):
                    listener = TcpAddress.of_stream(stream).listener(Access.UNAUTHENTICATED, reason)
                    self.found(world, origin(listener, where, sockets), listener)
            return
        if where:  # what comes with a package starts nothing else
            shell = Shell(self.machine, lambda _: where, Registry(), self)
            process = Process(variables=dict(environment))
            outer, self.streams = self.streams, values
            worlds = shell.follow_command(world.copy(), argv, process)
            self.streams = outer
            for after in worlds:
                self.docker_units(after)

    def docker_units(self, world: World) -> None:
        """Judges Docker's own units after another one did its work."""
        key = ("docker", frozenset(world.files.items()))
        if key not in self.judged:
            before = len(self.findings.log)
            for each in services.started(world, self.docker):
                if dockerd.daemon_words(each.argv) or base(each.argv[0]) in dockerd.DAEMONS:
                    self.unit(world, each)
            self.judged[key] = self.findings.log[before:]

    # --- Files that something reads or runs later ---

    def files(self, world: World) -> None:
        worlds = [world]
        self.rancheros(world)
        for path, content in list(world.files.items()):
            if not DOCUMENTATION.search(path):
                worlds = [after for each in worlds for after in self.file(each, path, content)]
                worlds = merged(worlds) if len(worlds) > 1 else worlds
        for each in worlds:
            self.restarted(each)

    def file(self, world: World, path: str, content: Content) -> list[World]:
        """Looks at a file that stands on the machine in the end."""
        text, where = content
        name = base(path)
        if own.is_agent(text):
            self.own_host(world)
            return [world]
        if own.opens_nothing(text):
            return [world]
        overridden = world.read(later.job(path)) if path.endswith(".override") else None
        if later.CONFIGURED.search(path):
            self.machine.runs_docker = True
        if later.DAEMON_JSON.fullmatch(path):
            self.machine.runs_docker = True
            options = dockerd.options(world, content, path) or {}
            dockerd.judge(world, self.findings, ["dockerd"], where, sources=[content], given=options)
        elif docker.COMPOSE.search(path) or (
            name.endswith((".yml", ".yaml")) and re.search(r"^services:", text, re.M)
        ):
            self.compose(world, content)
        elif name.endswith(".nix"):
            return self.nixos(world, content)
        elif name.endswith(".toml") and "containerd" in path:
            for listener in servers.containerd(text):
                self.found(world, where, listener)
        elif scripts := list(later.scripts(path, text, overridden.text if overridden else "")):
            return self.run_later(world, path, scripts, where)
        else:
            for listener in servers.web_server(text):
                self.found(world, where, listener)
        return [world]

    def run_later(self, world: World, path: str, scripts: Sequence[later.Script], where: str) -> list[World]:
        worlds = [world]
        if path in self.machine.followed:
            return worlds  # where something runs it, it was followed
        for script in scripts:
            worlds = self.script(worlds, script.text, lambda line: f"{where}, line {line}", None)
        return worlds

    def own_host(self, world: World) -> None:
        self.machine.runs_docker = True
        settings = world.read(own.SETTINGS)
        path = own.document_path(settings.text) if settings else None
        document = world.read(world.path(path)) if path else None
        if document is not None:
            words = own.command_line(document.text)
            dockerd.judge(world, self.findings, words, document.where, given={})

    def rancheros(self, world: World) -> None:
        """Judges the daemons and services that RancherOS's configuration describes, all its files together."""
        contents = [each for path, each in world.files.items() if path.startswith(rancheros.DIRECTORY)]
        trees = [yamltree.mapping(yamltree.load(content.text)).get("rancher") for content in contents]
        rancher = rancheros.merged(
            [cast(Mapping[str, Any], tree) for tree in trees if isinstance(tree, Mapping)]
        )
        if not rancher:
            return
        self.machine.runs_docker = True
        for argv in rancheros.daemons(rancher):
            dockerd.judge(world, self.findings, argv, contents[-1].where, sources=contents, given={})
        for container in rancheros.services(rancher):
            for listener in containers.container_listeners(container):
                self.found(world, contents[-1].where, listener)

    def nixos(self, world: World, content: Content) -> list[World]:
        """Judges what a NixOS configuration describes."""
        found, where = nixos.read(content.text), content.where
        self.machine.runs_docker = self.machine.runs_docker or found.runs_docker
        if found.argv:
            dockerd.judge(
                world, self.findings, found.argv, where, streams=found.streams, given=found.settings
            )
        listeners = list(found.listeners)
        for container in found.containers:
            listeners += containers.container_listeners(container)
        for listener in listeners:
            self.found(world, where, listener)
        if found.computed:
            self.machine.note_unread(f"{where}: what is computed in it about Docker is not evaluated")
        worlds = [world]
        for script in found.scripts:
            worlds = self.script(worlds, script, lambda _: where, None)
        return worlds

    def compose(self, world: World, content: Content) -> None:
        if is_unknown(content.text):
            self.machine.note_unread(
                f"{content.where}: the Compose file is not in the user-data", elsewhere=True
            )
        tree = yamltree.load(content.text)
        if tree.problem:
            self.machine.note_unread(f"{content.where}: {tree.problem}")
        for container in containers.compose(tree.value, {}):
            for listener in containers.container_listeners(container):
                self.found(world, content.where, listener)
