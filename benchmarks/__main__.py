"""Runs every benchmark module (`bench_*.py`, each with `figures()`), or those named: `python -m benchmarks policy`."""

import argparse
import dataclasses
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.figures import Figure

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
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(offered):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(offered)}")
    measured: list[Figure] = []
    for name in arguments.names or offered:
        print(f"# {name}", file=sys.stderr, flush=True)
        for figure in importlib.import_module(f"benchmarks.bench_{name}").figures():
            print(figure, flush=True)
            measured.append(figure)
    rows = [{**dataclasses.asdict(figure), "ratio": figure.ratio} for figure in measured]
    arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(figure.holds for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
