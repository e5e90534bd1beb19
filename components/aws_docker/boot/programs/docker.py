"""Docker's own programs: dockerd, docker as a daemon and as a client, and the packages that bring them."""

import json
import re
from typing import Any, Final

from ..formats import yamltree
from ..listeners.containers import container_listeners, docker_run
from ..listeners.dockerd import DAEMONS, called, daemon_words
from ..machine.state import UNKNOWN, base, names
from ..shell.port import Scope
from .program import Ends, Program, Rows

PACKAGES: Final = re.compile(
    r"(?:docker(?:\.io|-ce|-ee|-engine|-ce-rootless-extras|-latest)?|moby-engine|moby|lxc-docker|docker-installer)"
    r"(?:[=:<>-]\d.*|-\*|\*|/.*)?"
)
"""Names of packages that bring a Docker engine."""
COMPOSE: Final = re.compile(r"compose[^/]*\.ya?ml$")
"""What Compose files are called."""
_INSTALLERS: Final = (
    "apt apt-get aptitude yum dnf microdnf tdnf zypper apk pacman snap amazon-linux-extras rpm-ostree dpkg rpm emerge "
    "nix-env brew"
)
_INSTALL: Final = names("install add -S -i -U -Sy -Syu localinstall reinstall start restart enable")
_ASKS: Final = names("ps info inspect images version search logs top port network volume system image")


def _daemon(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.machine.runs_docker = True
    scope.starts.daemon(scope.world, argv, scope.place)
    return UNKNOWN


def client(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """docker, or what takes its words."""
    # What reaches docker otherwise than by its words: DOCKER_HOST, and a Compose file on standard input.
    if stdin and "-" in argv:
        scope.write("/run/stdin.compose.yaml", stdin)
    host = scope.world.process.variables.get("DOCKER_HOST")
    if host and base(argv[0]).startswith("docker"):
        argv = [argv[0], "-H", host, *argv[1:]]
    _docker(scope, argv)
    return UNKNOWN


def _docker(scope: Scope, argv: list[str]) -> None:
    machine = scope.machine
    words = daemon_words(argv)
    if words is not None:
        machine.runs_docker = True
        scope.starts.daemon(scope.world, words, scope.place)
        return
    _, rest, _, remote = called(argv)
    verb = rest[0] if rest else ""
    if verb in _ASKS:
        scope.ask()
    if verb in ("", "version", "--version", "context", "login", "logout", "help", "config", "completion"):
        return
    if not remote and base(argv[0]).startswith("docker"):
        machine.runs_docker = True
    if not remote and rest[:2] in (["swarm", "init"], ["swarm", "join"]):
        machine.in_swarm = True
    if verb == "container" and rest[1:]:
        rest = rest[1:]
        verb = rest[0]
    compose = "compose" in (verb, base(argv[0]).removeprefix("docker-"))
    composes = compose and {"up", "start", "run"} & set(rest)
    if composes and not remote and not any(COMPOSE.search(path) for path in scope.world.files):
        scope.note("the Compose file is not in the user-data", elsewhere=True)
    after = rest[1:] if verb in ("run", "create") else rest[2:] if rest[:2] == ["service", "create"] else None
    if after is not None:
        for listener in container_listeners(docker_run(after)):
            scope.starts.found(scope.world, scope.place, listener)


def _installer(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if _INSTALL & set(argv) and installs(argv[1:]):
        # Docker's packages start it (Debian), with the configuration that is there.
        scope.machine.runs_docker = True
        scope.starts.restarted(scope.world)
    return UNKNOWN


def installs(listed: list[str]) -> bool:
    """Whether one of these is a package that brings a Docker engine."""
    return any(PACKAGES.fullmatch(base(name)) for name in listed)


def _ros(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """RancherOS's `ros config set` and `merge`."""
    if argv[1:3] == ["config", "set"] and len(argv) > 4:
        tree: Any = yamltree.load(argv[4]).value
        for key in reversed(argv[3].split(".")[:8]):
            tree = {key: tree}
        path = f"/var/lib/rancher/conf/cloud-config.d/set.{argv[3][:100]}.yml"
        scope.write(path, json.dumps(tree, default=str, ensure_ascii=False))
    elif argv[1:3] in (["config", "merge"], ["config", "import"]) and stdin:
        scope.machine.changes += 1
        scope.write(f"/var/lib/rancher/conf/cloud-config.d/merged.{scope.machine.changes}.yml", stdin)
    return UNKNOWN


PROGRAMS: Rows = {
    "ros": Program(_ros),
    **dict.fromkeys(DAEMONS, Program(_daemon, Ends.ASKED)),
    **dict.fromkeys(("docker", "docker-compose", "nerdctl"), Program(client)),
    **dict.fromkeys(names(_INSTALLERS), Program(_installer)),
}
