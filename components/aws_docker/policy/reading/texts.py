"""Reads JSON and YAML that stand as text in a property. What they mean is for the readers."""

import json
from typing import Any, Final, cast

import yaml

from ...boot.formats import yamltree
from .values import Unknown, Value

_MOST_VALUES: Final = 100_000
_MOST: Final = 1_048_576
"""Bytes of a text that are read: CloudFormation itself takes no more in a template."""


def parsed(value: Value, loader: Any = yamltree.LOADER) -> Value:
    """What a text holds, JSON or YAML; a map as it is. Unknown where it cannot be read."""
    if not isinstance(value.raw, str):
        return value
    if len(value.raw.encode("utf-8", "surrogatepass")) > _MOST:
        return Value(Unknown(f"is longer than {_MOST:,} bytes, and was not read", final=True), value.where)
    try:
        return Value(json.loads(value.raw), value.where)
    except (ValueError, RecursionError):
        pass
    try:
        held: Any = yamltree.loaded(value.raw, loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Value(Unknown("is neither JSON nor YAML", final=True), value.where)
    if _is_too_much(held):
        return Value(
            Unknown(f"holds more than {_MOST_VALUES:,} values, and was not read", final=True), value.where
        )
    return Value(held, value.where)


def _is_too_much(held: Any) -> bool:
    """Whether a document is too large once its aliases are followed: YAML may name one part many times over."""
    left, waiting = _MOST_VALUES, [held]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        held_in = cast(dict[Any, Any] | list[Any], value)
        items = list(held_in.values() if isinstance(held_in, dict) else held_in)
        left -= len(items)
        if left < 0:
            return True
        waiting += items
    return False
