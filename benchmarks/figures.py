"""What a benchmark yields: a comparison of ours with a peer, measured in turns, and how it is judged and shown.

A bound is judged on medians, and only on a quiet machine: what others compute meanwhile (benchmarks/load.py) slows the
two sides unevenly, so that such a figure says what it is and fails nothing.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

QUIET = 0.15
"""The share of the machine that others may use before a figure counts as measured beside other load."""


@dataclass(frozen=True)
class Sample:
    """What one side took, run by run."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def lowest(self) -> float:
        return min(self.values)

    @property
    def highest(self) -> float:
        return max(self.values)

    def per(self, amount: float) -> "Sample":
        """The rate that each run comes to, of an amount done in that time."""
        return Sample(tuple(amount / value for value in self.values))

    def shown(self, unit: str) -> str:
        if len(self.values) == 1:
            return f"{self.median:.4g} {unit}"
        return f"{self.median:.4g} {unit}, {self.lowest:.3g} to {self.highest:.3g}"


def sample(value: "Sample | float") -> Sample:
    """A single value is a sample of one run."""
    return value if isinstance(value, Sample) else Sample((value,))


@dataclass(frozen=True)
class Figure:
    """One measured comparison. `ours` and `peer` are in `unit`; where `more_is_better`, the ratio is turned round."""

    name: str
    ours: Sample | float
    peer: Sample | float
    peer_name: str
    unit: str = "s"
    more_is_better: bool = False
    bound: float | None = None
    """The largest ratio that we accept: ours to the peer's (the smaller, the better)."""
    others: float | None = None
    """The share of the machine that others used meanwhile, from 0 to 1; none where that is not known."""

    @property
    def ratio(self) -> float:
        """Ours to the peer's cost, of medians: below 1, ours is the better."""
        ours, peer = sample(self.ours).median, sample(self.peer).median
        return peer / ours if self.more_is_better else ours / peer

    @property
    def within(self) -> bool:
        """Whether the bound is kept, whatever else the machine did."""
        return self.bound is None or self.ratio <= self.bound

    @property
    def quiet(self) -> bool:
        return self.others is None or self.others <= QUIET

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the bound: it is kept, or the machine was not ours to judge by."""
        return self.within or not self.quiet

    def beside(self, others: float | None) -> "Figure":
        """The same, with what others used meanwhile."""
        return replace(self, others=others)

    def __str__(self) -> str:
        bound = (
            "" if self.bound is None else f", at most {self.bound:g}" + ("" if self.within else ": EXCEEDED")
        )
        load = "" if self.quiet or self.others is None else f", beside other load of {self.others:.0%}"
        shown = f"ours {sample(self.ours).shown(self.unit)} vs {self.peer_name} {sample(self.peer).shown(self.unit)}"
        return f"{self.name}  {self.ratio:.3g}  ({shown}{bound}{load})"


def in_turns(*sides: Callable[[], float], runs: int = 3) -> tuple[Sample, ...]:
    """What each side takes, `runs` times in turns: every other time in the opposite order, so that a machine that gets
    busier, or a cache that gets warmer, treats all alike."""
    values: list[list[float]] = [[] for _ in sides]
    order = list(range(len(sides)))
    for _ in range(runs):
        for at in order:
            values[at].append(sides[at]())
        order.reverse()
    return tuple(Sample(tuple(each)) for each in values)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A side for `in_turns`: the seconds that pass while it works."""
    return lambda: _spent(work, time.perf_counter)


def computed(work: Callable[[], object]) -> Callable[[], float]:
    """A side for `in_turns`: the seconds that this process computes, which no other one lengthens much."""
    return lambda: _spent(work, time.process_time)


def _spent(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started
