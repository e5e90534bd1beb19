"""Writes measured figures into docs/performance.md, between its two marks: no figure is copied by hand."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import QUIET

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write(results: Mapping[str, Any]) -> None:
    """Replace what stands between the marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}{END}{after}")


def table(results: Mapping[str, Any]) -> str:
    """A row a figure: ratio, both sides with their spread, the bound, and whether others computed meanwhile."""
    lines = [
        f"Measured {results['date']} at `{results['commit']}` on {results['machine']}.",
        "",
        "| figure | ratio | ours | peer | at most | command |",
        "|---|---|---|---|---|---|",
    ]
    for each in results["figures"]:
        bound = "" if each["bound"] is None else f"{each['bound']:.3g}"
        if not each["within"]:
            bound += ", **exceeded**"
        if each["others"] is not None and each["others"] > QUIET:
            bound += f" (beside other load of {each['others']:.0%})"
        cells = (
            each["name"],
            f"{each['ratio']:.3g}",
            _side(each["ours"], each["unit"]),
            f"{each['peer_name']}: {_side(each['peer'], each['unit'])}",
            bound,
            f"`python -m benchmarks {each['benchmark']}`",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _side(values: list[float], unit: str) -> str:
    middle = f"{statistics.median(values):.4g} {unit}"
    return (
        middle
        if len(values) == 1
        else f"{middle} ({min(values):.3g} to {max(values):.3g}, {len(values)} runs)"
    )
