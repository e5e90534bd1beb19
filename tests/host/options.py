"""What a dockerd says of its own flags, beside what the judgement takes dockerd for."""

import re

from aws_docker.core import dockerd_options as table
from tests.host.conftest import Host

# `  -D, --debug` and `      --bip string   Specify network bridge IP`
_FLAG = re.compile(r"^ +(?:-(\w), )?--([\w-]+)(?: (\w[\w=,/-]*))?(?:   .*)?$", re.M)
# A flag that names no kind in its help is a switch.
_KINDS = {
    "": "true or false",
    "bytes": "a string",
    "duration": "a string",
    "int": "a whole number",
    "ip": "a string",
    "ipSlice": "a list of strings",
    "list": "a list of strings",
    "map": "a map",
    "mapmap": "a map",
    "pool-options": "a list of maps",
    "port": "a whole number",
    "runtime": "a map",
    "string": "a string",
    "uint": "a whole number",
    "ulimit": "a map",
}


def of_dockerd(host: Host) -> dict[str, tuple[str, str]]:
    """Each flag of the host's dockerd: its short form, and the kind of value that its help names."""
    text = host.machine.run(["dockerd", "--help"]).stdout
    return {name: (short, kind) for short, name, kind in _FLAG.findall(text)}


def unknown(flags: dict[str, tuple[str, str]]) -> list[str]:
    """What the table lacks or has otherwise, each in a line; nothing, where dockerd is judged as it behaves."""
    wrong: list[str] = []
    for name, (short, kind) in flags.items():
        option = table.FLAG_OPTIONS.get(name, name)
        known = table.FILE_OPTIONS.get(option) or table.OTHER_OPTIONS.get(option)
        if known is None and name not in table.ONLY_REPORT:
            wrong.append(f"--{name} is not in the table")
        elif known is not None and _KINDS.get(kind) != known:
            wrong.append(f"--{name} takes {kind!r}, and the table says {known!r}")
        if short and table.SHORT_FLAGS.get(short) != name:
            wrong.append(f"-{short} is --{name}, and the table says {table.SHORT_FLAGS.get(short)!r}")
    return wrong
