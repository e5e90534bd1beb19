"""Expands a word of shell as a shell would, in the world as it stands.

What only the machine knows stays in the text: UNKNOWN for what a command prints, `${NAME}` for a variable that nothing
sets.
"""

import re
from typing import Final

from ..machine.state import UNKNOWN
from . import arithmetic, patterns
from .port import Scope
from .syntax import Part, Word, quoted_parts

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
_OPERATOR = re.compile(r":?[-=+?]|##?|%%?|//?|\^\^?|,,?|:|@")


def is_known(text: str) -> bool:
    """Whether a text is certain: nothing in it is the machine's to say."""
    return UNKNOWN not in text and "$" not in text


def text(scope: Scope, word: Word) -> str:
    """A word as one text."""
    if len(word) == 1 and word[0].kind == "text":
        return _tilde(word[0])
    return "".join(" ".join(_part(scope, part)) for part in word)[: LONGEST << 2]


def pattern(scope: Scope, word: Word) -> str:
    """A word as a shell's pattern: what was quoted in it stands for itself."""
    return patterns.of_word(word, [" ".join(_part(scope, part)) for part in word])


def fields(scope: Scope, word: Word) -> list[str]:
    """A word as the fields that it splits into."""
    if len(word) == 1 and word[0].kind == "text":
        text = _tilde(word[0])
        return [text] if word[0].quoted else _braces(text)
    fields: list[str] = []
    current: str | None = None
    for part in word:
        texts = _part(scope, part)
        if part.quoted:
            if len(texts) == 1:
                current = (current or "") + texts[0]
            elif texts:  # "$@"
                fields.append((current or "") + texts[0])
                fields += texts[1:-1]
                current = texts[-1]
            continue
        if part.kind in ("text", "operator"):
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
    return fields


def variable(scope: Scope, name: str) -> str | None:
    """What a variable or parameter holds, None where nothing in the script says."""
    process = scope.world.process
    if name.isdigit():
        arguments, number = process.arguments, int(name[:6])
        if number == 0:
            return process.name
        if arguments is None:
            return None
        return arguments[number - 1] if number <= len(arguments) else ""
    if name in process.variables:
        return process.variables[name]
    if name in process.arrays:
        return process.arrays[name][0] if process.arrays[name] else ""
    if name in _ENVIRONMENT:
        return _ENVIRONMENT[name]
    match name:
        case "PWD":
            return process.directory
        case "#":
            return None if process.arguments is None else str(len(process.arguments))
        case "?":
            return None if scope.world.status is None else "0" if scope.world.status else "1"
        case _:
            return None


def _part(scope: Scope, part: Part) -> list[str]:
    """What a piece of a word stands for: one text, save for arrays."""
    match part.kind:
        case "text" | "operator":
            return [part.text]
        case "variable":
            return _variable(scope, part.text)
        case "command":
            if not part.text.strip():
                return [""]
            return [scope.inner(part.text, arguments=scope.world.process.arguments).rstrip("\n")]
        case "arithmetic":
            found = arithmetic.value(part.text, lambda name: variable(scope, name))
            return [UNKNOWN if found is None else str(found)]
        case "process<":
            scope.machine.changes += 1
            path = f"/dev/fd/{scope.machine.changes}"
            printed = scope.inner(part.text)
            scope.world.write(path, printed, scope.place)
            return [path]
        case _:
            return ["/dev/fd/63"]


def _variable(scope: Scope, inside: str) -> list[str]:
    found = _PARAMETER.fullmatch(inside)
    if not found:
        return [f"${{{inside[:40]}}}"]
    mark, name, index, operation = found.groups()
    process = scope.world.process
    if mark and not name:
        return [f"${{{inside[:40]}}}"]
    if name in ("@", "*"):
        if mark == "#":
            return [variable(scope, "#") or UNKNOWN]
        values = process.arguments or []
        numbers = re.fullmatch(r":(\d{1,4})(?::(\d{1,4}))?", operation)
        if numbers:
            start = max(int(numbers[1]) - 1, 0)
            values = values[start : start + int(numbers[2]) if numbers[2] else None]
        elif operation and not values:
            return [_operation(scope, name, "", operation)]
        return list(values)
    value: str | None
    if name in process.arrays and index is not None:
        array = process.arrays[name]
        if index in ("@", "*"):
            return [str(len(array))] if mark == "#" else list(array)
        number = int(index[:6]) if index.isdigit() else 0
        value = array[number] if number < len(array) else None
    else:
        value = variable(scope, name)
    if mark == "#":
        return [str(len(value)) if value is not None and is_known(value) else UNKNOWN]
    if mark == "!":
        if value is not None and re.fullmatch(r"\w+", value):
            return _variable(scope, value)
        return [f"${{!{name}}}"]
    if operation:
        return [_operation(scope, name, value, operation)]
    if value is None:
        return [f"${name}" if name in "#?$!-" or name.isdigit() else f"${{{name}}}"]
    return [value]


