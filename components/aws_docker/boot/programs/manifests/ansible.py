"""Reads Ansible playbooks that stand in the user-data: tasks of the everyday modules, and variables of roles."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ...formats import yamltree
from ...formats.cloudconfig import items
from ...listeners.containers import compose
from ...machine.state import UNKNOWN, names
from ...shell.port import Scope
from .acts import Act, Daemon, EditLines, Install, Run, RunContainer, Start, Unread, WriteFile

_LISTS: Final = ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
_INSTALLERS: Final = names("apt yum dnf package apk zypper pacman")
_SERVICES: Final = names("service systemd systemd_service sysvinit")
_COMMANDS: Final = names("shell command raw script")
_INCLUDES: Final = names("include include_tasks import_tasks import_playbook include_role import_role")
_WORD = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S+)")
Vars = Mapping[str, Any]


def read(scope: Scope, argv: list[str], text: str) -> Iterator[Act]:
    """What a playbook does."""
    given = _extra_vars(argv)
    for play in items(yamltree.load(text).value)[:50]:
        if isinstance(play, Mapping):
            yield from _play(scope, cast(Mapping[str, Any], play), given)


def _extra_vars(argv: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for at, word in enumerate(argv[:-1]):
        if word in ("-e", "--extra-vars"):
            given = argv[at + 1]
            tree: Any = yamltree.load(given).value if given.lstrip().startswith("{") else None
            found |= cast(dict[str, Any], tree) if isinstance(tree, dict) else dict(_arguments(given))
    return found


def _play(scope: Scope, play: Mapping[str, Any], given: Vars) -> Iterator[Act]:
    variables = {**_mapping(play.get("vars")), **given}
    for role in items(play.get("roles")):
        name = str(_mapping(role).get("role") or _mapping(role).get("name") or role)
        own = _mapping(role)
        yield from _role(name, {**variables, **own, **_mapping(own.get("vars"))})
    for key in _LISTS[:4]:
        yield from _tasks(scope, play.get(key), variables, 0)
    if play.get("import_playbook"):
        yield Unread("a playbook that another one imports")


def _role(name: str, variables: Vars) -> Iterator[Act]:
    """A role of Docker's, by the variables that it is given: its tasks stand elsewhere."""
    flags: list[str] = []
    options: dict[str, Any] | None = None
    for key, value in variables.items():
        if isinstance(value, Mapping) and {"hosts", "tls", "tlsverify"} & set(cast(Mapping[str, Any], value)):
            options = _typed(cast(Mapping[str, Any], value))
        elif "docker" in key and re.search(r"(?:^|\s)(?:-H|--host)", _joined(value)):
            flags += _joined(value).split()
    if options is not None or flags:
        yield Daemon(["dockerd", *flags], options)
    yield Unread(f"Ansible's role {name[:60]}")


def _tasks(scope: Scope, tasks: Any, variables: Vars, depth: int) -> Iterator[Act]:
    for task in items(tasks)[:200]:
        if not isinstance(task, Mapping) or depth > 5:
            continue
        given = {**variables, **_mapping(cast(Mapping[str, Any], task).get("vars"))}
        loops = cast(Mapping[str, Any], task).get("loop") or cast(Mapping[str, Any], task).get("with_items")
        for item in items(loops)[:20] if isinstance(loops, list) else [None]:
            known = {**given, "item": item} if item is not None else given
            filled: dict[str, Any] = _filled(dict(cast(Mapping[str, Any], task)), known)
            for key in _LISTS:
                if key in filled:
                    yield from _tasks(scope, filled[key], given, depth + 1)
            for key, value in filled.items():
                module = str(key).rpartition(".")[2]
                arguments: dict[str, Any]
                if isinstance(value, str):
                    arguments = {"_": value, **dict(_arguments(value))}
                else:
                    arguments = {**_mapping(value), **_mapping(filled.get("args"))}
                yield from _module(scope, module, arguments, given, depth)


