"""What others use of the machine while a figure is measured: the machine's processor time, less our own family's.

The family is this process and its descendants, hosts that it boots included; who left it (a daemon that gave itself to
init) counts as another. Source of the fields: proc(5).
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Mark:
    """Counters at one moment, in seconds."""

    at: float
    machine: float
    """All that the processors have computed, for guests and by what a hypervisor took away, too."""
    family: float


def mark() -> Mark | None:
    """The counters now; none where there is no /proc."""
    try:
        machine = machine_seconds((_PROC / "stat").read_text())
    except OSError:
        return None
    stats: list[str] = []
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                stats.append((folder / "stat").read_text())
            except OSError:
                continue  # it has ended
    return Mark(time.monotonic(), machine, family_seconds(stats, os.getpid()))


def others_since(before: Mark | None) -> float | None:
    """The share of the machine that others used since then, from 0 to 1; none where that is not known."""
    now = mark()
    return None if before is None or now is None else others_share(before, now, os.cpu_count() or 1)


def others_share(before: Mark, after: Mark, processors: int) -> float:
    """The share of all processors that went to others between two marks."""
    passed = (after.at - before.at) * processors
    if passed <= 0:
        return 0.0
    others = (after.machine - before.machine) - (after.family - before.family)
    return min(max(others / passed, 0.0), 1.0)


def machine_seconds(stat: str) -> float:
    """Busy seconds of all processors, from /proc/stat: user, nice, system, interrupts and stolen; no idling."""
    words = stat.splitlines()[0].split()[1:]
    busy = sum(int(words[at]) for at in (0, 1, 2, 5, 6, 7))
    return busy / _TICKS


def family_seconds(stats: list[str], root: int) -> float:
    """What a process and its descendants have computed, with their ended children, from texts of /proc/<pid>/stat."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for stat in stats:
        # The name stands in parentheses, and may hold spaces and parentheses itself.
        number, _, rest = stat.partition(" ")
        words = rest.rpartition(")")[2].split()
        parents[int(number)] = int(words[1])
        spent[int(number)] = sum(int(word) for word in words[11:15])
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(spent.get(member, 0) for member in family) / _TICKS
