"""Shells, and the scripts and programs that stand in files: those that the user-data wrote are followed."""

import re
from collections.abc import Sequence
from typing import Final

from ..machine.state import FETCHED_HARMLESS, FETCHED_INSTALLER, UNKNOWN, base, is_unknown
from ..shell.port import Scope
from . import languages, python
from .program import Ends, Program, Rows

SHELLS: Final = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash"))
_SYSTEM_SCRIPTS = re.compile(
    r"/etc/(?:os-release|environment|profile|bashrc|lsb-release|default/|sysconfig/|bash_completion|eks/|ecs/|nixos|init\.d/)"
    r"|/usr/|/lib/|/opt/aws/|/opt/elasticbeanstalk/|/root/\.|/home/[^/]+/\.|/run/metadata/|/proc/|/dev/null|.*/bin/activate$|.*/nvm\.sh$|.*/\.cargo/env$"
)
# Known by their name however they came.
_CLIENTS: Final = frozenset(("docker", "docker-compose", "dockerd", "aws"))


def _shell(scope: Scope, argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    while rest:
        word = rest[0]
        if word in ("-o", "+o", "-O", "--rcfile", "--init-file"):
            rest = rest[2:]
        elif re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word):
            while len(rest) > 2 and re.fullmatch(r"-[a-zA-Z]+", rest[1]):
                del rest[1]
            return piped(scope, rest[1], rest[3:], stdin, "".join(rest[2:3])) if len(rest) > 1 else ""
        elif re.fullmatch(r"-[a-zA-Z]*s[a-zA-Z]*|-", word):
            return piped(scope, stdin, [each for each in rest[1:] if each != "--"])
        elif word.startswith(("-", "+")):
            rest = rest[1:]
        else:
            return script_file(scope, word, rest[1:], stdin)
    return piped(scope, stdin, [])


def piped(
    scope: Scope,
    script: str | None,
    arguments: Sequence[str] | None,
    stdin: str | None = None,
    name: str | None = None,
) -> str:
    """Follows a script that reaches a shell as text."""
    if not script:
        return ""
    if script == FETCHED_INSTALLER:
        scope.machine.runs_docker = True
        scope.starts.restarted(scope.world)
        return ""
    if script == FETCHED_HARMLESS:
        scope.ask(likely=True)
        return UNKNOWN
    if is_unknown(script):
        scope.note("a script that is not in the user-data is run", elsewhere=True)
        _given_daemon(scope, arguments or ())
        return UNKNOWN
    return scope.inner(script, stdin, arguments, name)


def _given_daemon(scope: Scope, arguments: Sequence[str]) -> None:
    # It may start the program that its words name.
    at = next((at for at, word in enumerate(arguments) if base(word) in ("dockerd", "docker", "socat")), None)
    if at is not None:
        scope.command(arguments[at:])


def script_file(scope: Scope, path: str, arguments: Sequence[str], stdin: str | None) -> str:
    """Follows a script in a file."""
    content = scope.world.read(scope.path(path))
    if content is None:
        if path in ("/dev/stdin", "/dev/fd/0"):
            return piped(scope, stdin, arguments)
        if not _SYSTEM_SCRIPTS.match(scope.path(path)):
            scope.note(f"runs a script that is not in the user-data ({base(path)[:60]})", elsewhere=True)
        scope.ask()
        _given_daemon(scope, arguments)
        return UNKNOWN
    scope.machine.followed.add(scope.path(path))
    return piped(scope, content.text, arguments)


def run_file(scope: Scope, argv: list[str], stdin: str | None) -> str | None:
    """Runs a file that the user-data wrote or fetched; None where it did neither."""
    path = scope.path(argv[0])
    content = scope.world.read(path)
    if content is None or not content.where:
        return None
    if is_unknown(content.text) and base(argv[0]) in _CLIENTS:
        return None  # the program of that name, however it came
    scope.machine.followed.add(path)
    first = content.text.lstrip()[:80].partition("\n")[0]
    if first.startswith("#!") and "python" in first:
        python.follow(scope, content.text)
        return UNKNOWN
    if re.match(r"#!.*(?:perl|ruby|node|php|tclsh|lua|awk)", first):
        languages.program(scope, content.text, base(argv[0]))
        return UNKNOWN
    return script_file(scope, argv[0], argv[1:], stdin)


def _busybox(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return scope.command(argv[1:], stdin) if argv[1:] else ""


def python_program(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """python with a program on its command line, in a file or on standard input."""
    rest = argv[1:]
    while rest and rest[0].startswith("-") and rest[0] not in ("-c", "-", "-m"):
        if "c" in rest[0] and not rest[0].startswith("--"):
            break
        rest = rest[2:] if rest[0] in ("-W", "-X") else rest[1:]
    if rest and rest[0].startswith("-") and rest[0].endswith("c") and len(rest) > 1:
        python.follow(scope, rest[1])
    elif not rest or rest[0] in ("-", "/dev/stdin"):
        if stdin is not None and is_unknown(stdin):
            piped(scope, stdin, ())
        elif stdin:
            python.follow(scope, stdin)
    elif rest[0] != "-m":
        content = scope.world.read(scope.path(rest[0]))
        if content is None:
            if not _SYSTEM_SCRIPTS.match(scope.path(rest[0])):
                script_file(scope, rest[0], (), stdin)
        elif is_unknown(content.text):
            piped(scope, content.text, ())
        else:
            scope.machine.followed.add(scope.path(rest[0]))
            python.follow(scope, content.text)
    return UNKNOWN


PROGRAMS: Rows = {
    **dict.fromkeys(SHELLS, Program(_shell, Ends.SAID, nests=True)),
    "busybox": Program(_busybox, Ends.SAID, nests=True),
}
