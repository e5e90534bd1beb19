"""Decides what an instance's user-data makes a Docker daemon expose, and whether it holds private keys. Pure.

The steps of the user-data are followed in the order in which the machine takes them (documents.py, shell.py). Each time
something may start Docker, the daemon is judged as it then stands: its unit with drop-ins, defaults files and daemon.json
together (systemd.py; daemon.py judges). Where a file may hold one thing or another, each is judged. Beside dockerd, what
opens its socket to a network is looked for (forwarders.py).

Left to others: what security groups and firewalls let through, what an image starts by itself, what scripts fetch.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final, cast

from ..daemon import Listener, Verdict, config_file, exposure
from . import edits, forwarders, own, systemd, windows, yamltree
from .documents import InstallPackages, Reading, RunScript, WriteFile, read
from .keys import hide
from .machine import UNKNOWN, Budget, Content, Machine
from .programs import base
from .shell import Shell
from .syntax import is_too_deep


@dataclass(frozen=True, slots=True)
class Finding:
    """A listener, and where in the user-data it comes from."""

    where: str
    """Such as "runcmd, line 3", "write_files /etc/docker/daemon.json" or "part 2 (text/x-shellscript), line 7"."""
    listener: Listener


@dataclass(frozen=True, slots=True)
class BootJudgement:
    """What user-data makes of a machine, as far as Docker is concerned."""

    runs_docker: bool
    """Whether it installs, configures, starts or uses a Docker engine of the machine's own."""
    listeners: tuple[Finding, ...]
    """Everything that serves the Docker API beyond a Unix socket: safe or not, by dockerd or by something before it."""
    unread: tuple[str, ...]
    """What could not be read or decided, a sentence each."""
    private_keys: tuple[str, ...]
    """Where private keys stand."""

    @property
    def unsafe(self) -> tuple[Finding, ...]:
        """The listeners that are not safe."""
        return tuple(finding for finding in self.listeners if not finding.listener.safe)


def judge(user_data: str | bytes) -> BootJudgement:
    """What this user-data makes a Docker daemon expose.

    Takes it as AWS or Pulumi hands it over: plain, in base64, compressed. Never raises; what it cannot read it says.
    """
    judging = _Judging()
    reading = Reading()
    try:
        reading = read(user_data)
        for sentence in reading.unread:
            judging.machine.say(sentence)
        judging.follow(reading)
    except Budget:
        judging.machine.say("the user-data does too much to follow to its end")
    except RecursionError:
        judging.machine.say("the user-data is nested too deeply to read")
    try:
        for where, text in reading.texts:
            judging.machine.look_for_keys(text, where)
    except RecursionError:
        judging.machine.say("the user-data is nested too deeply to read")
    return judging.judgement(user_data)


