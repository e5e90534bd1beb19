"""The demonstration where no host can be booted: it does what it can, and its table is not green."""

from contextlib import ExitStack
from typing import Any

from lab import demo


def test_what_is_left_out_is_named_and_counts_as_not_intended(requires: Any) -> None:
    requires("pulumi")
    report = demo.Report()
    with ExitStack() as stack:
        demo.run(stack, report, "it needs root")
    seen = {row[0]: row[3:] for row in report.rows}
    assert seen["private keys in the state file"] == ("encrypted", True)
    assert seen["private keys in user-data"] == ("none", True)
    assert seen["pulumi destroy"] == ("nothing left", True)
    left_out = [row for row in report.rows if not row[4]]
    assert [row[3] for row in left_out] == ["left out: it needs root"]
    assert not report.as_intended
