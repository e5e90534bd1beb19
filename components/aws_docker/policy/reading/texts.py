"""Reads JSON and YAML that stand as text in a property. What they mean is for the readers."""

import json
from typing import Any, Final

import yaml

from .values import Unknown, Value

_MOST: Final = 1_048_576
"""Bytes of a text that are read: CloudFormation itself takes no more in a template."""


def parsed(value: Value, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Value:
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
        held: Any = yaml.load(value.raw, loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Value(Unknown("is neither JSON nor YAML", final=True), value.where)
    return Value(held, value.where)
