"""What programs do to files: tee, cp, rm, sed and their like; what is fetched from elsewhere; what systemctl installs.

Each takes the shell, its words and what comes in, and gives what it prints.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..machine.state import FETCHED_INSTALLER, UNKNOWN, base, names
from . import edits

if TYPE_CHECKING:
    from ..shell.interpreter import Shell

SHELLS: Final = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash"))
_FETCHERS: Final = names("curl wget aws gsutil az fetch aria2c http s3cmd scp rsync git")
# Docker's own installers, which open nothing.
_INSTALLERS = re.compile(r"https://(?:get|test)\.docker\.com(?:/(?:rootless)?)?")


def _tee(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    append = any(re.fullmatch(r"-[a-z]*a[a-z]*|--append", word) for word in argv[1:])
    for word in argv[1:]:
        if not word.startswith("-"):
            shell.write(word, stdin if stdin is not None else UNKNOWN, append=append)
    return stdin or ""


def _copy(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    words: list[str] = []
    target: str | None = None
    rest = iter(argv[1:])
    directories = False
    for word in rest:
        if word in ("-t", "--target-directory"):
            target = next(rest, None)
        elif word.startswith("--target-directory="):
            target = word.partition("=")[2]
        elif word in ("-m", "-o", "-g", "--mode", "--owner", "--group", "-S"):
            next(rest, None)
        elif word.startswith("-") and len(word) > 1:
            directories = directories or (name == "install" and "d" in word and not word.startswith("--"))
        else:
            words.append(word)
    if directories:
        return ""
    if target is None:
        if len(words) < 2:
            return ""
        target = words.pop()
    for source in words:
        whole = shell.path(target)
        inside = target.endswith("/") or len(words) > 1 or _is_directory(shell, whole)
        path = f"{whole.rstrip('/')}/{base(source)}" if inside else whole
        old = shell.path(source)
        if source in ("/dev/stdin", "-") and stdin is not None:
            shell.write(path, stdin)
        elif name == "ln" or base(source) in ("dockerd", "docker", "socat", *SHELLS):
            if path != old and not old.startswith(path + "/"):
                shell.machine.links[path] = old
        else:
            _copy_files(shell, old, path, move=name == "mv")
    return ""


def _is_directory(shell: "Shell", path: str) -> bool:
    if path in (
        "/etc/docker",
        "/etc/systemd/system",
        "/etc/systemd/system/docker.service.d",
        "/etc/default",
        "/usr/local/bin",
    ):
        return True
    return path not in shell.machine.files and any(
        file.startswith(path.rstrip("/") + "/") for file in shell.machine.files
    )


def _copy_files(shell: "Shell", old: str, new: str, *, move: bool) -> None:
    machine = shell.machine
    where = shell.place
    found = [path for path in machine.files if path == old or path.startswith(old + "/")][:100]
    if not found:
        machine.write(new, machine.stock.get(old, UNKNOWN), where, maybe=shell.maybe)
        return
    for path in found:
        contents = machine.files[path]
        for number, content in enumerate(contents):
            machine.write(new + path[len(old) :], content.text, where, maybe=shell.maybe or number > 0)
    if move:
        machine.remove(old, maybe=shell.maybe)


def _remove(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        if not word.startswith("-"):
            shell.machine.remove(shell.path(word), maybe=shell.maybe or "*" in word)
    return ""


def _sed(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return edits.sed(shell, argv, stdin)


def _dd(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    operands = dict(word.split("=", 1) for word in argv[1:] if "=" in word)
    text = shell.file(operands["if"]) if "if" in operands else stdin or ""
    if "of" in operands:
        shell.write(operands["of"], text, append="append" in operands.get("oflag", ""))
        return ""
    return text


def _truncate(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if "0" in argv or "-s0" in argv:
        for word in argv[1:]:
            if "/" in word:
                shell.write(word, "")
    return ""


def _mount(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    places = [word for word in argv[1:] if word.startswith("/")]
    if any(re.search(r"bind", word) for word in argv[1:]) and len(places) == 2:
        shell.machine.links[shell.path(places[1])] = shell.path(places[0])
    return ""


def _crontab(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if not word.startswith("-")]
    if "-l" in argv[1:]:
        return ""
    text = shell.file(files[-1]) if files and "-u" not in argv else stdin
    if text:
        shell.write("/var/spool/cron/root", text)
    return ""


def _systemctl(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    verb = words[0] if words else ""
    units = [name if "." in base(name) else name + ".service" for name in words[1:]]
    if verb == "edit" and stdin is not None:
        name = next(
            (word.partition("=")[2] for word in argv if word.startswith("--drop-in=")), "override.conf"
        )
        name = name if name.endswith(".conf") else name + ".conf"
        directory = "/run/systemd/system" if "--runtime" in argv else "/etc/systemd/system"
        for unit in units:
            shell.write(f"{directory}/{unit}" + ("" if "--full" in argv else f".d/{name}"), stdin)
    elif verb in ("enable", "link", "reenable"):
        for unit in units:
            if "/" in unit and shell.path(unit) in shell.machine.files:
                _copy_files(shell, shell.path(unit), f"/etc/systemd/system/{base(unit)}", move=False)
    elif verb == "set-environment":
        for word in words[1:]:
            shell.write("/etc/systemd/system.conf.d/environment", word + "\n", append=True)
    shell.start(argv, shell.place)
    return ""


def _fetch(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    fetched = FETCHED_INSTALLER if any(_INSTALLERS.fullmatch(word) for word in argv[1:]) else UNKNOWN
    name = base(argv[0])
    shell.start(argv, shell.place)
    target = ""
    for at, word in enumerate(argv[1:], 1):
        following = argv[at + 1] if at + 1 < len(argv) else ""
        if name == "curl":
            if word in ("-o", "--output") or re.fullmatch(r"-[a-zA-Z]*o", word):
                target = following
            elif re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word):
                target = next((base(url.partition("?")[0]) for url in argv if "://" in url), "")
        elif name == "wget":
            if word == "-O" or re.fullmatch(r"-[a-zA-Z]*O", word) or word == "--output-document":
                target = following
            elif word.startswith(("-O", "--output-document=")):
                target = word.removeprefix("--output-document=").removeprefix("-O")
    if name == "wget" and not target:
        target = next((base(url.partition("?")[0]) for url in argv[1:] if "://" in url), "")
    if name in ("aws", "gsutil", "s3cmd", "scp", "rsync") and len(argv) > 3:
        places = [word for word in argv[1:] if not word.startswith("-")]
        if name != "aws" or "s3" in argv[1:4] or "s3api" in argv[1:4]:
            target = places[-1] if places else ""
            if target in (".", "./") or target.endswith("/"):
                source = next((word for word in places if "://" in word or ":" in word), "")
                target = f"{target.rstrip('/')}/{base(source)}"
            if target.startswith("s3://") or ("sync" not in argv and len(places) < 2):
                target = ""
    if name == "git" and "clone" not in argv:
        return ""
    if not target or target == "-" or target.startswith("/dev/"):
        return fetched
    shell.write(target, fetched)
    return ""


PROGRAMS: Final[dict[str, Callable[["Shell", list[str], str | None], str]]] = {
    "tee": _tee,
    "sponge": _tee,
    "cp": _copy,
    "mv": _copy,
    "install": _copy,
    "ln": _copy,
    "rm": _remove,
    "unlink": _remove,
    "sed": _sed,
    "gsed": _sed,
    "dd": _dd,
    "truncate": _truncate,
    "systemctl": _systemctl,
    "crontab": _crontab,
    "mount": _mount,
    **dict.fromkeys(_FETCHERS, _fetch),
}
