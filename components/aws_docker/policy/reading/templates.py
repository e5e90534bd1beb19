"""Reads resources that are described in text: Cloud Control's desired state and CloudFormation's templates.

Their resources become those of aws-native: the same properties, with a small first letter. `Ref` of a parameter,
`Fn::Base64`, `Fn::Join` and `Fn::Sub` are followed as far as the template says what they come to; what else
CloudFormation computes cannot be read here, and is said to be so.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import yaml

from .values import Doubt, Malformed, Unknown, Value

_MOST: Final = 1_048_576
"""Bytes of a template that are read: CloudFormation itself takes no more."""
_COMPUTED: Final = Unknown("is computed by CloudFormation and cannot be read here", final=True)
_DEEPEST: Final = 60


class Described(NamedTuple):
    """A resource that a text describes."""

    type: str
    """Its type, as aws-native's in short form: `aws-native:ec2:SecurityGroup`."""
    value: Value


def described(kind: str, resource: Value) -> Iterator[Described | Doubt]:
    """The resources that a resource of this kind describes; a Doubt for what cannot be read."""
    if kind == "aws:cloudcontrol:Resource":
        yield from _one(resource["typeName"], resource["desiredState"])
    elif kind == "aws-native:index:ExtensionResource":
        yield from _one(resource["type"], resource["properties"])
    else:
        yield from _template(resource)


def _one(name: Value, properties: Value) -> Iterator[Described | Doubt]:
    for value in (name, properties):
        if value.doubt:
            yield value.doubt
            return
    token = _token(name.text or "")
    if token is None:
        return
    parsed = _parsed(properties)
    if isinstance(parsed, Doubt):
        yield parsed
    else:
        yield Described(token, Value(_native(parsed, {}), properties.where))


def _template(resource: Value) -> Iterator[Described | Doubt]:
    body, url = resource["templateBody"], resource["templateUrl"]
    if not url.absent:
        yield Doubt(url.where, "names a template that cannot be read here", final=True)
    if body.absent:
        return
    if body.doubt:
        yield body.doubt
        return
    parsed = _parsed(body)
    resources = cast(Any, parsed).get("Resources") if isinstance(parsed, Mapping) else None
    if isinstance(parsed, Doubt) or not isinstance(resources, Mapping):
        yield parsed if isinstance(parsed, Doubt) else Doubt(body.where, "holds no Resources", final=True)
        return
    parameters = _parameters(cast(Any, parsed).get("Parameters"), resource["parameters"])
    for name, described_resource in cast(Mapping[str, Any], resources).items():
        where = f"{body.where}.Resources.{name}"
        if not isinstance(described_resource, Mapping):
            yield Doubt(where, "is not a map", final=True)
            continue
        inner = cast(Mapping[str, Any], described_resource)
        token = _token(str(inner.get("Type")))
        if token == "aws-native:cloudformation:Stack":  # noqa: S105
            yield Doubt(where, "is a nested stack whose template cannot be read here", final=True)
        elif token is not None:
            yield Described(token, Value(_native(inner.get("Properties"), parameters), where))


def _token(name: str) -> str | None:
    parts = name.strip().split("::")
    if len(parts) != 3 or parts[0].upper() != "AWS":
        return None
    return f"aws-native:{parts[1].lower()}:{parts[2]}"


def _parsed(value: Value) -> Any:
    if not isinstance(value.raw, str):
        return value.raw
    if len(value.raw.encode("utf-8", "surrogatepass")) > _MOST:
        return Doubt(value.where, f"is longer than {_MOST:,} bytes, and was not read", final=True)
    try:
        return json.loads(value.raw)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(value.raw, _Loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Doubt(value.where, "is neither JSON nor YAML", final=True)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Sub x` is `Fn::Sub: x`."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: _COMPUTED}


_Loader.add_multi_constructor("!", _short_tag)  # pyright: ignore[reportUnknownMemberType]


def _parameters(declared: Any, given: Value) -> dict[str, Any]:
    """What a template's parameters come to: the stack's own value, or else the default."""
    values: dict[str, Any] = {}
    if isinstance(declared, Mapping):
        for name, parameter in cast(Mapping[str, Any], declared).items():
            if isinstance(parameter, Mapping) and "Default" in parameter:
                values[name] = cast(Any, parameter)["Default"]
    for name in given.names():
        values[name] = given[name].raw
    return values


def _native(value: Any, parameters: Mapping[str, Any], depth: int = 0) -> Any:
    """The properties as aws-native names them."""
    if depth > _DEEPEST:
        raise Malformed("the template is nested too deeply")
    if isinstance(value, Mapping):
        names = cast(Mapping[str, Any], value)
        only = str(next(iter(names))) if len(names) == 1 else ""
        if only == "Ref" or only.startswith("Fn::"):
            inner = names[only]
            return _come_to(
                only, inner if only == "Ref" else _native(inner, parameters, depth + 1), parameters
            )
        return {_small(str(name)): _native(names[name], parameters, depth + 1) for name in names}
    if isinstance(value, list):
        return [_native(each, parameters, depth + 1) for each in cast(list[Any], value)]
    return value


def _come_to(function: str, value: Any, parameters: Mapping[str, Any]) -> Any:
    """What one of CloudFormation's functions comes to, where the template itself says it."""
    if function == "Ref":
        return parameters.get(str(value), _COMPUTED)
    if function == "Fn::Base64" and isinstance(value, str):
        return value  # a start-up document: whoever reads it takes it plain too
    if function == "Fn::Sub":
        text = cast(Any, value[0] if isinstance(value, list) and value else value)
        if isinstance(text, str):
            for name, known in parameters.items():
                text = text.replace("${%s}" % name, known) if isinstance(known, str) else text
            return text
    if function == "Fn::Join" and isinstance(value, list) and len(cast(list[Any], value)) == 2:
        separator, parts = cast(list[Any], value)
        if isinstance(separator, str) and isinstance(parts, list):
            # What is not known becomes a variable, as in Fn::Sub, so that the rest can be read.
            return separator.join(
                str(p) if isinstance(p, str | int) else "${x}" for p in cast(list[Any], parts)
            )
    return _COMPUTED


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
