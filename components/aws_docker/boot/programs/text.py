"""What programs print that only pass text on: echo, cat, base64, tr and their like.

Each takes the shell, its words and what comes in, and gives what it prints; the mark for the unknown where it cannot be
told from the script.
"""

import re
from collections.abc import Iterator

from ..formats.encodings import Undecodable, as_text, compression, decompress, unbase64
from ..machine.state import UNKNOWN, base
from ..shell import patterns
from ..shell.port import Scope
from ..shell.syntax import unescape
from .program import Ends, Program, Rows


def _echo(scope: Scope, argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    end, escapes = "\n", False
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        if "n" in rest[0]:
            end = ""
        escapes = "e" in rest[0] or escapes
        rest = rest[1:]
    text = " ".join(rest)
    # dash's echo knows the escapes without -e, bash's does not.
    return (unescape(text) if escapes or "\\n" in text else text) + end


def _printf(scope: Scope, argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    variable = ""
    if rest[:1] == ["-v"] and len(rest) > 2:
        variable, rest = rest[1], rest[2:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if variable:
        scope.world.process.variables[variable] = _formatted(rest[0], rest[1:]) if rest else ""
        return ""
    return _formatted(rest[0], rest[1:]) if rest else ""


_FORMAT = re.compile(r"%(?:%|[-+ #0]*(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?([bcdiouxXeEfgGqs]))")


def _formatted(template: str, arguments: list[str]) -> str:
    template = unescape(template)
    takes = sum(1 for found in _FORMAT.finditer(template) if found[1])
    out: list[str] = []
    rest = arguments[:500]
    while True:
        values = iter(rest[:takes])

        def put_in(found: re.Match[str], values: Iterator[str] = values) -> str:
            if not found[1]:
                return "%"
            value = next(values, "")
            return unescape(value) if found[1] == "b" else value

        out.append(_FORMAT.sub(put_in, template))
        rest = rest[takes:]
        if not rest or not takes:
            return "".join(out)


def _cat(scope: Scope, argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if not (word.startswith("-") and len(word) > 1)]
    if not files:
        return stdin if stdin is not None else ""
    return "".join(stdin or "" if file == "-" else scope.file(file) for file in files)


def _pass_on(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return _given(scope, argv[1:], stdin)


def _given(scope: Scope, words: list[str], stdin: str | None) -> str:
    """What a filter reads: its files, or standard input."""
    files = [word for word in words if word == "-" or not word.startswith("-")]
    if not files:
        return stdin if stdin is not None else UNKNOWN
    return "".join((stdin or UNKNOWN) if file == "-" else scope.file(file) for file in files)


def _head(scope: Scope, argv: list[str], stdin: str | None) -> str:
    count, rest = 10, argv[1:]
    files: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("-n", "-c") and rest:
            word += rest.pop(0)
        if found := re.fullmatch(r"-n?(\d{1,6})|--lines=(\d{1,6})", word):
            count = int(found[1] or found[2])
        elif word.startswith("-") and len(word) > 1:
            return UNKNOWN
        else:
            files.append(word)
    text = _given(scope, files, stdin)
    if UNKNOWN in text:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(lines[:count] if base(argv[0]) == "head" else lines[max(len(lines) - count, 0) :])


def _grep(scope: Scope, argv: list[str], stdin: str | None) -> str:
    flags, words = "", list[str]()
    rest = argv[1:]
    pattern: str | None = None
    while rest:
        word = rest.pop(0)
        if word in ("-e", "--regexp") and rest:
            pattern = rest.pop(0)
        elif word in ("-m", "-A", "-B", "-C", "-f") and rest:
            flags += "?"
            rest.pop(0)
        elif word == "--":
            words += rest
            break
        elif word.startswith("--"):
            flags += {"--quiet": "q", "--invert-match": "v", "--ignore-case": "i"}.get(word, "?")
        elif word.startswith("-") and len(word) > 1:
            flags += word[1:]
        else:
            words.append(word)
    if pattern is None:
        pattern = words.pop(0) if words else ""
    contents = [scope.world.read(scope.path(word)) for word in words]
    text = _given(scope, words, stdin)
    python = (
        re.escape(pattern)
        if "F" in flags
        else patterns.posix(pattern, base(argv[0]) == "egrep" or "E" in flags)
    )
    stock = any(content is None or not content.where for content in contents)
    if (
        UNKNOWN in text
        or stock
        or python == patterns.UNREAD
        or re.search(r"[^qvisEFnHhwo]", flags)
        or "$" in pattern[:-1]
    ):
        scope.ask()
        return "" if "q" in flags else UNKNOWN if UNKNOWN in text or "o" in flags else text
    if "w" in flags:
        python = rf"\b(?:{python})\b"
    found = re.compile(("(?i)" if "i" in flags else "") + python)
    lines = [line for line in text.splitlines() if (found.search(line[:2_000]) is None) == ("v" in flags)]
    scope.world.status = bool(lines)
    if "q" in flags:
        return ""
    if "o" in flags:
        lines = [each[0] for line in lines for each in found.finditer(line[:2_000])]
    return "".join(line + "\n" for line in lines)


def _cut(scope: Scope, argv: list[str], stdin: str | None) -> str:
    line = " ".join(argv[1:])
    field = re.search(r"(?:^| )-f ?(\d{1,3})(?: |$)", line)
    delimiter = next(
        (word[2:] or "".join(argv[at + 1 : at + 2]) for at, word in enumerate(argv) if word.startswith("-d")),
        "\t",
    )
    text = stdin if stdin is not None else UNKNOWN
    if UNKNOWN in text or not field or len(delimiter) != 1:
        return UNKNOWN
    out: list[str] = []
    for each in text.splitlines():
        parts = each.split(delimiter)
        number = int(field[1])
        out.append(each if len(parts) == 1 else parts[number - 1] if number <= len(parts) else "")
    return "".join(each + "\n" for each in out)


def _seq(scope: Scope, argv: list[str], stdin: str | None) -> str:
    numbers = [int(word) for word in argv[1:] if re.fullmatch(r"-?\d{1,6}", word)]
    if len(numbers) != len(argv) - 1 or not 1 <= len(numbers) <= 3:
        return UNKNOWN
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) == 3 else 1
    return "".join(f"{each}\n" for each in range(first, numbers[-1] + 1, step or 1)[:200])


def _path_part(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    if not words or UNKNOWN in words[0]:
        return UNKNOWN
    if base(argv[0]) == "dirname":
        return (words[0].rstrip("/").rpartition("/")[0] or ("/" if words[0].startswith("/") else ".")) + "\n"
    return base(words[0]).removesuffix(words[1] if len(words) > 1 else "") + "\n"


def _identity(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """What is the same on every Linux machine at its first boot."""
    match (base(argv[0]), argv[1:]):
        case ("id", ["-u"] | ["-g"]):
            return "0\n"
        case ("whoami", _) | ("id", ["-un"] | ["-gn"]):
            return "root\n"
        case ("uname", [] | ["-s"]):
            return "Linux\n"
        case _:
            scope.ask()
            return UNKNOWN


def _mktemp(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.machine.changes += 1
    return f"/tmp/tmp.{scope.machine.changes}\n"  # noqa: S108 - a name on the machine that is read about


def _translate(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if not stdin:
        return UNKNOWN
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    sets = [unescape(word) for word in argv[1:] if word not in flags]
    if any("d" in flag for flag in flags) and sets:
        return stdin.translate({ord(char): None for char in _characters(sets[0])})
    if len(sets) == 2 and not flags:
        old, new = _characters(sets[0]), _characters(sets[1])
        return stdin.translate({ord(char): new[min(at, len(new) - 1)] for at, char in enumerate(old) if new})
    return stdin


def _characters(text: str) -> str:
    text = (
        text.replace("[:upper:]", "A-Z")
        .replace("[:lower:]", "a-z")
        .replace("[:space:]", " \t\n\r")
        .replace("[:digit:]", "0-9")
    )
    return re.sub(
        r"(.)-(.)",
        lambda found: (
            "".join(map(chr, range(ord(found[1]), min(ord(found[2]), ord(found[1]) + 300) + 1))) or found[0]
        ),
        text[:200],
    )


def _rev(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return "\n".join(line[::-1] for line in (stdin or "").split("\n"))


def _base64(scope: Scope, argv: list[str], stdin: str | None) -> str:
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    files = [word for word in argv[1:] if word not in flags and not word.isdigit()]
    if base(argv[0]) == "openssl" and "base64" not in argv and "-base64" not in argv and "-a" not in argv:
        return UNKNOWN
    files = [file for file in files if file not in ("enc", "base64")]
    text = scope.file(files[-1]) if files and files != ["-"] else stdin
    if not text or not any(re.fullmatch(r"-[dDAa]*[dD][dDAai]*|-di|--decode", flag) for flag in flags):
        return UNKNOWN
    if UNKNOWN in text or "${" in text:
        return UNKNOWN
    try:
        data = unbase64(text.encode())
    except (Undecodable, UnicodeEncodeError) as error:
        scope.note(f"what is decoded here {error}")
        return UNKNOWN
    return _text(scope, data)


def _text(scope: Scope, data: bytes) -> str:
    # Compressed bytes travel through the pipe as Latin-1, so that gunzip finds them again.
    scope.machine.look_for_keys(data, scope.place)
    return data.decode("latin-1") if compression(data) else as_text(data)


def _gunzip(scope: Scope, argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    flags = "".join(word for word in argv[1:] if word.startswith("-"))
    files = [word for word in argv[1:] if not word.startswith("-")]
    if name in ("gzip", "xz", "bzip2") and "d" not in flags:
        return UNKNOWN
    text = scope.file(files[0]) if files else stdin
    if not text or UNKNOWN in text:
        return UNKNOWN
    try:
        unpacked = as_text(decompress(text.encode("latin-1", "replace")))
    except Undecodable as error:
        scope.note(f"what is unpacked here {error}")
        return UNKNOWN
    if files and name != "zcat" and "c" not in flags:
        scope.write(re.sub(r"\.(?:gz|xz|bz2)$", "", files[0]), unpacked)
        return ""
    return unpacked


def _xxd(scope: Scope, argv: list[str], stdin: str | None) -> str:
    if "r" not in "".join(word for word in argv[1:] if word.startswith("-")) or not stdin:
        return UNKNOWN
    try:
        return _text(scope, bytes.fromhex(re.sub(r"\s", "", stdin)))
    except ValueError:
        return UNKNOWN


def _envsubst(scope: Scope, argv: list[str], stdin: str | None) -> str:
    def put_in(found: re.Match[str]) -> str:
        return scope.world.process.variables.get(found[1] or found[2], found[0])

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", put_in, stdin or "", flags=re.A)


def which(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.ask()
    return "".join(f"/usr/bin/{base(word)}\n" for word in argv[1:] if not word.startswith("-"))


PROGRAMS: Rows = {
    "echo": Program(_echo, Ends.ALWAYS),
    "printf": Program(_printf, Ends.ALWAYS),
    **dict.fromkeys(("cat", "tac"), Program(_cat)),
    **dict.fromkeys(("head", "tail"), Program(_head)),
    **dict.fromkeys(
        ("sort", "uniq", "fold", "column", "unix2dos", "dos2unix", "nl", "expand", "fmt", "paste"),
        Program(_pass_on),
    ),
    **dict.fromkeys(("grep", "egrep", "fgrep", "zgrep"), Program(_grep, Ends.SAID)),
    "cut": Program(_cut),
    "tr": Program(_translate),
    "rev": Program(_rev),
    "seq": Program(_seq),
    **dict.fromkeys(("base64", "openssl"), Program(_base64)),
    **dict.fromkeys(
        ("gunzip", "zcat", "gzip", "xz", "unxz", "xzcat", "bunzip2", "bzcat", "bzip2"), Program(_gunzip)
    ),
    "xxd": Program(_xxd),
    "envsubst": Program(_envsubst),
    **dict.fromkeys(("basename", "dirname"), Program(_path_part)),
    **dict.fromkeys(("id", "whoami", "uname"), Program(_identity, Ends.SAID)),
    "mktemp": Program(_mktemp),
    "which": Program(which, Ends.SAID),
}
