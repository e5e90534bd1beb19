"""Reads what a program does itself while `pulumi up` runs: commands, here or by SSH, and files that it copies.

What a command does is for `boot.judge`; what it does to a third machine is not read.
"""

import re
import shlex

from .assets import content
from .facts import Facts, Machine, UserData
from .scripts import END, file_written
from .values import Doubt, Value, lines, pick


def command(resource: Value, facts: Facts) -> None:
    """A command that `pulumi up` runs on a machine by SSH, or where it runs itself."""
    interpreter = [] if _has_doubt(resource["interpreter"]) else list(lines(resource["interpreter"]))
    settings = _exports(resource["environment"])
    for name in ("create", "update", "delete"):
        value = resource[name]
        if value.absent:
            continue
        text = value.text
        if text is not None:
            if interpreter:
                text = shlex.join([*interpreter, text])
            text = f"#!/bin/sh\n{settings}{_fed(text, resource['stdin'])}\n"
        _add(facts, value, text, value.doubt or resource["stdin"].doubt)


def _add(
    facts: Facts, at: Value, text: str | None, doubt: Doubt | None, elsewhere: tuple[Doubt, ...] = ()
) -> None:
    # It reaches the machine by SSH: nobody else reads it there.
    document = UserData(at.where, text, doubt, None, has_lines=False, elsewhere=elsewhere)
    facts.machines.append(Machine(at.where, (document,), None))


def _has_doubt(listed: Value) -> bool:
    return any(item.doubt for item in (listed, *listed.each()))


def _exports(environment: Value) -> str:
    found: list[str] = []
    for name in environment.names():
        value = environment[name]
        if not (value.absent or value.doubt) and re.fullmatch(r"\w+", name, re.A):
            found.append(f"export {name}={shlex.quote(str(value.raw))}\n")
    return "".join(found)


def _fed(text: str, stdin: Value) -> str:
    """A command with what it reads from its standard input."""
    given = None if stdin.absent or stdin.doubt else stdin.text
    return text if given is None else f"{{\n{text}\n}} <<'{END}'\n{given}\n{END}"


def copied_file(resource: Value, facts: Facts) -> None:
    """A file that `pulumi up` copies to a machine, and which something there may then read or run."""
    path = resource["remotePath"]
    source = pick(resource, "source", "localPath")
    if path.doubt:
        _add(facts, path, None, path.doubt)
        return
    for name, value in content(source):
        target = "/".join(part for part in (path.text or "", name) if part)
        restarted = "systemctl daemon-reload\nsystemctl restart docker\n" if "docker" in target else ""
        if value.doubt:
            doubts = (value.doubt,) if value.doubt.final else ()
            _add(facts, source, f"#!/bin/sh\n{restarted}", None if doubts else value.doubt, doubts)
            continue
        text = str(value.raw)
        started = f"sh {shlex.quote(target)}\n" if text.startswith("#!") else ""
        _add(facts, source, f"#!/bin/sh\n{file_written(target, text)}\n{started}{restarted}", None)