def _operation(scope: Scope, name: str, value: str | None, operation: str) -> str:
    kind = _OPERATOR.match(operation)
    operator = kind[0] if kind else ""
    rest = operation[len(operator) :]
    if operator in (":-", "-", ":=", "=", ":+", "+"):
        return _default(scope, name, value, operator, rest)
    if operator in (":?", "?"):
        return value if value is not None else f"${{{name}}}"
    if value is None:
        return f"${{{name}}}"
    if value == UNKNOWN:
        return value
    changed = _changed(scope, value, operator, rest)
    return changed if changed is not None else f"${{{name}}}"


def _default(scope: Scope, name: str, value: str | None, operator: str, rest: str) -> str:
    is_set = value is not None and (bool(value) or operator[0] != ":")
    if name.isdigit() and value == "":
        is_set = False  # an argument that is not there
    unnamed = value is None and name.isdigit() and scope.world.process.arguments is None
    if unnamed or (is_set and value == UNKNOWN and operator[0] == ":"):
        is_set = scope.choose(f"-n ${name}", ("-n", f"${name}"))
        value = UNKNOWN if is_set else ""
    if operator[-1] == "+":
        return text(scope, _argument(rest)) if is_set else ""
    chosen = value if is_set and value is not None else text(scope, _argument(rest))
    if operator[-1] == "=":
        scope.world.process.variables[name] = chosen
    return chosen


def _changed(scope: Scope, value: str, operator: str, rest: str) -> str | None:
    """What cutting and replacing makes of a value; None where it cannot be told."""
    match operator:
        case "^^":
            return value.upper()
        case ",,":
            return value.lower()
        case "^" | ",":
            return (value[:1].upper() if operator == "^" else value[:1].lower()) + value[1:]
        case "@":
            return value
        case "/" | "//":
            old, _, new = rest.partition("/")
            found = patterns.glob(pattern(scope, _argument(old)))
            put = text(scope, _argument(new))
            if found is None or not found.pattern:
                return None
            count = 0 if operator == "//" else 1
            return found.sub(lambda _: put, value[:LONGEST], count=count)[:LONGEST]
        case "%" | "%%" | "#" | "##":
            if len(value) > 4_000:
                return None
            found = patterns.glob(pattern(scope, _argument(rest)))
            if found is None:
                return None
            places = range(len(value) + 1)
            if operator[0] == "%":
                order = places if operator == "%%" else reversed(places)
                return next((value[:at] for at in order if found.fullmatch(value, at)), value)
            order = reversed(places) if operator == "##" else places
            return next((value[at:] for at in order if found.fullmatch(value, 0, at)), value)
        case ":":
            numbers = re.fullmatch(r"\s*(-?\d{1,5})\s*(?::\s*(-?\d{1,5})\s*)?", rest)
            if not numbers:
                return None
            cut_off = value[int(numbers[1]) :]
            return cut_off[: int(numbers[2])] if numbers[2] else cut_off
        case _:
            return None


def _argument(text: str) -> Word:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return (Part("text", text[1:-1], True),)
    if not re.search(r"[*?\[]", text):
        return quoted_parts(text.replace('"', "")) or (Part("text", "", True),)
    # A pattern: what stands in quotes in it stands for itself.
    parts: list[Part] = []
    for number, piece in enumerate(re.split(r"[\"']", text)):
        parts += [part if number % 2 else part._replace(quoted=False) for part in quoted_parts(piece)]
    return tuple(parts)


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
