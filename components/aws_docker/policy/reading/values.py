"""Reads what the engine passes to a policy: value by value, so that one unknown value hides no other.

Maps and lists arrive as proxies that are neither dict nor list and raise on whatever is not known yet; some paths
(list slices, remediation) hand out the raw mark of an unknown instead; numbers are floats; secrets are in clear. A
`Value` takes all of that, and plain dicts and lists too. What a value means is for its readers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, NamedTuple, final

from pulumi_policy import proxy


class About(Enum):
    """What a value that cannot be read would have said, where a judge decides by it."""

    PROTOCOL = auto()
    GROUP = auto()
    PREFIX_LIST = auto()
    TOKENS = auto()
    HOP_LIMIT = auto()


class Doubt(NamedTuple):
    """A value that cannot be read: where it stands, and why."""

    where: str
    why: str
    final: bool
    """Whether `pulumi up` will not know it either."""
    about: About | None = None

    def __str__(self) -> str:
        return f"{self.where} {self.why}"


@dataclass(frozen=True, slots=True)
class Unknown:
    """What stands for a value that cannot be read. Not a tuple: it must not look like a list."""

    why: str
    final: bool


NOT_YET: Final = Unknown("is not known yet", final=False)
"""What an unknown value of the engine is read as."""

_MARKS: Final = frozenset(
    getattr(proxy, f"UNKNOWN_{kind}_VALUE")
    for kind in ("BOOLEAN", "NUMBER", "STRING", "ARRAY", "ASSET", "ARCHIVE", "OBJECT")
)


class Malformed(ValueError):
    """A value of the wrong kind; the message names the place and never the value, which may be a secret."""


@final
class Value:
    """One value of a resource, and where it stands in it."""

    __slots__ = ("about", "raw", "where")
    raw: Any
    where: str
    about: About | None

    def __init__(self, raw: Any, where: str = "", about: About | None = None) -> None:
        self.raw = NOT_YET if isinstance(raw, str) and raw in _MARKS else raw
        self.where = where
        self.about = about

    def on(self, about: About | None) -> "Value":
        """The same value, with what it is about: its doubts, and those of its items, then say so."""
        self.about = about
        return self

    def __getitem__(self, name: str) -> "Value":
        """A property of a map; a Value of None where there is none. Of something unknown, all is unknown."""
        where = f"{self.where}.{name}" if self.where else name
        if self.raw is None or isinstance(self.raw, Unknown):
            return Value(self.raw, where)
        if not _is_map(self.raw):
            raise Malformed(f"{self.where or 'the resource'} is not a map")
        return Value(_got(self.raw, name), where)

    def names(self) -> tuple[str, ...]:
        """The names of a map's properties."""
        if self.raw is None or isinstance(self.raw, Unknown):
            return ()
        if not _is_map(self.raw):
            raise Malformed(f"{self.where or 'the resource'} is not a map")
        return tuple(map(str, self.raw))

    def each(self) -> Iterator["Value"]:
        """The items of a list, a single value counting as a list of one; none of what is absent or unknown."""
        if self.raw is None or isinstance(self.raw, Unknown):
            return
        if not _is_list(self.raw):
            yield self
            return
        items = self.raw
        # By index: a slice or a loop of a proxy ends at, or hands out, what is not known.
        for index in range(len(items)):
            item = Value(_got(items, index), f"{self.where}[{index}]", self.about)
            if item.raw is not None:
                yield item

    @property
    def is_list(self) -> bool:
        return _is_list(self.raw)

    @property
    def is_map(self) -> bool:
        return _is_map(self.raw)

    @property
    def absent(self) -> bool:
        return self.raw is None

    @property
    def doubt(self) -> Doubt | None:
        """Why it cannot be read; None where it can."""
        if not isinstance(self.raw, Unknown):
            return None
        return Doubt(self.where, self.raw.why, self.raw.final, self.about)

    @property
    def scalar(self) -> str | float | None:
        """Text or a number; None where it is absent or unknown. Raises Malformed for anything else."""
        if self.raw is None or isinstance(self.raw, Unknown):
            return None
        if isinstance(self.raw, str | int | float) and not isinstance(self.raw, bool):
            return self.raw
        raise Malformed(f"{self.where} is neither text nor a number")

    @property
    def text(self) -> str | None:
        """Text; None where it is absent or unknown. Raises Malformed for anything else."""
        value = self.scalar
        if value is None or isinstance(value, str):
            return value
        raise Malformed(f"{self.where} is not text")

    @property
    def truth(self) -> bool:
        """Whether it is true, in any spelling that providers take; false where it is absent or unknown."""
        if isinstance(self.raw, str):
            return self.raw.strip().lower() in ("true", "1")
        return self.raw is True or (isinstance(self.raw, int | float) and self.raw == 1)


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _got(container: Any, key: Any) -> Any:
    try:
        return container[key]
    except proxy.UnknownValueError:
        return NOT_YET
    except KeyError:
        return None


def pick(value: Value, *names: str) -> Value:
    """The first of these properties that is given."""
    for name in names:
        found = value[name]
        if found.raw is not None:
            return found
    return value[names[0]]


def lines(value: Value, unknown: Callable[[Doubt], None] | None = None) -> Iterator[str]:
    """The texts and numbers of a list, or a single one; what is not known goes to `unknown`."""
    if value.doubt and unknown:
        unknown(value.doubt)
    for item in value.each():
        if item.doubt:
            if unknown:
                unknown(item.doubt)
        elif isinstance(item.raw, str | int | float | bool):
            yield written(item.raw)


def written(scalar: str | float | bool) -> str:
    """A scalar as a text would say it: 2375 for 2375.0, true for True."""
    if isinstance(scalar, bool):
        return str(scalar).lower()
    return str(int(scalar)) if isinstance(scalar, float) and scalar.is_integer() else str(scalar)
