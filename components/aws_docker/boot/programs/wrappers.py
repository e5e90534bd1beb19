"""Which programs only start others: sudo, env, nohup, su, start-stop-daemon and their like.

Their own options are left out, and the shell goes on with the program that they start.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..machine.state import base, names
from . import text as texttools

if TYPE_CHECKING:
    from ..shell.interpreter import Shell

# What starts the rest of its words, and its options that take a value of their own.
_WRAPPERS: Final = {
    "sudo": "ugpCcDhRrTtU",
    "doas": "uC",
    "env": "uCS",
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
    "then": "",
    "!": "",
}
_LONG_WITH_VALUE: Final = names(
    "--user --group --unit --description --property --slice --uid --gid --setenv --chdir --unset --split- "
    "string --signal --kill-after --adjustment --host --prompt --timeout --on-boot --on-active --on-calendar "
    "--working-directory --target --machine --close-from --delay --times --max-args --replace --reuid --regid "
    "--root --nice"
)


def _wrapped(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    with_value = _WRAPPERS.get(name, "")
    rest = argv[1:]
    if name == "command" and rest[:1] in (["-v"], ["-V"]):
        return texttools.which(shell, rest, stdin)
    while rest:
        word = rest[0]
        if word == "--":
            rest = rest[1:]
            break
        if word.startswith("--"):
            rest = rest[2:] if word in _LONG_WITH_VALUE and "=" not in word else rest[1:]
        elif word.startswith("-") and len(word) > 1:
            if name == "env" and word.startswith("-S"):
                return shell.inner(word[2:] + " " + " ".join(rest[1:]), stdin)
            # sudo -H has no value; the last letter decides.
            rest = rest[2:] if word[-1] in with_value and len(word) == 2 else rest[1:]
        elif name in ("env", "sudo", "systemd-run") and re.match(r"[A-Za-z_]\w*=", word):
            key, _, value = word.partition("=")
            shell.variables[key] = [value]
            rest = rest[1:]
        else:
            break
    if name in ("timeout", "flock", "chroot", "taskset", "chrt") and rest:
        rest = rest[1:]
        if name == "flock" and rest[:1] == ["-c"]:
            return shell.inner(" ".join(rest[1:]), stdin)
    if name == "watch" and rest:
        return shell.inner(" ".join(rest), stdin)
    if name == "xargs":
        rest = [*rest, *(stdin or "").split()[:200]] if rest else []
    if name == "sudo" and not rest and stdin:
        return shell.inner(stdin)
    return shell.command(rest, stdin) if rest else ""


def _su(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for flag in ("-c", "--command"):
        if flag in argv[:-1]:
            return shell.inner(argv[argv.index(flag) + 1], stdin)
    for word in argv:
        if word.startswith("--command="):
            return shell.inner(word[10:], stdin)
    if base(argv[0]) == "runuser" and "--" in argv:
        return shell.command(argv[argv.index("--") + 1 :] or [":"], stdin)
    if base(argv[0]) == "runuser" and "-u" in argv[:-2]:
        return shell.command(argv[argv.index("-u") + 2 :], stdin)
    return shell.inner(stdin) if stdin else ""


def _in_terminal(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    # screen and tmux: the first word that is a program or holds a command line.
    for at, word in enumerate(argv[1:], 1):
        if " " in word:
            shell.inner(word)
        elif base(word) in ("dockerd", "docker", "socat", "sudo", "bash", "sh", "nohup", "ncat"):
            return shell.command(argv[at:], stdin)
    return ""


def _start_stop_daemon(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    program = ""
    for at, word in enumerate(argv):
        if word in ("--exec", "-x", "--startas", "-a") and at + 1 < len(argv):
            program = argv[at + 1]
        elif word.startswith(("--exec=", "--startas=")):
            program = word.partition("=")[2]
        elif word == "--":
            return shell.command([program or ":", *argv[at + 1 :]], stdin)
    return shell.command([program], stdin) if program else ""


def _trap(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if len(argv) > 2 and argv[1] not in ("-", "--", ""):
        was, shell.maybe = shell.maybe, True
        shell.inner(argv[1])
        shell.maybe = was
    return ""


def _at(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return shell.inner(stdin) if stdin else ""


PROGRAMS: Final[dict[str, Callable[["Shell", list[str], str | None], str]]] = {
    **dict.fromkeys(_WRAPPERS, _wrapped),
    "su": _su,
    "runuser": _su,
    "screen": _in_terminal,
    "tmux": _in_terminal,
    "script": _su,
    "start-stop-daemon": _start_stop_daemon,
    "trap": _trap,
    "at": _at,
    "batch": _at,
}
