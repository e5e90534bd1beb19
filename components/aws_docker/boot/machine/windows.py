"""What PowerShell and batch user-data on Windows tells Docker: the dockerd that it starts, and its daemon.json.

powershell.py follows variables and objects; what it does not see is read line by line, as far as it stands in the open.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from ..formats.options import overlaid
from . import powershell, systemd
from .state import base

_DAEMON = re.compile(r"dockerd(?:\.exe)?[\"'`\\]*\s+(?P<flags>[^\n|;]{0,2000})", re.I)
_PRINTED = re.compile(
    r"\s*(?:#|rem\s|::|@?echo\b|write-(?:host|output|verbose|information|warning|debug)\b)", re.I
)
_RUNS = re.compile(
    r"dockerd|(?:install-\w+|start-service|restart-service|net start|sc(?:\.exe)? (?:start|config))[^\n]{0,80}\bdocker"
    r"|\bdocker(?:\.exe)? (?:run|build|pull|compose|swarm)\b|dockermsftprovider",
    re.I,
)
_CONFIGURATION = re.compile(r"(?:.*/docker/config/|^)daemon\.json", re.I)


class Started(NamedTuple):
    flags: list[str]
    line: int


class Windows(NamedTuple):
    """What a script tells Docker."""

    runs_docker: bool
    daemons: list[Started]
    """The flags of each dockerd that it starts or registers."""
    configurations: list[tuple[dict[str, Any], int]]
    """Each daemon.json that it writes."""


def read(text: str) -> Windows:
    """What a script tells Docker."""
    script = re.sub(r"</?(?:powershell|persist|script|detach)[^>\n]*>", "", text, flags=re.I)
    effects = powershell.effects(script)
    daemons = list(_daemons(text))
    seen = {tuple(each.flags) for each in daemons}
    for words, line in effects.commands:
        for at, word in enumerate(words):
            if base(word).lower() == "dockerd" and at < 4:
                flags = [each for each in words[at + 1 :] if each]
                if not any(set(flags) == set(each) for each in seen):
                    daemons = [each for each in daemons if each.line != line]
                    daemons.append(Started(flags, line))
    configurations = [
        (_options_of(content), line)
        for path, (content, line) in effects.files.items()
        if _CONFIGURATION.fullmatch(path)
    ]
    if not any(options for options, _ in configurations):
        configurations = list(_configurations(text))
    runs = any(_RUNS.search(line) for line in text.splitlines() if not _PRINTED.match(line))
    return Windows(runs or bool(daemons), daemons, configurations)


def _options_of(content: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        return overlaid("", content)
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _daemons(text: str) -> Iterator[Started]:
    # A backquote continues a line in PowerShell, a caret in batch.
    text = re.sub(r"[`^]\r?\n\s*", " ", text)
    for number, line in enumerate(text.splitlines(), 1):
        if _PRINTED.match(line):
            continue
        for found in _DAEMON.finditer(line):
            words = systemd.words(
                re.sub(r"\\?[\"']|\s#.*", " ", found["flags"]).replace("\\", "/").replace(",", " ")
            )
            yield Started([word for word in words if word], number)


def _configurations(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Each daemon.json that stands in a text as JSON."""
    if "daemon.json" not in text.lower():
        return
    for found in list(re.finditer(r"[\"']?\b(?:hosts|tls(?:verify)?)\b[\"']?\]?\s{0,9}[:=]", text))[:20]:
        start = text.rfind("{", 0, found.start())
        for end in [each.start() for each in re.finditer(r"\}", text[found.end() : found.end() + 4_000])][
            :10
        ]:
            try:
                value = json.loads(text[start : found.end() + end + 1]) if start >= 0 else None
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield cast(dict[str, Any], value), text.count("\n", 0, start) + 1
                break
        else:
            # A hash table that is made into JSON, or JSON that is put together: at least its addresses.
            line = text.count("\n", 0, found.start()) + 1
            yield _options("\n".join(text.splitlines()[line - 1 : line + 20])), line


def _options(text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if hosts := re.findall(r"(?:tcp|npipe)://[^\s\"',)\]]{0,200}", text):
        options["hosts"] = hosts
    for name, value in re.findall(r"\"?\b(tls\w{0,10})\"?\s{0,9}[:=]\s{0,9}([^\s,;}]{1,200})", text):
        options[name] = value.lower().endswith("true") if name in ("tls", "tlsverify") else value.strip("\"'")
    return options
