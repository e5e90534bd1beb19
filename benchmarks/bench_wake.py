"""How long a host that sleeps takes to serve again: from `aws-docker start` to the first `docker version`.

EC2's own part is not in it, since the lab's machine is on as soon as it is asked for: what is measured is the command,
the boot, and the guarded start of Docker. Beside it the least that it can be: the same machine's boot, until its
Docker's socket answers. Needs root, and what boots hosts.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench_host import Lab
from benchmarks.figures import Figure, in_turns
from lab.hosts.power import Powered

_WAKES = 3


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        lab = Lab.start(stack)
        lab.boot_ours()
        lab.host.wait_ready()
        with Powered(lab.cloud, lab.host) as power:
            ours, boot = in_turns(lambda: _wake(lab, power), lambda: _boot(lab, power), runs=_WAKES)
        yield Figure(
            "wake: aws-docker start to the first docker version",
            ours,
            boot,
            "its boot alone, to Docker's socket",
        )


def _sleep(lab: Lab, power: Powered) -> None:
    lab.cloud.client("ec2").stop_instances(InstanceIds=[lab.host.instance_id])
    while power.is_on:
        time.sleep(0.05)


def _wake(lab: Lab, power: Powered) -> float:
    _sleep(lab, power)
    started = time.perf_counter()
    lab.engine.aws_docker("start").check()
    lab.docker("tls", "version")
    return time.perf_counter() - started


def _boot(lab: Lab, power: Powered) -> float:
    _sleep(lab, power)
    started = time.perf_counter()
    lab.cloud.client("ec2").start_instances(InstanceIds=[lab.host.instance_id])
    while not _answers(lab):
        time.sleep(0.05)
    return time.perf_counter() - started


def _answers(lab: Lab) -> bool:
    try:
        lab.connect_socket().close()
    except (OSError, RuntimeError):
        return False
    return True
