"""Expands a word of shell as a shell would, into everything that it may become.

A variable may have several values, where a branch decided; each gives an alternative. What only the machine knows stays
as `${NAME}` or `$(command)`. Not followed: patterns in `${NAME##*/}` and their like.
"""

import re
from collections.abc import Sequence
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING, Final

from ..machine.state import UNKNOWN
from .syntax import Part, Word, quoted_parts

if TYPE_CHECKING:
    from .interpreter import Shell

COMBINATIONS: Final = 8
LONGEST: Final = 1 << 16
_ENVIRONMENT: Final = {
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "UID": "0",
    "EUID": "0",
    "IFS": " \t\n",
}
_PARAMETER = re.compile(r"([!#]?)([A-Za-z_]\w*|[0-9]+|[@*#?$!-])(?:\[([^\]]*)\])?(.*)", re.S | re.A)


def text(shell: "Shell", word: Word) -> str:
    """A word as one text."""
    return texts(shell, word)[-1]


def texts(shell: "Shell", word: Word) -> list[str]:
    """A word as one text, in each of its alternatives."""
    if len(word) == 1 and word[0].kind == "text":
        return [_tilde(word[0])]
    pieces = [_part(shell, part) for part in word]
    return ["".join(" ".join(texts) for texts in each) for each in islice(product(*pieces), COMBINATIONS)]


def fields(shell: "Shell", word: Word) -> list[str]:
    """A word as the fields that it splits into, taking the last value of each variable."""
    return _alternatives(shell, word)[-1]


def commands(shell: "Shell", words: Sequence[Word]) -> list[list[str]]:
    """A command's words, in each combination of alternatives."""
    if not words:
        return []
    each = [_alternatives(shell, word) for word in words]
    combinations = [
        [field for fields in chosen for field in fields] for chosen in islice(product(*each), COMBINATIONS)
    ]
    if prod(map(len, each)) > COMBINATIONS:
        # Too many to try all: each word's alternatives once, beside the others' last.
        last = [alternatives[-1] for alternatives in each]
        for at, alternatives in enumerate(each):
            for fields in alternatives[:-1]:
                chosen = [*last[:at], fields, *last[at + 1 :]]
                combinations.append([field for fields in chosen for field in fields])
    return combinations


def _alternatives(shell: "Shell", word: Word) -> list[list[str]]:
    if len(word) == 1 and word[0].kind == "text":
        text = _tilde(word[0])
        return [_braces(text) if not word[0].quoted else [text]]
    pieces = [_part(shell, part) for part in word]
    if prod(map(len, pieces)) > COMBINATIONS:
        shell.machine.note_unread(f"{shell.place}: a word that may become too many things to follow")
    results: list[list[str]] = []
    for chosen in islice(product(*pieces), COMBINATIONS):
        fields: list[str] = []
        current: str | None = None
        for part, texts in zip(word, chosen, strict=True):
            if part.quoted and len(texts) <= 1:
                current = (current or "") + "".join(texts)
                continue
            if part.quoted:  # "$@"
                fields.append((current or "") + texts[0])
                fields += texts[1:-1]
                current = texts[-1]
                continue
            if part.kind == "text":
                current = (current or "") + texts[0]
                continue
            text = " ".join(texts)
            split = text.split()
            if text[:1].isspace() and current is not None:
                fields.append(current)
                current = None
            if split:
                fields += [(current or "") + split[0], *split[1:]][:-1]
                current = split[-1] if len(split) > 1 else (current or "") + split[0]
                if text[-1:].isspace():
                    fields.append(current)
                    current = None
        if current is not None:
            fields.append(current)
        if any(part.kind == "text" and not part.quoted and "{" in part.text for part in word):
            fields = [each for field in fields for each in _braces(field)]
        results.append(fields)
    return results or [[]]


def _part(shell: "Shell", part: Part) -> list[list[str]]:
    """What a piece of a word stands for: its alternatives, each a list of texts (one, save for arrays)."""
    match part.kind:
        case "text":
            return [[part.text]]
        case "variable":
            return _variable(shell, part.text)
        case "command":
            if part.text == "command":
                return [[UNKNOWN]]  # the mark itself, which came with a file or a template
            shown = shell.inner(part.text).rstrip("\n") if part.text.strip() else ""
            return [[shown]]
        case "arithmetic":
            return [[_arithmetic(part.text, shell.variables)]]
        case "process<":
            shell.machine.changes += 1
            path = f"/dev/fd/{shell.machine.changes}"
            shell.machine.write(path, shell.inner(part.text), shell.place)
            return [[path]]
        case _:
            return [["/dev/fd/63"]]


