"""Reads a caller's arguments, each by name: its kind, its range, its form. What they mean is plan.py's. Pure.

A value may be *late*: an Output, which is known when its resource exists. Late values stay what they are.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from ..core.errors import InvalidInput

if TYPE_CHECKING:
    from pulumi import Input

_MOST_TAGS: Final = 49

_Enum = TypeVar("_Enum", bound=Enum)


class Form(NamedTuple):
    """How a text is written."""

    pattern: str
    hint: str


def _id(prefix: str) -> Form:
    return Form(prefix + "-[0-9a-f]+", f"give an id such as '{prefix}-0123456789abcdef0'")


VPC: Final = _id("vpc")
SUBNET: Final = _id("subnet")
IMAGE: Final = _id("ami")
PREFIX_LIST: Final = _id("pl")
SECURITY_GROUP: Final = _id("sg")
ANY: Final = Form(".*", "")
INSTANCE_TYPE: Final = Form(r"[a-z0-9-]+\.[a-z0-9-]+", "give a type such as 't3.medium'")
# The role's policy names the key, and policies know keys by nothing else.
KMS_KEY: Final = Form(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
    "give the key's ARN, such as 'arn:aws:kms:eu-central-1:123456789012:key/…'",
)
PORTS: Final = Form(
    r"[0-9]{1,5}(-[0-9]{1,5})?", "give a TCP port such as '8080', or a range such as '32768-60999'"
)
CLIENT: Final = Form(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", "use up to 32 letters, digits, '.', '_' and '-'")
HOSTNAME: Final = Form(
    r"(?![\d.]+$)(?=.{1,253}$)(\*\.)?(?i:([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)",
    "give a DNS name such as 'build.example.com'",
)


def is_late(value: object) -> bool:
    """Whether a value is an Output. Told by its class, since an Output says yes to whatever attribute is asked for."""
    return all(hasattr(type(value), method) for method in ("apply", "is_known", "is_secret"))


def holds_late(value: Any) -> bool:
    """Whether a value is late, or one inside it."""
    if isinstance(value, Mapping):
        return any(map(holds_late, cast(Mapping[Any, Any], value).values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_late, cast(Sequence[Any], value)))
    return is_late(value)


def known(values: object) -> list[str]:
    """Those of a list of strings that are not late; of a list that is late, none."""
    members = cast(Sequence[object], values) if isinstance(values, (list, tuple)) else ()
    return [each for each in members if isinstance(each, str)]


class Arguments:
    """The arguments that a caller gave. None is as if left out. Every reader raises InvalidInput."""

    def __init__(self, args: Any) -> None:
        if not isinstance(args, Mapping):
            hint = "give a dict, such as {'trusted_cidrs': ['10.0.5.0/24']}"
            raise InvalidInput("args", args, hint, "is no dict")
        self._given = cast(Mapping[str, Any], args)
        self._read: dict[str, None] = {}

    def whole_number(self, argument: str, default: int, least: int, most: int) -> int:
        """Numbers come as floats across Pulumi's plugin boundary."""
        return _whole_number(argument, self._now(argument, default), least, most)

    def whole_numbers(self, argument: str, default: Sequence[int], least: int, most: int) -> tuple[int, ...]:
        """A list of them."""
        value = self._now(argument, default)
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(argument, value, "give a list, even of one", "is no list")
        return tuple(_whole_number(argument, each, least, most) for each in cast(Sequence[Any], value))

    def size(self, argument: str, least: int, most: int) -> int | None:
        """A whole number that has no default."""
        return None if self._value(argument) is None else self.whole_number(argument, least, least, most)

    def switch(self, argument: str) -> bool:
        """A switch that is off unless it is said to be on."""
        value = self._now(argument, False)
        if not isinstance(value, bool):
            raise InvalidInput(argument, value, "give True or False", "is no boolean")
        return value

    def choice(self, argument: str, default: _Enum) -> _Enum:
        """One of an enum's members, or what it is called."""
        kind = type(default)
        value = self._now(argument, default)
        try:
            return kind(value)
        except ValueError:
            offered = ", ".join(repr(member.value) for member in kind)
            raise InvalidInput(argument, value, f"choose one of {offered}") from None

    def text(self, argument: str, form: Form) -> "Input[str] | None":
        """A text, which may be late."""
        value = self._value(argument)
        if value is not None and not is_late(value):
            _check_form(argument, value, form)
        return value

    def plain_text(self, argument: str, default: str, form: Form) -> str:
        """A text that must be known now."""
        value = self._now(argument, default)
        _check_form(argument, value, form)
        return value

    def names(self, argument: str, default: Sequence[str], form: Form) -> tuple[str, ...]:
        """Strings that must be known now."""
        return tuple(self._strings(argument, self._now(argument, default), form, lambda _: False))

    def strings(self, argument: str, form: Form) -> "tuple[Input[str], ...]":
        """Strings, each of which may be late."""
        return tuple(
            self._strings(argument, self._now(argument, (), members_may_be_late=True), form, is_late)
        )

    def networks(self, argument: str) -> "Input[Sequence[Input[str]]]":
        """Strings, each of which may be late, or the whole list; trust.py says what a network may be."""
        value = self._value(argument, ())
        return value if is_late(value) else tuple(self._strings(argument, value, None, is_late))

    def texts(self, argument: str, form: Form) -> Mapping[str, str]:
        """A map of texts, all of which must be known now."""
        value = self._now(argument, {})
        if not isinstance(value, Mapping):
            raise InvalidInput(argument, value, "give a map of strings", "is no map")
        for key, text in cast(Mapping[object, object], value).items():
            if not isinstance(key, str):
                raise InvalidInput(argument, key, "give strings", "is no string")
            if is_late(text):
                raise InvalidInput(
                    f"{argument}.{key}", "an Output", "give a value that is known when the program runs"
                )
            _check_form(f"{argument}.{key}", text, form)
        return cast(Mapping[str, str], value)

    def tags(self, argument: str) -> "Mapping[str, Input[str]]":
        """A map of texts, each of which may be late."""
        value = self._now(argument, {}, members_may_be_late=True)
        if not isinstance(value, Mapping):
            raise InvalidInput(argument, value, "give a map of strings", "is no map")
        tags = cast(Mapping[object, Any], value)
        for key, text in tags.items():
            if not isinstance(key, str) or not (isinstance(text, str) or is_late(text)):
                raise InvalidInput(f"{argument}.{key}", text, "give strings", "is no string")
            _check_tag(argument, key, text)
        if len(tags) > _MOST_TAGS:
            raise InvalidInput(argument, f"{len(tags)} tags", f"give at most {_MOST_TAGS}, besides Name")
        return {str(key): text for key, text in tags.items()}

    def options(self, argument: str) -> Any:
        """What another judges: anything that is known now, late values inside it apart."""
        return self._now(argument, None)

    def says(self, argument: str) -> bool:
        """Whether the caller says anything of it."""
        return self._value(argument) is not None

    def refuse_others(self) -> None:
        """Raises InvalidInput for an argument that nobody has read: there is none of that name."""
        for argument, value in self._given.items():
            if argument not in self._read:
                near = difflib.get_close_matches(str(argument), self._read, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"the arguments are {', '.join(self._read)}"
                raise InvalidInput(str(argument), value, hint, "is for no argument of this name")

    def _value(self, argument: str, default: Any = None) -> Any:
        self._read[argument] = None
        value = self._given.get(argument)
        return default if value is None else value

    def _now(self, argument: str, default: Any, *, members_may_be_late: bool = False) -> Any:
        value = self._value(argument, default)
        if is_late(value):
            hint = "give a value that is known when the program runs: it decides which resources there are"
            hint += "; the members of a list or map may be Outputs" if members_may_be_late else ""
            raise InvalidInput(argument, "an Output", hint)
        return value

    def _strings(
        self, argument: str, value: object, form: Form | None, late: Callable[[object], bool]
    ) -> Sequence[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(argument, value, "give a list, even of one", "is no list")
        members = cast(Sequence[object], value)
        for member in members:
            if not isinstance(member, str) and not late(member):
                raise InvalidInput(argument, member, "give strings", "is no string")
            if form and isinstance(member, str):
                _check_form(argument, member, form)
        return members


def _whole_number(argument: str, value: Any, least: int, most: int) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise InvalidInput(argument, value, "give a whole number")
    if not least <= value <= most:
        raise InvalidInput(argument, value, f"give a number from {least} to {most}")
    return int(value)


def _check_tag(argument: str, key: str, text: object) -> None:
    """What AWS's services agree on (AWS General Reference, "Tagging your AWS resources")."""
    if key.lower().startswith("aws:"):
        raise InvalidInput(f"{argument}.{key}", text, "AWS keeps keys that start with 'aws:' for itself")
    if not 1 <= len(key) <= 128:
        raise InvalidInput(argument, key, "give a key of 1 to 128 characters")
    if isinstance(text, str) and len(text) > 256:
        raise InvalidInput(f"{argument}.{key}", text, "give a value of at most 256 characters")


def _check_form(argument: str, value: object, form: Form) -> None:
    if not isinstance(value, str) or not re.fullmatch(form.pattern, value):
        raise InvalidInput(argument, value, form.hint)
