"""Runs every benchmark module (`bench_*.py`, each with `figures()`), or those named: `python -m benchmarks policy`.

Ends with 1 where a bound is exceeded on a quiet machine. A figure measured beside other load says so, and fails
nothing.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks import load, page
from benchmarks.figures import Figure, sample

_RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    offered = sorted(
        module.name.removeprefix("bench_")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name.startswith("bench_")
    )
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(offered)}; default: all")
    parser.add_argument(
        "--json", type=Path, default=_RESULTS, help="where the figures go (default: %(default)s)"
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing: write the figures there are into docs/performance.md",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(offered):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(offered)}")
    if arguments.page:
        page.write(json.loads(arguments.json.read_text()))
        return 0
    measured: list[tuple[str, Figure]] = []
    for name in arguments.names or offered:
        print(f"# {name}", file=sys.stderr, flush=True)
        started = time.monotonic()
        for figure in _beside_load(importlib.import_module(f"benchmarks.bench_{name}").figures()):
            print(figure, flush=True)
            measured.append((name, figure))
        print(f"# {name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    arguments.json.write_text(json.dumps(results(measured), indent=2) + "\n")
    if loud := sum(not figure.quiet for _, figure in measured):
        print(f"{loud} of {len(measured)} figures were measured beside other load", file=sys.stderr)
    return 0 if all(figure.holds for _, figure in measured) else 1


def _beside_load(figures: Iterator[Figure]) -> Iterator[Figure]:
    """Each figure, with what others used of the machine while it was measured."""
    before = load.mark()
    for figure in figures:
        yield figure.beside(load.others_since(before))
        before = load.mark()


def results(measured: list[tuple[str, Figure]]) -> dict[str, Any]:
    """What was measured, when and where, as data."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "commit": _commit(),
        "figures": [
            {
                "benchmark": name,
                "name": figure.name,
                "unit": figure.unit,
                "ours": sample(figure.ours).values,
                "peer": sample(figure.peer).values,
                "peer_name": figure.peer_name,
                "more_is_better": figure.more_is_better,
                "ratio": figure.ratio,
                "bound": figure.bound,
                "within": figure.within,
                "others": figure.others,
            }
            for name, figure in measured
        ],
    }


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} processors {platform.machine()}, {memory:.0f} GiB, {system}"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
