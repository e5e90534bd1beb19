"""Follows the steps of user-data on a machine, and judges each Docker daemon that is started on the way.

Each time something may start Docker, the daemon is judged as it then stands: its unit with drop-ins, environment files
and daemon.json together. daemon.py says what they expose. Beside dockerd, what opens its socket to a network is looked
for (forwarders.py), and files that something runs or reads later (cron, Compose, rc.local).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ..core.dockerd import Access, Listener, TcpAddress, config_file, exposure
from . import own
from .formats import yamltree
from .formats.steps import InstallPackages, Reading, RunScript, WriteFile
from .listeners import relays as forwarders
from .machine import services, windows
from .machine.state import DOCUMENTATION, FETCHED_INSTALLER, UNKNOWN, Budget, Content, Machine, base, names
from .programs import edits
from .shell.interpreter import Shell

_DAEMONS: Final = frozenset(
    ("dockerd", "dockerd-ce", "dockerd-rootless.sh", "dockerd-entrypoint.sh", "docker-containerd")
)
_PACKAGES = re.compile(
    r"(?:docker(?:\.io|-ce|-ee|-engine|-ce-rootless-extras|-latest)?|moby-engine|moby|lxc-docker|docker-installer)(?:[=:<>-]\d.*|-\*|\*|/.*)?"
)
_INSTALLERS: Final = names(
    "apt apt-get aptitude yum dnf microdnf tdnf zypper apk pacman snap amazon-linux-extras rpm-ostree dpkg "
    "rpm emerge nix-env brew"
)
_CONFIGURED = re.compile(
    r"/etc/docker/|/etc/(?:default|sysconfig|conf\.d)/docker|/docker(?:-\w+)?\.(?:service|socket)|/\.config/docker/daemon\.json"
    r"|/var/snap/docker/|/etc/ecs/ecs\.config|(?i:/programdata/docker/)|docker-compose[^/]*\.ya?ml$"
)
_RUN_BY_THEMSELVES = re.compile(
    r"/etc/(?:rc\.local|rc\.d/.*|init\.d/.*|profile\.d/.*\.sh|profile|bash\.bashrc|cron\.(?:hourly|daily|weekly)/.*|network/if-up\.d/.*|local\.d/.*)"
    r"|/var/lib/cloud/scripts/.*|/(?:root|home/[^/]+)/\.(?:bashrc|profile|bash_profile)"
)
_CRON = re.compile(r"/etc/(?:crontab|cron\.d/[^/]+)|/var/spool/cron/.*")
_UPSTART = re.compile(r"/etc/init/[^/]+\.(?:conf|override)")
_DEFAULT_CONFIGURATION = re.compile(
    r".*/\.config/docker/daemon\.json|/var/snap/docker/[^/]+/config/daemon\.json|(?i:[a-z]:/programdata/docker/config/daemon\.json)|.*\$.*/daemon\.json"
)
_COMPOSE = re.compile(r"compose[^/]*\.ya?ml$")
# Options of docker itself and of docker-compose that take a value.
_CLIENT_OPTIONS: Final = names(
    "-H --host -c --context --config -l --log-level -g --graph -p --project-name -f --file --env-file -G -s -b "
    "--tlscacert --tlscert --tlskey"
)
_FORWARDERS: Final = names("| socat nc ncat netcat ssh autossh systemd-socket-activate")
_INSTALL: Final = names("install add -S -i -U -Sy -Syu localinstall reinstall start restart")
_MANAGERS: Final = names("systemctl service rc-service invoke-rc.d initctl rc-update update-rc.d chkconfig")
_STARTS: Final = names("start restart --now reload reload-or-restart try-restart isolate daemon-reexec")
_BRINGS_UP: Final = names(
    "start restart enable unmask --now reload reload-or-restart try-restart edit on add"
)


class Following:
    """A machine that takes the steps of its user-data, and what is found on the way."""

    def __init__(self) -> None:
        self.machine = Machine(stock=services.STOCK)
        self.findings: dict[tuple[str, str, str], tuple[str, Listener]] = {}
        self.judged = -1
        self.judging_units = False

    # --- Following ---

    def follow(self, reading: Reading) -> None:
        for step in reading.in_order():
            if isinstance(step, WriteFile):
                self.machine.write(self.machine.path(step.path), step.content, step.where, append=step.append)
            elif isinstance(step, InstallPackages):
                self.installed(step.names)
            elif step.language == "windows":
                self.windows(step)
            else:
                self.script(step)
        self.units()
        self.files()

    def give_up(self) -> None:
        """Judges what stands on the machine where the steps were too many to follow to their end."""
        self.machine.steps = self.machine.size = 0
        try:
            self.units()
            self.files()
        except Budget:
            pass  # it was said already

    def script(self, step: RunScript) -> None:
        first = step.text.lstrip("\ufeff \t\r\n").partition("\n")[0]
        shell = Shell(self.machine, step.where, self.start)
        if first.startswith("#!") and re.search(r"python|perl|ruby|node|php|lua|tclsh|awk", first):
            language = base(first[2:].split()[-1] if first[2:].split() else "")
            interpreter = "python" if "python" in first else language
            shell.command([interpreter, "-c" if interpreter == "python" else "-e", step.text], None)
            return
        shell.run(step.text)
        shell.finish(step.text)

    def windows(self, step: RunScript) -> None:
        self.machine.runs_docker = self.machine.runs_docker or windows.runs_docker(step.text)
        configurations: list[tuple[dict[str, Any] | None, int]] = list(windows.configurations(step.text))
        daemons = list(windows.daemons(step.text))
        for daemon in daemons:
            for configuration, _ in configurations or [(None, 0)]:
                self.daemon(["dockerd", *daemon.flags], step.where(daemon.line), given=configuration)
        for configuration, line in configurations:
            self.machine.runs_docker = True
            if not daemons and configuration is not None:
                self.daemon(["dockerd"], step.where(line), given=configuration)
        if re.search(r"(?:iex|invoke-expression)\b", step.text, re.I) and re.search(r"https?://", step.text):
            self.machine.note_unread(f"{step.where(1)}: a script that is not in the user-data may be run")

    # --- What is started ---

    def start(self, argv: Sequence[str], where: str) -> None:
        """Looks at a program that is started."""
        name = base(argv[0])
        if name in _DAEMONS:
            self.machine.runs_docker = True
            self.daemon(argv, where)
        elif name in ("docker", "docker-compose", "nerdctl", "podman"):
            self.docker(argv, where)
        elif name == "docker-installer":
            self.installed(["docker-ce"])
        elif name in _INSTALLERS:
            if _INSTALL & set(argv):
                self.installed([base(word) for word in argv[1:]])
        elif name in _MANAGERS:
            if any(re.fullmatch(r"docker(?:\.\w+)?", word) for word in argv[1:]) and _BRINGS_UP & set(argv):
                self.machine.runs_docker = True
            if _STARTS & set(argv):
                self.units()
        elif name in ("reboot", "shutdown", "init", "telinit"):
            self.units()
        elif name in _FORWARDERS:
            for listener in forwarders.program(name, argv):
                self.found(where, listener)
        else:
            self.unknown(argv, where)

    def unknown(self, argv: Sequence[str], where: str) -> None:
        # Some program that starts dockerd, or dockerd under another name.
        for at, word in enumerate(argv[1:], 1):
            if base(word) in _DAEMONS and any(re.match(r"-H|--host", each) for each in argv[at:]):
                self.daemon(argv[at:], where)
                return
        line = " ".join(argv)
        if re.search(r"(?:^|\s)(?:-H|--host)[ =]?(?:tcp://)?(?:0\.0\.0\.0|\[::\])(?::\d+)?(?:\s|$)", line):
            self.daemon(["dockerd", *argv[1:]], where)

    def installed(self, names: Sequence[str]) -> None:
        """Docker's packages start it (Debian), with the configuration that is there."""
        if any(_PACKAGES.fullmatch(name) for name in names):
            self.machine.runs_docker = True
            self.units()

    def docker(self, argv: Sequence[str], where: str) -> None:
        rest = list(argv[1:])
        remote = False
        flags: list[str] = []
        daemon = False
        while rest and rest[0].startswith("-"):
            word = rest.pop(0)
            flags.append(word)
            name, separator, value = word.partition("=")
            if word in ("-d", "--daemon", "-d=true", "--daemon=true"):
                daemon = True
                flags.pop()
                continue
            if not separator and name in _CLIENT_OPTIONS and rest:
                value = rest.pop(0)
                flags.append(value)
            if name in ("-H", "--host") or word.startswith("-H"):
                address = value or word[2:]
                remote = remote or not address.startswith(("unix:", "fd:", "npipe:"))
            elif name in ("-c", "--context"):
                remote = remote or value not in ("default", "rootless")
        verb = rest[0] if rest else ""
        if daemon or verb == "daemon":
            self.machine.runs_docker = True
            self.daemon(["dockerd", *flags, *(rest[1:] if verb == "daemon" else rest)], where)
            return
        if verb in ("", "version", "--version", "context", "login", "logout", "help", "config", "completion"):
            return
        if not remote and base(argv[0]).startswith("docker"):
            self.machine.runs_docker = True
        if verb == "container" and rest[1:]:
            rest = rest[1:]
            verb = rest[0]
        compose = "compose" in (verb, base(argv[0]).removeprefix("docker-"))
        composes = compose and {"up", "start", "run"} & set(rest)
        if composes and not remote and not any(_COMPOSE.search(path) for path in self.machine.files):
            self.machine.note_unread(f"{where}: the Compose file is not in the user-data")
        if verb in ("run", "create"):
            for listener in forwarders.container_listeners(forwarders.docker_run(rest[1:])):
                self.found(where, listener)
        elif verb == "service" and rest[1:2] == ["create"]:
            for listener in forwarders.container_listeners(forwarders.docker_run(rest[2:])):
                self.found(where, listener)

    # --- dockerd ---

    def daemon(
        self,
        argv: Sequence[str],
        where: str,
        *,
        streams: Sequence[str] = (),
        sources: Sequence[Content] = (),
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """Judges a dockerd that is started with these words, with each configuration file that it may find."""
        self.machine.step(len(argv))
        path = config_file(argv)
        contents = self.machine.read(self.machine.path(path))
        if not contents and base(argv[0]) == "dockerd-rootless.sh":
            contents = [
                each
                for file, texts in self.machine.files.items()
                if file.endswith("/.config/docker/daemon.json")
                for each in texts
            ]
        for content in contents or [None]:
            options = given if given is not None or content is None else self.options(content, path)
            exposed = exposure(argv, options, socket_streams=streams)
            if exposed.only_reports:
                continue
            for listener in exposed.listeners:
                if listener.access is not Access.LOCAL:
                    self.found(
                        _origin(listener, where, [*sources, *([content] if content else [])]), listener
                    )
            for sentence in exposed.unread:
                self.machine.note_unread(f"{where}: {sentence}")

    def options(self, content: Content, path: str) -> Mapping[str, Any] | None:
        text = content.text.lstrip("\ufeff")
        if text.strip() == UNKNOWN or text == FETCHED_INSTALLER:
            self.machine.note_unread(f"{content.where}: what {path[:200]} then holds is not in the user-data")
            return None
        if not text.strip():
            return {}
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            # dockerd refuses to start with it. Until somebody mends it: what would be open then?
            if re.search(r"hosts|tcp://|tls", text):
                self.machine.note_unread(f"{content.where}: {path[:200]} is not JSON and was read in part")
            return edits.overlaid("", text)
        return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}

    def found(self, where: str, listener: Listener) -> None:
        key = (str(listener), listener.access.value, listener.binding.value)
        if key not in self.findings and len(self.findings) < 200:
            self.findings[key] = (where, listener)

    # --- Units ---

    def units(self) -> None:
        """Judges what the units on the machine would start now."""
        if self.judging_units or self.judged == self.machine.changes:
            return
        self.machine.step(100)
        self.judging_units = True
        try:
            for each in list(services.started(self.machine)):
                self.exec(each)
        finally:
            self.judging_units = False
            self.judged = self.machine.changes

    def exec(self, started: services.Started) -> None:
        argv, where, environment, streams, sources = started
        name = base(argv[0])
        sockets = [Content(setting.value, setting.where) for setting in streams if setting.where]
        if name in _DAEMONS:
            if where:
                self.machine.runs_docker = True
            self.daemon(
                argv, where, streams=[setting.value for setting in streams], sources=[*sources, *sockets]
            )
            return
        opens = name == "systemd-socket-proxyd" or (
            name in ("socat", "nc", "ncat", "netcat") and "LISTEN" not in " ".join(argv).upper()
        )
        if opens and forwarders.concerns_socket(" ".join(argv)):
            reason = f"{name} passes whoever connects on to Docker's socket, so whoever connects is root"
            for stream in (setting.value.strip() for setting in streams):
                if not stream.startswith(("/", "@", "%")):
                    listener = TcpAddress.of_stream(stream).listener(Access.UNAUTHENTICATED, reason)
                    self.found(_origin(listener, where, sockets), listener)
            return
        if where:  # what comes with a package starts nothing else
            shell = Shell(
                self.machine,
                lambda _: where,
                self.start,
                {key: [value] for key, value in environment.items()},
                maybe=True,
            )
            shell.command(list(argv), None)

    # --- Files that something reads or runs later ---

    def files(self) -> None:
        for path in list(self.machine.files):
            if DOCUMENTATION.search(path):
                continue
            for content in list(self.machine.read(path)):
                self.file(path, content)
        self.units()

    def file(self, path: str, content: Content) -> None:
        text, where = content
        name = base(path)
        if own.is_agent(text):
            self.own_host(where)
            return
        if _CONFIGURED.search(path):
            self.machine.runs_docker = True
        if _DEFAULT_CONFIGURATION.fullmatch(path):
            self.machine.runs_docker = True
            self.daemon(["dockerd"], where, given=self.options(content, path) or {}, sources=[content])
        elif _COMPOSE.search(path) or (
            name.endswith((".yml", ".yaml")) and re.search(r"^services:", text, re.M)
        ):
            self.compose(content)
        elif name.endswith(".toml") and "containerd" in path:
            for listener in forwarders.containerd(text):
                self.found(where, listener)
        elif _CRON.fullmatch(path):
            lines = re.sub(
                r"(?m)^\s*(?:@\w+|(?:\S+\s+){4}\S+)\s+(?:(?:root|ubuntu|ec2-user|admin)\s+)?", "", text
            )
            self.later(lines, where)
        elif _UPSTART.fullmatch(path):
            self.later(re.sub(r"(?m)^\s*(?:(?:pre|post)-\w+ )?(?:end )?script\s*$", "", text), where)
        elif _RUN_BY_THEMSELVES.fullmatch(path) or text.lstrip().startswith("#!"):
            self.program(text, where)
        elif name.startswith("supervisord") or "/supervisor/" in path:
            for command in re.findall(r"(?m)^\s*command\s*=\s*(.{0,2000})$", text):
                self.later(command, where)
        else:
            for listener in forwarders.web_server(text):
                self.found(where, listener)

    def own_host(self, where: str) -> None:
        self.machine.runs_docker = True
        for settings in self.machine.read(own.SETTINGS):
            path = own.document_path(settings.text)
            for document in self.machine.read(self.machine.path(path)) if path else []:
                self.daemon(own.command_line(document.text), document.where, given={})

    def program(self, text: str, where: str) -> None:
        self.script(RunScript(text, lambda line: f"{where}, line {line}"))

    def later(self, text: str, where: str) -> None:
        shell = Shell(self.machine, lambda line: f"{where}, line {line}", self.start, maybe=True)
        shell.run(text)

    def compose(self, content: Content) -> None:
        if content.text == UNKNOWN:
            self.machine.note_unread(f"{content.where}: the Compose file is not in the user-data")
        tree = yamltree.load(content.text)
        if tree.problem:
            self.machine.note_unread(f"{content.where}: {tree.problem}")
        for container in forwarders.compose(tree.value, {}):
            for listener in forwarders.container_listeners(container):
                self.found(content.where, listener)


def _origin(listener: Listener, where: str, sources: Sequence[Content]) -> str:
    """Which of the sources names the listener: the last one that does."""
    marks = (
        [f"{listener.address}:{listener.port}", listener.address]
        if listener.kind == "tcp"
        else [listener.address]
    )
    if listener.kind == "tcp" and listener.port is not None:
        marks.append(str(listener.port))
    for mark in marks:
        for content in reversed(sources):
            if mark in content.text and content.where:
                return content.where
    return where or next((content.where for content in reversed(sources) if content.where), "")
