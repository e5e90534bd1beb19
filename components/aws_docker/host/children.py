"""What every resource has from its component (parent, name, tags), and how pure decisions meet late values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

import pulumi
from pulumi.output import UNKNOWN

from ..core.errors import InvalidInput

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class DockerHostError(pulumi.RunError):
    """An argument that DockerHost refuses; the message names the argument, the value and the hint."""


@dataclass(frozen=True)
class Children:
    """Names, parents and tags what belongs to `name`, which is the component's name or one of its machines'."""

    parent: pulumi.Resource
    name: str
    tags: Mapping[str, pulumi.Input[str]]

    def named(self, role: str) -> str:
        """A resource's name within the program."""
        return f"{self.name}-{role}"

    def tagged(self, role: str) -> dict[str, pulumi.Input[str]]:
        """A resource's tags: what the console shows as its name, and the caller's."""
        return {"Name": self.named(role), **self.tags}

    def options(self, **more: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent, **more)

    @property
    def asking(self) -> pulumi.InvokeOptions:
        """For what is only looked up: by the component's provider."""
        return pulumi.InvokeOptions(parent=self.parent)


def refusing(decide: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """A pure decision, whose refusals Pulumi shows as one clean line."""

    def decided(*args: _Given.args, **given: _Given.kwargs) -> _Result:
        try:
            return decide(*args, **given)
        except InvalidInput as error:
            raise DockerHostError(str(error)) from None

    return decided


def waiting(value: pulumi.Output[_Result | None]) -> pulumi.Output[_Result]:
    """A value that is None until `up` brings it: in the preview it is not known, and so is what follows from it."""
    return value.apply(lambda known: cast(Any, UNKNOWN) if known is None else known)


def once_known(decide: Callable[..., _Result], **values: pulumi.Input[Any]) -> pulumi.Output[_Result]:
    """What a pure decision says of these values as soon as all of them are known."""
    decided = refusing(decide)
    return pulumi.Output.all(**values).apply(lambda known: decided(**known))