def _module(
    scope: Scope, module: str, given: Mapping[str, Any], variables: Vars, depth: int
) -> Iterator[Act]:
    def text(*keys: str) -> str:
        return next((_joined(given[key]) for key in keys if given.get(key) is not None), "")

    if module in ("copy", "template"):
        content = given.get("content")
        if content is None:
            source = scope.world.read(scope.path(text("src")))
            content = UNKNOWN if source is None else _fill(source.text, variables)
        yield WriteFile(
            text("dest"),
            content if isinstance(content, str) else json.dumps(_typed(content), ensure_ascii=False),
        )
    elif module in ("get_url", "unarchive"):
        yield WriteFile(text("dest"), UNKNOWN)
    elif module == "lineinfile":
        yield EditLines(text("path", "dest"), text("regexp"), text("line"))
    elif module == "replace":
        yield EditLines(text("path", "dest"), text("regexp"), text("replace"))
    elif module == "blockinfile":
        yield WriteFile(text("path", "dest"), "\n" + text("block", "content") + "\n", append=True)
    elif module == "ini_file":
        line = f"{text('option')}={text('value')}"
        yield EditLines(text("path", "dest"), f"^{re.escape(text('option'))}=", line, text("section"))
    elif module == "file" and text("state") == "absent":
        yield Run(["rm", "-rf", text("path", "dest", "name")])
    elif module == "file" and text("state") == "link":
        yield Run(["ln", "-sf", text("src"), text("path", "dest")])
    elif module in _COMMANDS:
        words = given.get("argv")
        yield Run([str(word) for word in items(words)] if words else text("cmd", "_"))
    elif module in _INSTALLERS:
        yield Install(
            [name for each in items(given.get("name") or given.get("pkg")) for name in str(each).split(",")]
        )
    elif module in _SERVICES:
        if text("state") not in ("stopped",):
            yield Start(text("name"))
    elif module == "docker_container":
        service = {
            "image": text("image"),
            "command": given.get("command"),
            "entrypoint": given.get("entrypoint"),
            "ports": given.get("published_ports") or given.get("ports"),
            "volumes": given.get("volumes"),
            "environment": given.get("env"),
            "network_mode": text("network_mode"),
        }
        for container in compose({"services": {"": service}}, {}):
            yield RunContainer(container)
    elif module in ("docker_compose", "docker_compose_v2") and given.get("definition"):
        for container in compose(given["definition"], {}):
            yield RunContainer(container)
    elif module in _INCLUDES:
        name = text("file", "_", "name")
        content = scope.world.read(scope.path(name)) if name else None
        if "role" in module:
            yield from _role(name, variables)
        elif content is None:
            yield Unread("tasks that a playbook includes")
        else:
            yield from _tasks(scope, yamltree.load(content.text).value, variables, depth + 1)


# --- Values ---


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    for found in _WORD.finditer(text):
        value = found[2]
        yield found[1], value[1:-1] if value[:1] in "\"'" and len(value) > 1 else value


def _joined(value: Any) -> str:
    return (
        " ".join(str(each) for each in cast(list[Any], value))
        if isinstance(value, list)
        else str(value or "")
    )


def _fill(text: str, variables: Vars) -> str:
    def put_in(found: re.Match[str]) -> str:
        name, _, filters = found[1].partition("|")
        value: Any = variables
        for key in re.findall(r"\w+", name):
            value = _mapping(value).get(key)
        if value is None:
            default = re.search(r"default\(\s*['\"]([^'\"]*)['\"]", filters)
            return default[1] if default else UNKNOWN
        if "to_json" in filters or "to_nice_json" in filters:
            return json.dumps(_typed(value), ensure_ascii=False)
        return _joined(value)

    for _ in range(3):
        new = re.sub(r"\{\{\s*(.{0,200}?)\s*\}\}", put_in, text, flags=re.S)
        if new == text:
            break
        text = new
    return re.sub(r"\{%.{0,300}?%\}", "", text, flags=re.S)


def _filled(value: Any, variables: Vars, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _fill(value, variables) if "{{" in value else value
    if depth > 8:
        return value
    if isinstance(value, Mapping):
        return {
            key: _filled(each, variables, depth + 1) for key, each in cast(Mapping[str, Any], value).items()
        }
    if isinstance(value, list):
        return [_filled(each, variables, depth + 1) for each in cast(list[Any], value)]
    return value


def _typed(value: Any) -> Any:
    """A tree of texts as YAML would type them: truths for `true` and `false`."""
    if isinstance(value, Mapping):
        return {key: _typed(each) for key, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [_typed(each) for each in cast(list[Any], value)]
    truths = {"true": True, "yes": True, "false": False, "no": False}
    return truths.get(value.lower(), value) if isinstance(value, str) else value
