"""What a judge says about a resource: how sure it is, and a sentence. What becomes of it is for `rule`."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import NamedTuple

from ..core.addresses import AddressSet
from .reading.values import Doubt


class Certainty(Enum):
    """How sure a finding is."""

    CERTAIN = "violation"
    UNREADABLE = "could not evaluate"
    """It cannot be judged, now or on `pulumi up`."""
    UNRELATED = "not read"
    """It cannot be judged, in a document that otherwise has nothing to do with Docker."""
    NOT_YET = "not known yet"
    """It is judged again on `pulumi up`, before the resource is made."""


class Finding(NamedTuple):
    """One sentence about a resource. It never repeats a start-up document or a key."""

    certainty: Certainty
    text: str


def violation(text: str) -> Finding:
    return Finding(Certainty.CERTAIN, text)


def doubtful(doubts: Iterable[Doubt], consequence: str = "") -> Iterator[Finding]:
    """One finding for each doubt: what could be the matter follows it."""
    for doubt in doubts:
        certainty = Certainty.UNREADABLE if doubt.final else Certainty.NOT_YET
        yield Finding(certainty, f"{doubt}{consequence}")


def shown(addresses: AddressSet, most: int = 6) -> str:
    """Networks for a message."""
    found = list(islice(addresses.networks(), most + 1))
    return ", ".join(map(str, found[:most])) + (", …" if len(found) > most else "")


def guarded(judge: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A judge's findings, and one more where it fails: by the error's name, since its text may repeat a secret."""
    try:
        yield from judge()
    except Exception as error:
        yield Finding(Certainty.UNREADABLE, f"the resource could not be judged ({type(error).__name__})")
