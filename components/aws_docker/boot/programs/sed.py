"""What sed makes of texts and files: units, defaults files, templates.

Where an edit cannot be followed exactly, what it puts in is kept: a listener in a replacement is one in the file.
"""

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..formats.options import overlaid
from ..machine.state import UNKNOWN, is_unknown
from ..shell.patterns import UNREAD, posix, search
from ..shell.port import Scope
from ..shell.syntax import unescape
from .program import Program, Rows

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


def _sed(scope: Scope, argv: list[str], stdin: str | None) -> str:
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
            scripts += [scope.file(file) for file in rest[:1]]
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
        texts = [scope.file(file) for file in files] if files else [stdin if stdin is not None else UNKNOWN]
        edited = "".join(_applied(text, edits)[0] for text in texts)
        return UNKNOWN if is_unknown(edited) else edited
    for file in files:
        _edit_file(scope, file, edits)
    return ""


def _edit_file(scope: Scope, file: str, edits: Sequence[_Edit]) -> None:
    path = scope.path(file)
    content = scope.world.read(path)
    scope.machine.runs_docker = scope.machine.runs_docker or path in scope.machine.stock
    if content is None:
        # Nothing is known of the file: it holds at least what the edit puts in.
        added = [edit.text for edit in edits if _TELLING.search(edit.text)]
        if added and (
            path.endswith((".json", ".service", ".socket", ".conf", "/docker")) or "docker" in path
        ):
            scope.write(file, _put_in(path, "", added))
        return
    edited, undecided = _applied(content.text, edits)
    if not content.where or any(edit.pattern == UNREAD for edit in edits):
        # The machine's own file may differ from what is known of it: keep what an edit means to put in.
        edited = _put_in(path, edited, undecided)
    if edited != content.text:
        scope.write(file, edited)


def _put_in(path: str, text: str, added: Sequence[str]) -> str:
    for each in added:
        if not _TELLING.search(each):
            continue
        if path.startswith("/etc/init"):
            each = each.strip()
            flags = re.sub(r"^(?:exec )?\S*docker\S* (?:-d |daemon )?|^-d ", "", each)
            text += (
                f"\nDOCKER_OPTS={each.partition('=')[2] or each!r}\nexec dockerd $DOCKER_OPTS\n"
                if re.match(r"\w+=", each)
                else f"\nexec dockerd {flags}\n"
            )
        elif path.endswith(".json"):
            text = json.dumps(overlaid(text, each), ensure_ascii=False)
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
                edits.append(_Edit("s", address, posix(pattern, extended), text, everywhere))
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
        return posix(pattern, extended), at
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
    return search(address, line) is not None


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


PROGRAMS: Rows = dict.fromkeys(("sed", "gsed"), Program(_sed))
