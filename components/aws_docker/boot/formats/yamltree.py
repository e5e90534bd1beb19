"""Reads YAML of which nothing is known: never deeply nested, never larger than what is written, never an error.

Built from the parser's events, because a loader recurses for each level and copies for each alias. Scalars stay text,
which is all that cloud-config needs; `!!binary` becomes bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import yaml

from .encodings import Undecodable, unbase64

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fastest safe loader that is there."""
_DEEPEST: Final = 50
_DEEPEST_LOADED: Final = 200
_MOST: Final = 50_000
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))


class Tree(NamedTuple):
    value: Any
    problem: str = ""
    """Why not all of it could be read: a sentence's rest."""


def loaded(text: str, loader: Any = LOADER) -> Any:
    """What a YAML text holds, as a safe loader makes it. Raises yaml.YAMLError or ValueError where it cannot be read,
    and where it is nested so deeply that libyaml's loader, which recurses in C, would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST_LOADED:
                raise yaml.YAMLError("is nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return yaml.load(text, loader)  # noqa: S506 (a safe loader)


def load(text: str) -> Tree:
    """The first document of a YAML text; what could be read where not all can."""
    # A stack of open collections, each with the key that waits for its value.
    root: list[Any] = []
    open_: list[tuple[Any, list[Any]]] = [(root, [])]
    anchors: dict[str, Any] = {}
    events = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            events += 1
            if events > _MOST:
                return Tree(root[0] if root else None, "its YAML is too long to read")
            if isinstance(event, yaml.ScalarEvent):
                _add(open_, _scalar(event), event.anchor, anchors)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(open_) > _DEEPEST:
                    return Tree(root[0] if root else None, "its YAML is nested too deeply to read")
                collection: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                _add(open_, collection, event.anchor, anchors)
                open_.append((collection, []))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                open_.pop()
            elif isinstance(event, yaml.AliasEvent):
                _add(open_, anchors.get(event.anchor or ""), None, anchors)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark is not None else ""
        return Tree(root[0] if root else None, f"its YAML is broken{place}")
    return Tree(root[0] if root else None)


def mapping(tree: Tree) -> Mapping[str, Any]:
    """The mapping that a tree is; an empty one where it is something else."""
    value = cast(object, tree.value)
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _scalar(event: yaml.ScalarEvent) -> Any:
    value = event.value or ""
    if event.tag == "tag:yaml.org,2002:binary":
        try:
            return unbase64(value.encode("utf-8", "replace"))
        except Undecodable:
            return value
    return None if event.implicit[0] and not event.tag and value in _NULLS else value


def _add(open_: list[tuple[Any, list[Any]]], value: Any, anchor: str | None, anchors: dict[str, Any]) -> None:
    if anchor:
        anchors[anchor] = value
    collection, key = open_[-1]
    if isinstance(collection, list):
        cast(list[Any], collection).append(value)
    elif not key:
        key.append(
            value
            if isinstance(value, str)
            else str(value)[:200]
            if not isinstance(value, dict | list)
            else ""
        )
    else:
        name = key.pop()
        mapping = cast(dict[str, Any], collection)
        if name == "<<":
            for merged in cast(list[Any], value) if isinstance(value, list) else [value]:
                if isinstance(merged, Mapping):
                    for each, inner in cast(Mapping[str, Any], merged).items():
                        mapping.setdefault(each, inner)
        else:
            mapping[name] = value


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a tree, with the keys that lead to it; each alias once."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        where, each = waiting.pop()
        if isinstance(each, str):
            yield where, each
        elif isinstance(each, dict | list) and id(cast(Any, each)) not in seen:
            seen.add(id(cast(Any, each)))
            if isinstance(each, dict):
                for key, inner in cast(dict[str, Any], each).items():
                    waiting.append((f"{where}.{key[:60]}" if where else key[:60], inner))
            else:
                waiting += [(where, inner) for inner in cast(list[Any], each)]
