"""What programs do to files: tee, cp, rm, sed and their like; what is fetched from elsewhere; what systemctl installs.

Each takes the shell, its words and what comes in, and gives what it prints.
"""

import re
from typing import Final

from ..machine.state import FETCHED_HARMLESS, UNKNOWN, base, names
from ..shell.patterns import glob
from ..shell.port import Scope
from .program import Program, Rows

_LINKED: Final = names("dockerd docker socat sh bash dash ash zsh")
# Directories in which a program is known by its name, and configuration by its path.
_SYSTEM: Final = names(
    "/etc /etc/docker /usr /usr/local /usr/local/bin /usr/bin /usr/sbin /bin /sbin /lib /var"
)


def _tee(scope: Scope, argv: list[str], stdin: str | None) -> str:
    append = any(re.fullmatch(r"-[a-z]*a[a-z]*|--append", word) for word in argv[1:])
    for word in argv[1:]:
        if not word.startswith("-"):
            scope.write(word, stdin if stdin is not None else UNKNOWN, append=append)
    return stdin or ""


def _copy(scope: Scope, argv: list[str], stdin: str | None) -> str:
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
        whole = scope.path(target)
        inside = target.endswith("/") or len(words) > 1 or _is_directory(scope, whole)
        path = f"{whole.rstrip('/')}/{base(source)}" if inside else whole
        old = scope.path(source)
        if source in ("/dev/stdin", "-") and stdin is not None:
            scope.write(path, stdin)
        elif name == "ln" or base(source) in _LINKED:
            if path != old and not old.startswith(path + "/"):
                scope.world.links[path] = old
        else:
            copy_files(scope, old, path, move=name == "mv")
    return ""


def _is_directory(scope: Scope, path: str) -> bool:
    if path in (
        "/etc/docker",
        "/etc/systemd/system",
        "/etc/systemd/system/docker.service.d",
        "/etc/default",
        "/usr/local/bin",
    ):
        return True
    return path not in scope.world.files and any(
        file.startswith(path.rstrip("/") + "/") for file in scope.world.files
    )


def copy_files(scope: Scope, old: str, new: str, *, move: bool) -> None:
    """Copies a file, or all that is known of a directory."""
    world = scope.world
    where = scope.place
    found = [path for path in world.files if path == old or path.startswith(old + "/")][:100]
    if old in world.fetched:
        world.fetch_into(new, where)
    elif not found:
        content = world.read(old)
        world.write(new, content.text if content else UNKNOWN, where)
        return
    for path in found:
        world.write(new + path[len(old) :], world.files[path].text, where)
    if move:
        world.remove(old)


def _remove(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        if "*" in word:
            found = glob(scope.path(word))
            for path in [path for path in scope.world.files if found and found.fullmatch(path)]:
                scope.world.remove(path)
        elif not word.startswith("-"):
            scope.world.remove(scope.path(word))
    return ""


def _unpack(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = argv[1:]
    name = base(argv[0])
    flags = "".join(word for word in words[:1] if name == "tar") + "".join(
        word for word in words if word.startswith("-") and not word.startswith("--")
    )
    if name in ("tar", "bsdtar") and not ("x" in flags or "--extract" in words or "--get" in words):
        return UNKNOWN
    directory = "."
    for at, word in enumerate(words[:-1]):
        if word in ("-C", "--directory", "-d") or (name == "tar" and re.fullmatch(r"-[a-zA-Z]*C", word)):
            directory = words[at + 1]
    for word in words:
        directory = word.partition("=")[2] if word.startswith("--directory=") else directory
    path = scope.path(directory)
    archives = [content for word in words if (content := scope.world.read(scope.path(word)))]
    harmless = bool(archives) and archives[0].text == FETCHED_HARMLESS
    if path not in _SYSTEM and not harmless:
        scope.world.fetch_into(path, scope.place)
    return ""


def _dd(scope: Scope, argv: list[str], stdin: str | None) -> str:
    operands = dict(word.split("=", 1) for word in argv[1:] if "=" in word)
    text = scope.file(operands["if"]) if "if" in operands else stdin or ""
    if "of" in operands:
        scope.write(operands["of"], text, append="append" in operands.get("oflag", ""))
        return ""
    return text


def _truncate(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if "0" in argv or "-s0" in argv or "--size=0" in argv:
        for word in argv[1:]:
            if "/" in word:
                scope.write(word, "")
    return ""


def _mount(scope: Scope, argv: list[str], stdin: str | None) -> str:
    places = [word for word in argv[1:] if word.startswith("/")]
    if any(re.search(r"bind", word) for word in argv[1:]) and len(places) == 2:
        scope.world.links[scope.path(places[1])] = scope.path(places[0])
    return ""


def _crontab(scope: Scope, argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if not word.startswith("-")]
    if "-l" in argv[1:]:
        return ""
    text = scope.file(files[-1]) if files and "-u" not in argv else stdin
    if text:
        scope.write("/var/spool/cron/root", text)
    return ""


PROGRAMS: Rows = {
    **dict.fromkeys(("tee", "sponge"), Program(_tee)),
    **dict.fromkeys(("cp", "mv", "install", "ln"), Program(_copy)),
    **dict.fromkeys(("rm", "unlink"), Program(_remove)),
    **dict.fromkeys(("tar", "bsdtar", "unzip", "7z", "cpio"), Program(_unpack)),
    "dd": Program(_dd),
    "truncate": Program(_truncate),
    "crontab": Program(_crontab),
    "mount": Program(_mount),
}
