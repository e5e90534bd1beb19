"""What edits in place make of files: sed on units and defaults files, jq on daemon.json, programs in other languages.

Where an edit cannot be followed exactly, what it puts in is kept: a listener in a replacement is one in the file.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import yaml

from ..machine.state import UNKNOWN
from ..shell.syntax import unescape

if TYPE_CHECKING:
    from ..shell.interpreter import Shell

_LONGEST_LINE: Final = 1_000
_TELLING = re.compile(r"tcp://|(?:^|\s)-H|--host|0\.0\.0\.0|\[::\]|tlsverify|ListenStream|\"hosts\"|:237[56]")


class _Edit(NamedTuple):
    kind: str
    """s, a, i, c or d."""
    first: str
    """The address: a pattern, a number, `$`, or nothing for every line."""
    pattern: str
    text: str
    everywhere: bool


def sed(shell: "Shell", argv: Sequence[str], stdin: str | None) -> str:
    """Follows sed: prints, or edits the files in place."""
    scripts: list[str] = []
    files: list[str] = []
    in_place = extended = False
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word in ("-e", "--expression") or re.fullmatch(r"-[nErszui]+e", word):
            in_place = in_place or "i" in word
            extended = extended or "E" in word or "r" in word[1:]
            scripts += rest[:1]
            rest = rest[1:]
        elif word.startswith("--expression="):
            scripts.append(word.partition("=")[2])
        elif word in ("-f", "--file"):
            scripts += [shell.file(file) for file in rest[:1]]
            rest = rest[1:]
        elif word.startswith("--"):
            in_place = in_place or word.startswith("--in-place")
            extended = extended or word == "--regexp-extended"
        elif word.startswith("-") and len(word) > 1:
            in_place = in_place or "i" in word
            extended = extended or "E" in word.partition("i")[0] or "r" in word.partition("i")[0]
        elif not scripts:
            scripts.append(word)
        else:
            files.append(word)
    edits = _read("\n".join(scripts), extended)
    if not in_place:
        texts = [shell.file(file) for file in files] if files else [stdin if stdin is not None else UNKNOWN]
        edited = "".join(_applied(text, edits)[0] for text in texts)
        return UNKNOWN if edited.strip() == UNKNOWN else edited
    for file in files:
        _edit_file(shell, file, edits)
    return ""


def _edit_file(shell: "Shell", file: str, edits: Sequence[_Edit]) -> None:
    path = shell.path(file)
    contents = shell.machine.read(path)
    known = path in shell.machine.files
    shell.machine.runs_docker = shell.machine.runs_docker or path in shell.machine.stock
    was = shell.maybe
    for number, content in enumerate(contents):
        shell.maybe = was or number > 0
        edited, undecided = _applied(content.text, edits)
        if not known:
            # The machine's own file may differ from what is known of it: keep what an edit means to put in.
            edited = _put_in(path, edited, undecided)
        elif any(edit.pattern == _UNREAD for edit in edits):
            edited = _put_in(path, edited, undecided)
        if edited != content.text:
            shell.write(file, edited)
    shell.maybe = was
    if not contents:
        # Nothing is known of the file: it holds at least what the edit puts in.
        added = [edit.text for edit in edits if _TELLING.search(edit.text)]
        if added and (
            path.endswith((".json", ".service", ".socket", ".conf", "/docker")) or "docker" in path
        ):
            shell.write(file, _put_in(path, "", added))


def _put_in(path: str, text: str, added: Sequence[str]) -> str:
    for each in added:
        if not _TELLING.search(each):
            continue
        if path.endswith(".json"):
            text = json.dumps(overlaid(text, each))
        elif (
            path.endswith((".service", ".conf"))
            and "ExecStart" not in each
            and "Environment" not in each
            and "=" not in each.partition(" ")[0]
        ):
            flags = each.strip().strip("'\"")
            text += f"\n[Service]\nExecStart=dockerd {flags}\n"
        elif path.endswith(".socket") and "ListenStream" not in each:
            text += f"\n[Socket]\nListenStream={each.strip()}\n"
        elif "=" not in each:
            text += f'\nDOCKER_OPTS="{each}"\n'
        else:
            text += "\n" + each + "\n"
    return text


def overlaid(text: str, added: str) -> dict[str, Any]:
    """daemon.json with the options that a piece of JSON sets, whole or not."""
    try:
        found: Any = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = {}
    options = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    hosts = re.findall(r"(?:tcp|unix|fd)://[^\s\"',\]]{0,200}", added)
    if hosts:
        options["hosts"] = hosts
    for name, value in re.findall(
        r"\"?(tls\w{0,10})\"?\s{0,9}[:=]\s{0,9}(true|false|\"[^\"]{0,200}\")", added
    ):
        options[name] = json.loads(value)
    return options


_UNREAD: Final = "(?!)"  # a pattern that could not be read: matches nowhere


def _read(script: str, extended: bool) -> list[_Edit]:
    edits: list[_Edit] = []
    at = 0
    while at < len(script) and len(edits) < 50:
        if script[at] in " \t\n;{}":
            at += 1
            continue
        address, at = _address(script, at, extended)
        if at < len(script) and script[at] == ",":
            second, at = _address(script, at + 1, extended)
            address = "" if second else address  # a range: judged as every line
        while at < len(script) and script[at] in " \t!{":
            at += 1
        if at >= len(script):
            break
        kind = script[at]
        at += 1
        if kind in "sy" and at < len(script):
            delimiter = script[at]
            pattern, at = _delimited(script, at + 1, delimiter)
            text, at = _delimited(script, at, delimiter)
            flags = re.compile(r"[gpiIeMm0-9]*").match(script, at)
            at = flags.end() if flags else at
            if kind == "s":
                everywhere = bool(flags and "g" in flags[0])
                edits.append(_Edit("s", address, _pattern(pattern, extended), text, everywhere))
        elif kind in "aic":
            end = at
            while end < len(script) and (script[end] != "\n" or script[end - 1] == "\\"):
                end += 1
            text = script[at:end].lstrip(" \t")
            text = text[1:].lstrip("\n") if text.startswith("\\") else text
            edits.append(_Edit(kind, address, "", unescape(text.replace("\\\n", "\n")), False))
            at = end
        elif kind == "d":
            edits.append(_Edit("d", address, "", "", False))
        elif kind == "#":
            newline = script.find("\n", at)
            at = len(script) if newline < 0 else newline
    return edits


def _address(script: str, at: int, extended: bool) -> tuple[str, int]:
    if at < len(script) and (script[at] == "/" or (script[at] == "\\" and at + 1 < len(script))):
        delimiter = script[at]
        at += 1
        if delimiter == "\\":
            delimiter = script[at]
            at += 1
        pattern, at = _delimited(script, at, delimiter)
        return _pattern(pattern, extended), at
    found = re.compile(r"\d{1,6}|\$").match(script, at)
    return (found[0], found.end()) if found else ("", at)


def _delimited(script: str, at: int, delimiter: str) -> tuple[str, int]:
    out: list[str] = []
    while at < len(script) and script[at] != delimiter:
        if script[at] == "\\" and at + 1 < len(script):
            # An escaped delimiter stands for itself.
            out.append(script[at + 1] if script[at + 1] == delimiter else script[at : at + 2])
            at += 2
        else:
            out.append(script[at])
            at += 1
    return "".join(out), at + 1


def _pattern(text: str, extended: bool) -> str:
    """A POSIX pattern as one of Python's; only such as take little time to match."""
    out: list[str] = []
    at = quantifiers = 0
    groups = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "[":
            close = text.find("]", at + (2 if text[at : at + 1] == "^" else 1))
            if close < 0:
                return _UNREAD
            inside = text[at:close]
            if "[:" in inside:
                close = text.find("]", close + 1)
                if close < 0:
                    return _UNREAD
                inside = text[at:close]
                for name, characters in (
                    ("space", r"\s"),
                    ("blank", r" \t"),
                    ("digit", r"\d"),
                    ("alnum", "A-Za-z0-9"),
                    ("alpha", "A-Za-z"),
                ):
                    inside = inside.replace(f"[:{name}:]", characters)
            out.append(
                "["
                + inside.replace("\\", "\\\\")
                .replace("\\\\s", "\\s")
                .replace("\\\\d", "\\d")
                .replace("[", "\\[")
                + "]"
            )
            at = close + 1
            continue
        escaped = char == "\\" and at < len(text)
        if escaped:
            char = text[at]
            at += 1
        special = not escaped if extended else escaped
        if char in "(){}|+?" and special:
            if char in "(){}":
                groups += char == "("
                if char in "{}":
                    return _UNREAD
                if (
                    char == ")"
                    and at < len(text)
                    and (text[at] in "*+?{" or text[at : at + 2] in ("\\{", "\\+", "\\?"))
                ):
                    return _UNREAD  # a repeated group can take for ever
            quantifiers += char in "+?"
            out.append(char)
        elif char == "*" and not escaped:
            quantifiers += 1
            out.append("*" if out and out[-1] not in "(|^" else r"\*")
        elif char in ".^$" and not escaped:
            out.append(
                char
                if char == "." or (char == "^" and not out) or (char == "$" and at == len(text))
                else re.escape(char)
            )
        elif (escaped and char in "sSwWb") or (escaped and char in "nt"):
            out.append("\\" + char)
        elif escaped and char.isdigit():
            return _UNREAD
        else:
            out.append(re.escape(char))
    if quantifiers > 2 or "".join(out).count("*+") or groups > 9:
        return _UNREAD
    return "".join(out)


