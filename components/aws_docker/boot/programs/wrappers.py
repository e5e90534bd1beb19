"""Which programs only start others: sudo, env, nohup, su, start-stop-daemon and their like.

Their own options are left out, and the shell goes on with the program that they start.
"""

import re
import shlex
from typing import Final

from ..machine.state import base, names
from ..shell.port import Scope
from .program import Ends, Program, Rows
from .text import which

# What starts the rest of its words, and its options that take a value of their own.
_WRAPPERS: Final = {
    "sudo": "ugpCcDhRrTtU",
    "doas": "uC",
    "env": "uC",
    "nohup": "",
    "exec": "a",
    "command": "",
    "builtin": "",
    "time": "fo",
    "nice": "n",
    "ionice": "cnp",
    "setsid": "",
    "stdbuf": "ioe",
    "timeout": "ks",
    "chrt": "TPD",
    "taskset": "",
    "unshare": "RSGw",
    "nsenter": "tSGrw",
    "systemd-run": "uptHMEGC",
    "systemd-cat": "tp",
    "systemd-inhibit": "",
    "flock": "Ew",
    "strace": "eops",
    "chroot": "",
    "daemonize": "acelopuE",
    "daemon": "nUrFMADE",
    "xargs": "adEIiLnPs",
    "retry": "tdm",
    "watch": "nd",
    "catchsegv": "",
    "cgexec": "g",
    "numactl": "NCmip",
    "prlimit": "",
    "softlimit": "",
    "setpriv": "",
    "caffeinate": "",
    "unbuffer": "",
    "dumb-init": "",
    "tini": "pe",
    "cloud-init-per": "",
    "then": "",
    "!": "",
}
_LONG_WITH_VALUE: Final = names(
    "--user --group --unit --description --property --slice --uid --gid --setenv --chdir --unset --kill-after "
    "--adjustment --host --prompt --timeout --on-boot --on-active --on-calendar --working-directory --target "
    "--machine --close-from --delay --times --max-args --replace --reuid --regid --root --nice --chuid --pidfile"
)


def _wrapped(scope: Scope, argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    with_value = _WRAPPERS.get(name, "")
    rest = argv[1:]
    if name == "command" and rest[:1] in (["-v"], ["-V"]):
        return which(scope, rest, stdin)
    while rest:
        word = rest[0]
        if word == "--":
            rest = rest[1:]
            break
        if name == "env" and (split := re.match(r"(?:-[iv0]*S|--split-string)(?:=|$)?(.*)", word, re.S)):
            given, rest = (split[1], rest[1:]) if split[1] else ("".join(rest[1:2]), rest[2:])
            rest = [*_split(given), *rest]
            continue
        if word.startswith("--"):
            rest = rest[2:] if word in _LONG_WITH_VALUE and "=" not in word else rest[1:]
        elif word.startswith("-") and len(word) > 1:
            # sudo -H has no value; the last letter decides.
            rest = rest[2:] if word[-1] in with_value and len(word) == 2 else rest[1:]
        elif name in ("env", "sudo", "systemd-run") and re.match(r"[A-Za-z_]\w*=", word):
            key, _, value = word.partition("=")
            scope.world.process.variables[key] = value
            rest = rest[1:]
        else:
            break
    if name in ("timeout", "flock", "chroot", "taskset", "chrt") and rest:
        rest = rest[1:]
        if name == "flock" and rest[:1] == ["-c"]:
            return scope.inner(" ".join(rest[1:]), stdin)
    if name == "cloud-init-per":
        rest = rest[2:]  # how often, and a name
    if name == "watch" and rest:
        return scope.inner(" ".join(rest), stdin)
    if name == "xargs":
        rest = [*rest, *(stdin or "").split()[:200]] if rest else []
    if name == "sudo" and not rest and stdin:
        return scope.inner(stdin)
    return scope.command(rest, stdin) if rest else ""


def _split(text: str) -> list[str]:
    """The words of `env -S`."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _su(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for flag in ("-c", "--command"):
        if flag in argv[:-1]:
            return scope.inner(argv[argv.index(flag) + 1], stdin)
    for word in argv:
        if word.startswith("--command="):
            return scope.inner(word[10:], stdin)
    if base(argv[0]) == "runuser" and "--" in argv:
        return scope.command(argv[argv.index("--") + 1 :] or [":"], stdin)
    if base(argv[0]) == "runuser" and "-u" in argv[:-2]:
        return scope.command(argv[argv.index("-u") + 2 :], stdin)
    return scope.inner(stdin) if stdin else ""


# What tmux takes for its own; screen takes none.
_TERMINAL: Final = names(
    "new-session new send-keys send split-window new-window neww has-session kill-session"
)


def _in_terminal(scope: Scope, argv: list[str], stdin: str | None) -> str:
    # screen and tmux: the first word that is a program or holds a command line.
    for at, word in enumerate(argv[1:], 1):
        if " " in word:
            scope.inner(word)
        elif at > 1 and not word.startswith("-") and re.fullmatch(r"[\w./+-]*[a-z][\w./+-]*", word):
            words = argv[at:]
            if (
                len(words) > 1
                and words[0] not in _TERMINAL
                and argv[at - 1] not in ("-s", "-S", "-t", "-n", "-c")
            ):
                return scope.command(words, stdin)
    return ""


def _start_stop_daemon(scope: Scope, argv: list[str], stdin: str | None) -> str:
    program = ""
    for at, word in enumerate(argv):
        if word in ("--exec", "-x", "--startas", "-a") and at + 1 < len(argv):
            program = argv[at + 1]
        elif word.startswith(("--exec=", "--startas=")):
            program = word.partition("=")[2]
        elif word == "--":
            return scope.command([program or ":", *argv[at + 1 :]], stdin)
    return scope.command([program], stdin) if program else ""


def _at(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return scope.inner(stdin) if stdin else ""


PROGRAMS: Rows = {
    **dict.fromkeys(_WRAPPERS, Program(_wrapped, Ends.SAID, nests=True)),
    **dict.fromkeys(("su", "runuser", "script"), Program(_su, Ends.SAID, nests=True)),
    **dict.fromkeys(("screen", "tmux"), Program(_in_terminal, nests=True)),
    "start-stop-daemon": Program(_start_stop_daemon, nests=True),
    **dict.fromkeys(("at", "batch"), Program(_at, nests=True)),
}
