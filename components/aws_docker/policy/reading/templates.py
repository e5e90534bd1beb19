"""Reads resources that are described in text: Cloud Control's desired state and CloudFormation's templates.

Their resources become those of aws-native: the same properties, with a small first letter. `Ref` of a parameter,
`Fn::Base64`, `Fn::Join` and `Fn::Sub` are followed as far as the template says what they come to; what else
CloudFormation computes cannot be read here, and is said to be so.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import yaml

from ...boot.formats.yamltree import LOADER
from .texts import parsed
from .values import Doubt, Malformed, Unknown, Value

_COMPUTED: Final = Unknown("is computed by CloudFormation and cannot be read here", final=True)
_DEEPEST: Final = 60
_MOST_VALUES: Final = 100_000


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
    held = parsed(properties, _Loader)
    if held.doubt:
        yield held.doubt
    else:
        yield Described(token, Value(_Translation({}).of(held), properties.where))


def _template(resource: Value) -> Iterator[Described | Doubt]:
    body, url = resource["templateBody"], resource["templateUrl"]
    if not url.absent:
        yield Doubt(url.where, "names a template that cannot be read here", final=True)
    if body.absent:
        return
    held = body if body.doubt else parsed(body, _Loader)
    resources = held["Resources"]
    if resources.doubt:
        yield resources.doubt
        return
    if resources.absent:
        yield Doubt(body.where, "holds no Resources", final=True)
    translation = _Translation(_parameters(held["Parameters"], resource["parameters"]))
    for name in resources.names():
        inner = resources[name]
        kind = inner["Type"]
        if doubt := inner.doubt or kind.doubt:
            yield doubt
            continue
        token = _token(str(kind.raw))
        if token == "aws-native:cloudformation:Stack":  # noqa: S105
            yield Doubt(inner.where, "is a nested stack whose template cannot be read here", final=True)
        elif token is not None:
            yield Described(token, Value(translation.of(inner["Properties"]), inner.where))


def _token(name: str) -> str | None:
    parts = name.strip().split("::")
    if len(parts) != 3 or parts[0].upper() != "AWS":
        return None
    return f"aws-native:{parts[1].lower()}:{parts[2]}"


class _Loader(LOADER):
    """YAML with CloudFormation's short tags: `!Sub x` is `Fn::Sub: x`."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: _COMPUTED}


_Loader.add_multi_constructor("!", _short_tag)  # pyright: ignore[reportUnknownMemberType]


def _parameters(declared: Value, given: Value) -> dict[str, Any]:
    """What a template's parameters come to: the stack's own value, or else the default."""
    values: dict[str, Any] = {}
    for name in declared.names():
        default = declared[name]["Default"]
        if not default.absent:
            values[name] = default.raw
    for name in given.names():
        values[name] = given[name].raw
    return values


class _Translation:
    """Turns CloudFormation's properties into aws-native's; each value on its own, so that none hides another."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        # A template may name one part many times over (YAML's aliases).
        self._left = _MOST_VALUES

    def of(self, value: Value, depth: int = 0) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise Malformed("it is nested too deeply, or holds too much, to be read")
        if value.is_map:
            names = value.names()
            if len(names) == 1 and names[0].startswith(("Ref", "Fn::")):
                inner = value[names[0]]
                come = inner.raw if names[0] == "Ref" else self.of(inner, depth + 1)
                return come if isinstance(come, Unknown) else _come_to(names[0], come, self._parameters)
            return {_small(name): self.of(value[name], depth + 1) for name in names}
        if value.is_list:
            return [self.of(each, depth + 1) for each in value.each()]
        return value.raw


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