def _applied(text: str, edits: Sequence[_Edit]) -> tuple[str, list[str]]:
    """The edited text, and what edits that changed nothing would have put in."""
    undecided: list[str] = []
    for edit in edits:
        lines = text.split("\n")
        last = len(lines) - (2 if text.endswith("\n") and len(lines) > 1 else 1)
        out: list[str] = []
        changed = False
        for number, line in enumerate(lines):
            if number > last or len(line) > _LONGEST_LINE or not _chosen(edit.first, line, number, last):
                out.append(line)
                continue
            if edit.kind == "s":
                new = _substituted(edit, line)
                changed = changed or new != line
                out.append(new)
                continue
            changed = True
            if edit.kind == "i":
                out.append(edit.text)
            if edit.kind in "ai":
                out.append(line)
            if edit.kind in "ac" and edit.kind != "i":
                out.append(edit.text)
        text = "\n".join(out)
        if not changed and edit.text:
            undecided.append(_plain(edit.text))
    return text, undecided


def _chosen(address: str, line: str, number: int, last: int) -> bool:
    if not address:
        return True
    if address == "$":
        return number == last
    if address.isdigit():
        return number == int(address) - 1
    return _search(address, line) is not None


def _search(pattern: str, line: str) -> re.Match[str] | None:
    try:
        return re.search(pattern, line)
    except (re.error, RecursionError, OverflowError):
        return None


