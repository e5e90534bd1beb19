"""The cost of judging user-data: ordinary documents, and the worst of the size that EC2 takes."""

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from aws_docker.boot import judge
from benchmarks.figures import Figure

CORPUS = Path(__file__).parent.parent / "tests" / "unit" / "corpus"
MEDIAN, MOST, WORST = 0.0015, 0.015, 0.2
"""Seconds of processor time that a document may take: in the middle, of twenty the slowest, and at the very worst."""


def _config(**keys: object) -> str:
    return "#cloud-config\n" + json.dumps(keys)


def _unit(number: int) -> dict[str, str]:
    shell = f"test -f /x || echo {number} > /etc/default/docker; systemctl restart docker"
    path = f"/etc/systemd/system/s{number}.service"
    return {"path": path, "content": f"[Service]\nExecStart=/bin/sh -c '{shell}'"}


HEAVY = {
    "conditions": _config(
        runcmd=[
            f"if test -f /x{n}; then A{n}='-H tcp://0.0.0.0:{n}'; else A{n}=; fi; "
            f"dockerd $A{n}; systemctl restart docker"
            for n in range(240)
        ]
    ),
    "units": _config(write_files=[_unit(number) for number in range(150)]),
    "files that grow": _config(
        runcmd=[
            f"test -e /{n} && echo 'O=-H{n}' >> /etc/default/docker; service docker restart"
            for n in range(300)
        ]
    ),
    "substitutions": "#!/bin/sh\n"
    + "".join(
        f"x{n}=$(if a{n}; then echo -H; else echo b; fi); dockerd $x{n} $(cat /f{n} || echo tcp://0.0.0.0)\n"
        for n in range(290)
    ),
}


def seconds(document: str) -> float:
    """The processor time that a document takes, at best."""
    times: list[float] = []
    for _ in range(3):
        judge.cache_clear()
        started = time.process_time()
        judge(document)
        times.append(time.process_time() - started)
    return min(times)


def figures() -> Iterator[Figure]:
    paths = [path for path in sorted(CORPUS.iterdir()) if path.name != "answers.yaml"]
    times = sorted(seconds(path.read_text()) for path in paths)
    for name, ours, floor in (
        ("user-data, median of the corpus", statistics.median(times), MEDIAN),
        ("user-data, 95 of 100 of the corpus", times[int(0.95 * len(times))], MOST),
        ("user-data, the worst of 26 KB", max(map(seconds, HEAVY.values())), WORST),
    ):
        yield Figure(name, ours * 1e3, floor * 1e3, "the floor", "ms", bound=1)
