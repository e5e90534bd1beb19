"""What changes the shell itself: variables, arguments, directories, aliases; what it includes, and what ends it."""

import re

from ..machine.state import UNKNOWN, base
from ..shell import expansion
from ..shell.port import Scope
from .program import Ends, Program, Rows
from .shells import piped, script_file


def _eval(scope: Scope, argv: list[str], stdin: str | None) -> str:
    text = " ".join(argv[1:])
    if text.startswith(UNKNOWN):
        return piped(scope, text, ())
    return scope.include(text, stdin)


def _source(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if not argv[1:]:
        return ""
    content = scope.world.read(scope.path(argv[1]))
    if content is None or not content.where or UNKNOWN in content.text[:1]:
        return script_file(scope, argv[1], argv[2:], stdin)
    scope.machine.followed.add(scope.path(argv[1]))
    return scope.include(content.text, stdin, argv[2:])


def _cd(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if argv[1:]:
        scope.world.process.directory = scope.path(argv[-1])
    return ""


def _export(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        name, separator, value = word.partition("=")
        if separator and re.fullmatch(r"\w+", name):
            scope.world.process.variables[name] = value
    return ""


def _unset(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        scope.world.process.functions.pop(word, None)
        if re.fullmatch(r"[A-Za-z_]\w*", word):
            scope.world.process.variables[word] = ""
            scope.world.process.arrays.pop(word, None)
    return ""


def _set(scope: Scope, argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    if "--" in rest:
        scope.world.process.arguments = rest[rest.index("--") + 1 :]
    elif rest and not rest[0].startswith(("-", "+")):
        scope.world.process.arguments = rest
    return ""


def _shift(scope: Scope, argv: list[str], stdin: str | None) -> str:
    arguments = scope.world.process.arguments
    if arguments is not None:
        count = int(argv[1]) if len(argv) > 1 and argv[1].isdigit() else 1
        scope.world.status = count <= len(arguments)
        scope.world.process.arguments = arguments[count:] if count <= len(arguments) else arguments
    return ""


def _read(scope: Scope, argv: list[str], stdin: str | None) -> str:
    names = [word for word in argv[1:] if re.fullmatch(r"[A-Za-z_]\w*", word)]
    whole = any(word.startswith(("-d", "-rd")) for word in argv[1:])
    if stdin is None:
        for name in names:
            scope.world.process.variables[name] = UNKNOWN
        scope.ask()
        return ""
    text, _, rest = (stdin, "", "") if whole else stdin.partition("\n")
    scope.world.input = rest
    scope.world.status = bool(stdin) and not whole
    if not names:
        return ""
    separator = scope.world.process.variables.get("IFS")
    values = text.split(separator or None, len(names) - 1) if separator != "" and len(names) > 1 else [text]
    if len(values) == 1 and not whole:
        values = [text.strip()]
    for number, name in enumerate(names):
        scope.world.process.variables[name] = values[number] if number < len(values) else ""
    return ""


def _getopts(scope: Scope, argv: list[str], stdin: str | None) -> str:
    process = scope.world.process
    arguments = argv[3:] or process.arguments
    place = process.variables.get("OPTIND", "1")
    if len(argv) < 3 or arguments is None or not place.isdigit():
        scope.ask()
        return ""
    at = int(place) - 1
    word = arguments[at] if at < len(arguments) else ""
    scope.world.status = word.startswith("-") and len(word) > 1 and word != "--"
    if scope.world.status:
        takes = argv[1].partition(word[1])[2].startswith(":")
        process.variables[argv[2]] = word[1] if word[1] in argv[1] else "?"
        after = arguments[at + 1] if at + 1 < len(arguments) else ""
        process.variables["OPTARG"] = (word[2:] or after) if takes else ""
        process.variables["OPTIND"] = str(at + (3 if takes and not word[2:] else 2))
    return ""


def _alias(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        name, separator, value = word.partition("=")
        if separator:
            scope.world.process.aliases[name] = value
        else:
            scope.world.process.aliases.pop(name, None)
    return ""


def _trap(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if word != "--"]
    if len(words) > 1 and words[0] not in ("-", ""):
        process = scope.world.process
        process.traps = tuple(dict.fromkeys((*process.traps, words[0])))
    return ""


def _leave(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.world.flow = base(argv[0])
    code = argv[1] if len(argv) > 1 else "0"
    scope.world.status = code == "0" if expansion.is_known(code) else None
    return ""


def _false(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.world.status = False
    return ""


def _known(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    if words and all(word in scope.world.process.functions for word in words):
        scope.world.status = True
    else:
        scope.ask()
    return "".join(word + "\n" for word in words)


def _let(scope: Scope, argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        name, separator, _ = word.partition("=")
        if separator and re.fullmatch(r"[A-Za-z_]\w*", name):
            scope.world.process.variables[name] = UNKNOWN
    scope.ask()
    return ""


PROGRAMS: Rows = {
    "eval": Program(_eval, Ends.SAID, nests=True),
    **dict.fromkeys((".", "source"), Program(_source, Ends.SAID, nests=True)),
    **dict.fromkeys(("cd", "pushd"), Program(_cd)),
    **dict.fromkeys(("export", "declare", "typeset", "local", "readonly"), Program(_export, Ends.ALWAYS)),
    "unset": Program(_unset, Ends.ALWAYS),
    "set": Program(_set, Ends.ALWAYS),
    "getopts": Program(_getopts, Ends.SAID),
    "shift": Program(_shift, Ends.SAID),
    **dict.fromkeys(("read", "mapfile", "readarray"), Program(_read, Ends.SAID)),
    **dict.fromkeys(("alias", "unalias"), Program(_alias, Ends.ALWAYS)),
    "trap": Program(_trap, Ends.ALWAYS),
    **dict.fromkeys(("exit", "return", "break", "continue"), Program(_leave, Ends.SAID)),
    "false": Program(_false, Ends.SAID),
    **dict.fromkeys(("hash", "type"), Program(_known, Ends.SAID)),
    "let": Program(_let, Ends.SAID),
}
