"""Reads Salt states that stand in the user-data: file, cmd, pkg, service and docker_container."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ...formats import yamltree
from ...formats.cloudconfig import items
from ...listeners.containers import compose
from ...machine.state import UNKNOWN
from ...shell.port import Scope
from .acts import Act, EditLines, Install, Run, RunContainer, Start, WriteFile


def read(scope: Scope, argv: list[str], text: str) -> Iterator[Act]:
    """What a state file does."""
    for name, states in list(yamltree.mapping(yamltree.load(text)).items())[:200]:
        if not isinstance(states, Mapping):
            continue
        for function, given in cast(Mapping[str, Any], states).items():
            arguments: dict[str, Any] = {"name": name}
            for each in items(given):
                if isinstance(each, Mapping):
                    arguments |= cast(Mapping[str, Any], each)
                elif isinstance(each, str) and "." not in function:
                    function = f"{function}.{each}"
            yield from _state(function, arguments)


def _state(function: str, given: Mapping[str, Any]) -> Iterator[Act]:
    def text(key: str) -> str:
        value = given.get(key)
        return "\n".join(str(each) for each in items(value))

    match function:
        case "file.managed":
            yield WriteFile(text("name"), text("contents") if "contents" in given else UNKNOWN)
        case "file.append":
            yield WriteFile(text("name"), "\n" + text("text") + "\n", append=True)
        case "file.line" | "file.replace":
            yield EditLines(text("name"), text("pattern") or text("match"), text("content") or text("repl"))
        case "cmd.run" | "cmd.script":
            yield Run(text("name"))
        case "pkg.installed" | "pkg.latest":
            yield Install([str(each) for each in items(given.get("pkgs")) or [given["name"]]])
        case "service.running":
            yield Start(text("name"))
        case "docker_container.running":
            service = {
                "image": text("image"),
                "command": given.get("command") or given.get("cmd"),
                "ports": given.get("port_bindings"),
                "volumes": given.get("binds"),
                "environment": given.get("environment"),
                "network_mode": text("network_mode"),
            }
            for container in compose({"services": {"": service}}, {}):
                yield RunContainer(container)
        case _:
            pass