def _variable(shell: "Shell", inside: str) -> list[list[str]]:
    found = _PARAMETER.fullmatch(inside)
    if not found:
        return [[f"${{{inside[:40]}}}"]]
    mark, name, index, operation = found.groups()
    if name in ("@", "*"):
        return [list(shell.arguments)]
    if name.isdigit():
        number = int(name[:6])
        values = [shell.arguments[number - 1]] if 0 < number <= len(shell.arguments) else None
    elif name in shell.arrays:
        array = shell.arrays[name]
        if index in ("@", "*"):
            return [list(array)]
        number = int(index[:6]) if index and index.isdigit() else 0
        values = [array[number]] if number < len(array) else None
    elif name in shell.variables:
        values = shell.variables[name]
    elif name in _ENVIRONMENT:
        values = [_ENVIRONMENT[name]]
    elif name == "PWD":
        values = [shell.directory]
    else:
        values = None
    if mark == "#":
        return [[str(len(values[-1]))]] if values else [["0"]]
    if mark == "!":
        targets = values or []
        return [
            each for target in targets if re.fullmatch(r"\w+", target) for each in _variable(shell, target)
        ] or [[f"${{!{name}}}"]]
    if operation:
        return [[text] for text in _operation(shell, name, values, operation)]
    if values is None:
        return [[""]] if name.isdigit() else [[f"${name}" if name in "#?$!-" else f"${{{name}}}"]]
    return [[value] for value in values]


def _operation(shell: "Shell", name: str, values: list[str] | None, operation: str) -> list[str]:
    kind = re.match(r":?[-=+?]|##?|%%?|//?|\^\^?|,,?|:", operation)
    operator = kind[0] if kind else ""
    rest = operation[len(operator) :]

    def given() -> list[str]:
        return texts(shell, _argument(rest)) or [""]

    match operator:
        case ":-" | "-" | ":=" | "=":
            chosen = [value for value in values or [] if value or operator[0] != ":"]
            if not chosen or (len(chosen) < len(values or [])):
                chosen += given()
            if "=" in operator:
                shell.variables[name] = chosen
            return chosen
        case ":+" | "+":
            return given() if values else [""]
        case ":?" | "?":
            return values if values is not None else [f"${{{name}}}"]
        case _:
            pass
    if values is None:
        return [f"${{{name}}}"]
    match operator:
        case "^^":
            return [value.upper() for value in values]
        case ",,":
            return [value.lower() for value in values]
        case "/" | "//":
            pattern, _, new = rest.partition("/")
            old, put = texts(shell, _argument(pattern))[-1], texts(shell, _argument(new))[-1]
            if old and not re.search(r"[*?\[]", old):
                count = -1 if operator == "//" else 1
                return [value.replace(old, put, count)[:LONGEST] for value in values]
        case "%" | "%%" | "#" | "##":
            if not re.search(r"[*?\[$`\\'\"]", rest):
                cut = str.removesuffix if operator[0] == "%" else str.removeprefix
                return [cut(value, rest) for value in values]
        case ":":
            numbers = re.fullmatch(r"\s*(-?\d{1,5})\s*(?::\s*(-?\d{1,5})\s*)?", rest)
            if numbers:
                start = int(numbers[1])
                cut_off = [value[start:] for value in values]
                if numbers[2]:
                    cut_off = [value[: int(numbers[2])] for value in cut_off]
                return cut_off
        case _:
            pass
    return [f"${{{name}}}"]


def _argument(text: str) -> Word:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return (Part("text", text[1:-1], True),)
    return quoted_parts(text.replace('"', "")) or (Part("text", "", True),)


def _tilde(part: Part) -> str:
    text = part.text
    return "/root" + text[1:] if not part.quoted and (text == "~" or text.startswith("~/")) else text


_BRACES = re.compile(r"\{([^{}\s]*,[^{}\s]*)\}")


def _braces(text: str) -> list[str]:
    if "{" not in text:
        return [text]
    made = [text]
    for _ in range(4):
        if not _BRACES.search(made[0]):
            break
        wider: list[str] = []
        for each in made:
            if found := _BRACES.search(each):
                wider += [
                    each[: found.start()] + choice + each[found.end() :]
                    for choice in found[1].split(",")[:20]
                ]
            else:
                wider.append(each)
        made = wider[:60]
    return made


def _arithmetic(text: str, variables: dict[str, list[str]]) -> str:
    # A sum of numbers and variables, such as a port is made of.
    total, sign = 0, 1
    for token in re.findall(r"\d{1,9}|\$?\w{1,64}|\S", text, re.A)[:40]:
        if token in ("+", "-"):
            sign = 1 if token == "+" else -1  # noqa: S105 - an arithmetic sign
            continue
        values = variables.get(token.lstrip("$"), [])
        value = token if token.isdigit() else values[-1] if values else ""
        if not re.fullmatch(r"\d{1,9}", value, re.A):
            return UNKNOWN
        total += sign * int(value)
    return str(total)
