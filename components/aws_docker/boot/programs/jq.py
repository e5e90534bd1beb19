"""What a jq filter makes of a document: sets, sums and merges of literals; of others, the listeners they name."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import yaml

from ..formats import yamltree
from ..formats.options import overlaid
from ..machine.state import UNKNOWN
from ..shell.port import Scope
from .program import Program, Rows


def _run(scope: Scope, argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[2:] if "/" in word or word.endswith(".json")]
    text = scope.file(files[-1]) if files else stdin
    return _filtered(argv[1:], None if text is None or text == UNKNOWN else text)


def _filtered(argv: Sequence[str], text: str | None) -> str:
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
            document = overlaid(json.dumps(document, default=str, ensure_ascii=False), step)
    return json.dumps(document, default=str, ensure_ascii=False)


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
        return (
            json.dumps(variables[found[1]], default=str, ensure_ascii=False)
            if found[1] in variables
            else found[0]
        )

    text = re.sub(
        r"\$(\w+)",
        put_in,
        re.sub(r"\\\(\$(\w+)\)", lambda found: str(variables.get(found[1], UNKNOWN)), text),
    )
    if (value := _json(text)) is not None:
        return value
    if len(text) < 4_000 and text.count("[") + text.count("{") < 40 and "&" not in text:
        try:
            return yamltree.loaded(text)
        except (yaml.YAMLError, RecursionError, ValueError):
            pass
    return re.findall(r"(?:tcp|unix|fd)://[^\s\"',\]]{0,200}", text) or UNKNOWN


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


PROGRAMS: Rows = {"jq": Program(_run)}
