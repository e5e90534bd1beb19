"""What the package and the command cost to load, in processor time and memory, each in an interpreter of its own.

Processor time, since a start is short and what else the machine does would drown it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.figures import Figure, in_turns

_RUNS = 7


class Pair(NamedTuple):
    """Two programs that are compared."""

    name: str
    ours: str
    peer: str
    peer_name: str
    bound: float


_PAIRS = (
    Pair("import aws_docker", "import aws_docker", "import typing", "the one module that it loads", 1.3),
    Pair(
        "aws-docker --version",
        "import sys; sys.argv = ['aws-docker', '--version']; from aws_docker.cli import main; main()",
        "import sys, typer; app = typer.Typer(); app.command()(lambda: None); sys.argv = ['x']; app()",
        "a typer command that does nothing",
        1.4,
    ),
    Pair(
        "from aws_docker import DockerHost",
        "from aws_docker import DockerHost",
        # Modules of the SDK load when something in them is asked for.
        "import pulumi, pulumi_aws as aws, pulumi_tls as tls; "
        "tls.PrivateKey, aws.ec2.Instance, aws.iam.Role, aws.ssm.Parameter, aws.vpc.SecurityGroupIngressRule",
        "the SDKs of what it makes",
        1.1,
    ),
)


def figures() -> Iterator[Figure]:
    for pair in _PAIRS:
        used: dict[str, list[float]] = {pair.ours: [], pair.peer: []}
        ours, peer = in_turns(
            lambda pair=pair, used=used: _run(pair.ours, used[pair.ours]),
            lambda pair=pair, used=used: _run(pair.peer, used[pair.peer]),
            runs=_RUNS,
        )
        yield Figure(f"{pair.name}, processor time", ours, peer, pair.peer_name, bound=pair.bound)
        memory = [max(used[program]) for program in (pair.ours, pair.peer)]
        yield Figure(f"{pair.name}, memory", *memory, pair.peer_name, unit="MiB", bound=pair.bound)


def _run(program: str, used: list[float]) -> float:
    """The processor seconds of a program; notes the most memory that it held, in MiB."""
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.DEVNULL)
    _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{program!r} ended with {process.returncode}")
    used.append(spent.ru_maxrss / 1024)
    return spent.ru_utime + spent.ru_stime
