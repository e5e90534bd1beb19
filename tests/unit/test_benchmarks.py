"""How figures are measured, judged and shown: in turns, on medians, and not beside what others compute."""

import subprocess
import sys
import time
from itertools import count

import pytest

from benchmarks import load, page
from benchmarks.__main__ import results
from benchmarks.figures import Figure, Sample, in_turns, timed


def test_sides_are_measured_in_turns_and_the_order_turns_round() -> None:
    order: list[str] = []
    clock = count()

    def side(name: str) -> float:
        order.append(name)
        return float(next(clock))

    ours, peer = in_turns(lambda: side("ours"), lambda: side("peer"), runs=3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert (ours.values, peer.values) == ((0.0, 3.0, 4.0), (1.0, 2.0, 5.0))


def test_time_that_passes_is_what_is_measured() -> None:
    (slept,) = in_turns(timed(lambda: time.sleep(0.02)), runs=2)
    assert all(0.02 <= value < 1 for value in slept.values)


def figure(ours: Sample | float, peer: Sample | float, **more: object) -> Figure:
    return Figure("a thing", ours, peer, "a peer", **more)  # type: ignore[arg-type]


def test_a_bound_is_judged_on_medians() -> None:
    assert figure(Sample((1.0, 1.0, 9.0)), Sample((1.0, 0.1, 1.0)), bound=1).holds
    exceeded = figure(Sample((1.0, 9.0, 9.0)), Sample((1.0, 1.0, 1.0)), bound=1)
    assert not exceeded.holds
    assert "at most 1: EXCEEDED" in str(exceeded)


def test_more_is_better_turns_the_ratio_round() -> None:
    assert figure(200.0, 100.0, more_is_better=True).ratio == 0.5


@pytest.mark.parametrize(("others", "holds"), [(None, False), (0.0, False), (0.15, False), (0.4, True)])
def test_beside_other_load_an_exceeded_bound_fails_nothing_and_is_still_said(
    others: float | None, holds: bool
) -> None:
    judged = figure(3.0, 1.0, bound=1).beside(others)
    assert judged.holds is holds
    assert "EXCEEDED" in str(judged)
    assert ("beside other load of 40%" in str(judged)) is holds


def test_the_spread_is_shown() -> None:
    shown = str(figure(Sample((2.0, 1.0, 3.0)), 1.0))
    assert shown == "a thing  2  (ours 2 s, 1 to 3 vs a peer 1 s)"


def stat(pid: int, parent: int, spent: tuple[int, int, int, int], name: str = "x") -> str:
    return (
        f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 100 0 0 0 {' '.join(map(str, spent))} 20 0 1 0 7 0 0\n"
    )


def test_the_family_is_a_process_and_its_descendants_with_their_ended_children() -> None:
    stats = [
        stat(1, 0, (500, 0, 0, 0)),
        stat(10, 1, (1, 2, 3, 4)),
        stat(11, 10, (10, 0, 0, 0), name="a (b) S 1 c"),
        stat(12, 11, (100, 0, 0, 0)),
        stat(13, 1, (1000, 0, 0, 0)),
    ]
    ticks = load.family_seconds(stats, 10) * load._TICKS
    assert ticks == pytest.approx(120)


def test_the_machines_seconds_leave_idling_out() -> None:
    text = "cpu  100 20 30 99999 88888 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
    assert load.machine_seconds(text) * load._TICKS == pytest.approx(100 + 20 + 30 + 4 + 5 + 6)


def test_others_have_what_the_family_has_not() -> None:
    before, after = load.Mark(10.0, 100.0, 50.0), load.Mark(20.0, 112.0, 56.0)
    assert load.others_share(before, after, processors=2) == pytest.approx(0.3)
    assert load.others_share(before, before, processors=2) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_we_start_is_not_another() -> None:
    before = load.mark()
    assert before is not None
    busy = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    after = load.mark()
    assert after is not None
    assert after.family - before.family > 0.4


def test_a_page_is_made_of_results() -> None:
    quiet = figure(Sample((2.0, 1.0, 3.0)), 1.0, bound=3)
    loud = figure(3.0, 1.0, bound=1).beside(0.4)
    table = page.table(results([("policy", quiet), ("audit", loud)]))
    assert "| a thing | 2 | 2 s (1 to 3, 3 runs) | a peer: 1 s | 3 | `python -m benchmarks policy` |" in table
    assert "| 1, **exceeded** (beside other load of 40%) | `python -m benchmarks audit` |" in table


def test_the_performance_page_has_room_for_the_table() -> None:
    text = page.PAGE.read_text()
    assert text.index(page.BEGIN) < text.index(page.END)