# --- Docker as it comes in a package ---

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
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS $OPTIONS $DOCKER_STORAGE_OPTIONS $DOCKER_NETWORK_OPTIONS $DOCKER_ADD_RUNTIMES $OTHER_ARGS
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
_STOCK: Final = {
    f"{directory}/docker.{kind}": text
    for directory in ("/lib/systemd/system", "/usr/lib/systemd/system")
    for kind, text in (("service", _STOCK_SERVICE), ("socket", _STOCK_SOCKET))
} | {
    "/etc/default/docker": '#DOCKER_OPTS="--dns 8.8.8.8 --dns 8.8.4.4"\n',
    "/etc/sysconfig/docker": 'DAEMON_MAXFILES=1048576\nOPTIONS="--default-ulimit nofile=32768:65536"\n',
}
_DAEMONS: Final = frozenset(
    ("dockerd", "dockerd-ce", "dockerd-rootless.sh", "dockerd-entrypoint.sh", "docker-containerd")
)
_PACKAGES = re.compile(
    r"(?:docker(?:\.io|-ce|-ee|-engine|-ce-rootless-extras|-latest)?|moby-engine|moby|lxc-docker|docker-installer)(?:[=:<>-]\d.*|-\*|\*|/.*)?"
)
_INSTALLERS: Final = frozenset(
    [
        "apt",
        "apt-get",
        "aptitude",
        "yum",
        "dnf",
        "microdnf",
        "tdnf",
        "zypper",
        "apk",
        "pacman",
        "snap",
        "amazon-linux-extras",
        "rpm-ostree",
        "dpkg",
        "rpm",
        "emerge",
        "nix-env",
        "brew",
    ]
)
_CONFIGURED = re.compile(
    r"/etc/docker/|/etc/(?:default|sysconfig|conf\.d)/docker|/docker(?:-\w+)?\.(?:service|socket)|/\.config/docker/daemon\.json"
    r"|/var/snap/docker/|/etc/ecs/ecs\.config|(?i:/programdata/docker/)|docker-compose[^/]*\.ya?ml$"
)
_DOCUMENTATION = re.compile(
    r"/usr/(?:local/)?share/|/etc/(?:motd|issue|update-motd\.d)|\.(?:md|txt|rst|adoc|html|log|example|sample|bak|disabled)$|/README|/tmp/.*\.log$|/var/log/"
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
_VARIANTS: Final = 12


class _Judging:
    def __init__(self) -> None:
        self.machine = Machine(stock=_STOCK)
        self.findings: dict[tuple[str, str, str], Finding] = {}
        self.judged = -1
        self.judging_units = False

    # --- Following ---

    def follow(self, reading: Reading) -> None:
        shells: dict[str, Shell] = {}
        for step in reading.in_order():
            if isinstance(step, WriteFile):
                self.machine.write(self.machine.path(step.path), step.content, step.where, append=step.append)
            elif isinstance(step, InstallPackages):
                self.installed(step.names)
            elif step.language == "windows":
                self.windows(step)
            else:
                self.script(step)
        del shells
        self.units()
        self.files()

    def script(self, step: RunScript) -> None:
        first = step.text.lstrip("\ufeff \t\r\n").partition("\n")[0]
        if is_too_deep(step.text):
            self.machine.say(f"{step.where(1)}: nested too deeply to read")
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
            self.machine.say(f"{step.where(1)}: a script that is not in the user-data may be run")

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
            if any(
                word
                in (
                    "install",
                    "add",
                    "-S",
                    "-i",
                    "-U",
                    "-Sy",
                    "-Syu",
                    "localinstall",
                    "reinstall",
                    "start",
                    "restart",
                )
                for word in argv
            ):
                self.installed([base(word) for word in argv[1:]])
        elif name in (
            "systemctl",
            "service",
            "rc-service",
            "invoke-rc.d",
            "initctl",
            "rc-update",
            "update-rc.d",
            "chkconfig",
        ):
            if any(re.fullmatch(r"docker(?:\.\w+)?", word) for word in argv[1:]) and not {
                "stop",
                "disable",
                "mask",
                "status",
                "is-active",
            } & set(argv):
                self.machine.runs_docker = True
            if {
                "start",
                "restart",
                "--now",
                "reload",
                "reload-or-restart",
                "try-restart",
                "isolate",
                "daemon-reexec",
            } & set(argv):
                self.units()
        elif name in ("reboot", "shutdown", "init", "telinit", "docker.service", "docker"):
            self.units()
        elif name == "crontab" or name in (
            "|",
            "socat",
            "nc",
            "ncat",
            "netcat",
            "ssh",
            "autossh",
            "systemd-socket-activate",
        ):
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
            if (
                not separator
                and (
                    name
                    in (
                        "-H",
                        "--host",
                        "-c",
                        "--context",
                        "--config",
                        "-l",
                        "--log-level",
                        "-g",
                        "--graph",
                        "-p",
                        "-f",
                        "--file",
                        "--project-name",
                        "--env-file",
                        "-G",
                        "-s",
                        "-b",
                        "--tlscacert",
                        "--tlscert",
                        "--tlskey",
                    )
                )
                and rest
            ):
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
            if any("only prints and exits" in refusal for refusal in exposed.refusals):
                continue
            for listener in exposed.listeners:
                if listener.verdict is not Verdict.LOCAL:
                    self.found(
                        _origin(listener, where, [*sources, *([content] if content else [])]), listener
                    )
            for sentence in exposed.unread:
                self.machine.say(f"{where}: {sentence}")

    def options(self, content: Content, path: str) -> Mapping[str, Any] | None:
        text = content.text.lstrip("\ufeff")
        if text.strip() == UNKNOWN or text.strip().startswith("$(command) of"):
            self.machine.say(f"{content.where}: what {path[:200]} then holds is not in the user-data")
            return None
        if not text.strip():
            return {}
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            # dockerd refuses to start with it. Until somebody mends it: what would be open then?
            if re.search(r"hosts|tcp://|tls", text):
                self.machine.say(f"{content.where}: {path[:200]} is not JSON and was read in part")
            return edits.overlaid("", text)
        return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}

    def found(self, where: str, listener: Listener) -> None:
        key = (str(listener), listener.verdict.value, listener.reach.value)
        if key not in self.findings and len(self.findings) < 200:
            self.findings[key] = Finding(where, listener)

    # --- Units ---

    def units(self) -> None:
        """Judges what the units on the machine would start now."""
        if self.judging_units or self.judged == self.machine.changes:
            return
        self.judging_units = True
        try:
            names = self.unit_files()
            for unit in list(names):
                if unit.endswith(".service") and not unit.startswith("*"):
                    for texts in self.variants(names, unit):
                        self.service(unit, texts, names)
        finally:
            self.judging_units = False
            self.judged = self.machine.changes

    def unit_files(self) -> dict[str, dict[str, tuple[int, str]]]:
        """The files of each unit: its own under "", drop-ins by name, each by the directory that wins."""
        names: dict[str, dict[str, tuple[int, str]]] = {"docker.service": {}, "docker.socket": {}}
        for path in self.machine.files:
            file = systemd.unit_file(path)
            if file is None or _DOCUMENTATION.match(path):
                continue
            directories = systemd.UNIT_DIRECTORIES
            rank = directories.index(file.directory) if file.directory in directories else len(directories)
            of_unit = names.setdefault(file.unit, {})
            if file.drop_in not in of_unit or of_unit[file.drop_in][0] > rank:
                of_unit[file.drop_in] = (rank, path)
        return names

    def variants(
        self, names: Mapping[str, Mapping[str, tuple[int, str]]], unit: str
    ) -> Iterator[list[tuple[str, str]]]:
        """The texts of a unit and its drop-ins, in each combination that may be."""
        own = names.get(unit, {})
        kind = unit.rpartition(".")[2]
        stem = unit.rpartition(".")[0]
        template = f"{stem.partition('@')[0]}@.{kind}" if "@" in unit else ""
        general = {**names.get(f"*.{kind}", {}), **(names.get(template, {}) if template != unit else {})}
        drop_ins = {name: place[1] for name, place in {**general, **own}.items() if name}
        paths = [own[""][1]] if "" in own else [f"/lib/systemd/system/{unit}"]
        paths += [drop_ins[name] for name in sorted(drop_ins)]
        each = [self.machine.read(path) for path in paths]
        for chosen in islice(product(*(contents for contents in each if contents)), _VARIANTS):
            yield [(content.text, content.where) for content in chosen]

    def streams(
        self, names: Mapping[str, Mapping[str, tuple[int, str]]], service: str
    ) -> list[systemd.Setting]:
        """Where the socket units of a service listen."""
        found: list[systemd.Setting] = []
        stem = service.removesuffix(".service").removesuffix("@")
        for unit in names:
            if not unit.endswith(".socket") or unit.startswith("*"):
                continue
            for texts in self.variants(names, unit):
                socket = systemd.merged(texts)
                named = [setting.value for setting in socket.get("Service", ())]
                if service in named or (not named and unit.removesuffix(".socket") == stem):
                    found += [setting for setting in socket.get("ListenStream", ()) if setting not in found]
        return found

    def service(
        self, name: str, texts: list[tuple[str, str]], names: Mapping[str, Mapping[str, tuple[int, str]]]
    ) -> None:
        self.machine.step()
        unit = systemd.merged(texts)
        streams = self.streams(names, name)
        sources = [Content(text, where) for text, where in texts if where]
        files: list[list[Content]] = []
        unknown = False
        for setting in unit.get("EnvironmentFile", ()):
            contents = self.machine.read(self.machine.path(setting.value.lstrip("-")))
            unknown = (
                unknown
                or any(content.text == UNKNOWN for content in contents)
                or (not contents and not setting.value.startswith("-"))
            )
            if contents:
                files.append(contents)
        for chosen in islice(product(*files), _VARIANTS):
            environment: dict[str, str] = {}
            for setting in unit.get("Environment", ()):
                for word in systemd.words(setting.value):
                    key, separator, value = word.partition("=")
                    if separator:
                        environment[key] = value
            for content in chosen:
                environment |= systemd.environment_lines(content.text)
            from_files = [content for content in chosen if content.where]
            for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
                for setting in unit.get(key, ()):
                    for argv in systemd.command(setting.value, environment, unknown):
                        self.exec(argv, setting.where, environment, streams, [*sources, *from_files])

    def exec(
        self,
        argv: list[str],
        where: str,
        environment: Mapping[str, str],
        streams: Sequence[systemd.Setting],
        sources: Sequence[Content],
    ) -> None:
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
            for listener in exposure(
                ["dockerd", "-H", "fd://"], socket_streams=[setting.value for setting in streams]
            ).listeners:
                if listener.kind == "tcp":
                    reason = (
                        f"{name} passes whoever connects on to Docker's socket, so whoever connects is root"
                    )
                    self.found(
                        _origin(listener, where, sockets),
                        replace(listener, verdict=Verdict.UNAUTHENTICATED, reason=reason),
                    )
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
            if _DOCUMENTATION.search(path):
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
        elif re.search(r"compose[^/]*\.ya?ml$", path) or (
            name.endswith((".yml", ".yaml")) and re.search(r"^services:", text, re.M)
        ):
            self.compose(content)
        elif name.endswith(".toml") and "containerd" in path:
            self.containerd(content)
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
        tree = yamltree.load(content.text)
        if tree.problem:
            self.machine.say(f"{content.where}: {tree.problem}")
        for container in forwarders.compose(tree.value, {}):
            for listener in forwarders.container_listeners(container):
                self.found(content.where, listener)

    def containerd(self, content: Content) -> None:
        grpc = re.search(r"\[grpc\]([^\[]*)", content.text)
        address = re.search(
            r"^\s*tcp_address\s*=\s*[\"']([^\"'\n]{1,200})[\"']", grpc[1] if grpc else "", re.M
        )
        if not address:
            return
        certified = grpc and re.search(r"^\s*tcp_tls_ca\s*=\s*[\"'][^\"']", grpc[1], re.M)
        verdict = Verdict.MUTUAL_TLS if certified else Verdict.UNAUTHENTICATED
        reason = (
            "containerd asks clients for a certificate"
            if certified
            else "containerd checks nobody, so whoever connects is root"
        )
        host, _, port = address[1].rpartition(":")
        self.found(
            content.where,
            forwarders.tcp(
                host or "0.0.0.0", int(port) if re.fullmatch(r"[0-9]{1,5}", port) else None, verdict, reason
            ),
        )

    # --- The result ---

    def judgement(self, user_data: str | bytes) -> BootJudgement:
        source = user_data if isinstance(user_data, str) else user_data.decode("utf-8", "replace")
        keyed = bool(self.machine.keys)

        def shown(text: str) -> str:
            return hide(text, source if keyed else "")

        findings = tuple(
            Finding(
                shown(finding.where or "Docker's own unit"),
                replace(
                    finding.listener,
                    address=shown(finding.listener.address),
                    reason=shown(finding.listener.reason),
                ),
            )
            for finding in self.findings.values()
        )
        return BootJudgement(
            self.machine.runs_docker or any(not finding.listener.safe for finding in findings),
            findings,
            tuple(dict.fromkeys(shown(sentence) for sentence in self.machine.unread)),
            tuple(dict.fromkeys(shown(where) for where in self.machine.keys.values())),
        )


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