def _substituted(edit: _Edit, line: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        def piece(escape: re.Match[str]) -> str:
            code = escape[1]
            if code is None:
                return found[0]
            if code.isdigit():
                return (found[int(code)] or "") if int(code) <= (found.re.groups or 0) else ""
            return {"n": "\n", "t": "\t"}.get(code, code)

        return re.sub(r"\\(.)|&", piece, edit.text, flags=re.S)

    try:
        return re.sub(edit.pattern, replaced, line, count=0 if edit.everywhere else 1)
    except (re.error, RecursionError, OverflowError):
        return line


def _plain(text: str) -> str:
    return re.sub(r"\\(\W)", r"\1", re.sub(r"(?<!\\)&|\\[0-9]", " ", text)).replace("\\n", "\n")


# --- jq ---


def jq(argv: Sequence[str], text: str | None) -> str:
    """What a jq filter makes of a document: sets, sums and merges of literals; of others, the listeners they name."""
    words: list[str] = []
    variables: dict[str, Any] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("--arg", "--argjson") and len(rest) > 1:
            variables[rest[0]] = _json(rest[1]) if word == "--argjson" else rest[1]
            rest = rest[2:]
        elif word in ("--indent", "--slurpfile", "--rawfile"):
            rest = rest[1:] if word == "--indent" else rest[2:]
        elif not word.startswith("-"):
            words.append(word)
    if not words:
        return text or ""
    start: Any = _json(text) if text else {}
    document: dict[str, Any] = dict(cast(dict[str, Any], start)) if isinstance(start, dict) else {}
    for step in _split(words[0], "|"):
        step = step.strip()
        if step in (".", ""):
            continue
        found = re.fullmatch(r"\.?(?:\[\"([\w-]+)\"\]|\"([\w-]+)\"|([\w-]+))?\s*([+*|]?=)\s*(.*)", step, re.S)
        merged = re.fullmatch(r"(?:\.\s*[+*]\s*)?(\{.*\})(?:\s*[+*]\s*\.)?", step, re.S)
        if found:
            name, value = found[1] or found[2] or found[3], _value(found[5], variables)
            if name is None:
                document |= cast(dict[str, Any], value) if isinstance(value, dict) else {}
            elif found[4] == "+=" and isinstance(value, list) and isinstance(document.get(name), list):
                document[name] = [*document[name], *cast(list[Any], value)]
            elif (
                found[4] in ("+=", "*=") and isinstance(value, dict) and isinstance(document.get(name), dict)
            ):
                document[name] = {**document[name], **value}
            else:
                document[name] = value
        elif merged and isinstance(value := _value(merged[1], variables), dict):
            document |= cast(dict[str, Any], value)
        elif deleted := re.findall(r"del\(\s*\.\"?([\w-]+)\"?", step):
            for name in deleted:
                document.pop(name, None)
        else:
            document = overlaid(json.dumps(document, default=str), step)
    return json.dumps(document, default=str)


def _split(text: str, separator: str) -> list[str]:
    parts: list[str] = [""]
    depth = 0
    quoted = False
    for at, char in enumerate(text):
        if char == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += char in "([{"
            depth -= char in ")]}"
        if char == separator and depth == 0 and not quoted and text[at + 1 : at + 2] != "=":
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _value(text: str, variables: dict[str, Any]) -> Any:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]

    def put_in(found: re.Match[str]) -> str:
        return json.dumps(variables[found[1]], default=str) if found[1] in variables else found[0]

    text = re.sub(
        r"\$(\w+)",
        put_in,
        re.sub(r"\\\(\$(\w+)\)", lambda found: str(variables.get(found[1], UNKNOWN)), text),
    )
    if (value := _json(text)) is not None:
        return value
    if len(text) < 4_000 and text.count("[") + text.count("{") < 40 and "&" not in text:
        try:
            return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, RecursionError, ValueError):
            pass
    return re.findall(r"(?:tcp|unix|fd)://[^\s\"',\]]{0,200}", text) or UNKNOWN


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


# --- Other languages ---


def other_language(shell: "Shell", text: str, language: str) -> None:
    """A program in a language that is not read: says so where it may concern Docker."""
    if language.endswith("awk") and not re.search(r"system\s{0,9}\(|[>|]\s{0,9}\"", text):
        return  # it only prints: whoever gets that is told that it is unknown
    if re.search(r"docker|tcp://|:237[56]", text, re.I):
        shell.machine.note_unread(
            f"{shell.place}: a program in {language[:20]} concerns Docker and is not read"
        )
