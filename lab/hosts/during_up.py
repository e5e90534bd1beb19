"""Boots the instance that a run of the engine makes, while the run goes on: as EC2 would.

A program that waits for its host, or makes a container on it, ends only when the host is there.
"""

import threading
from typing import Any

from lab.hosts import image, machine, network


class Booted:
    """The machine, once there is one; what went wrong on the way is raised where it is asked for."""

    def __init__(
        self, cloud: Any, wires: network.Network, base: image.Image, *, docker_installed: bool = False
    ) -> None:
        """With `docker_installed` the instance starts from an image of one's own, which has Docker in it."""
        self._made: machine.Machine | None = None
        self._error: BaseException | None = None
        self._there, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._boot, args=(cloud, wires, base, docker_installed))
        self._thread.start()

    def __enter__(self) -> "Booted":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def machine(self, seconds: float = 60) -> machine.Machine:
        """The first instance that has appeared in the cloud since, booted."""
        if not self._there.wait(seconds):
            raise TimeoutError("no instance was made")
        if self._error:
            raise self._error
        assert self._made is not None
        return self._made

    def fetches_at_once(self) -> "_Eager":
        """Within it, the host looks for what it is told all the time, and not every minute."""
        return _Eager(self.machine())

    def _boot(self, cloud: Any, wires: network.Network, base: image.Image, docker_installed: bool) -> None:
        try:
            while not (running := cloud.running_instances()):
                if self._stopped.wait(0.2):
                    return
            self._made = machine.Machine(cloud, running[0], wires, base, docker_installed=docker_installed)
            try:
                self._made.boot()
                self._there.set()
                # The machine ends with the thread that booted it (PR_SET_PDEATHSIG).
                self._stopped.wait()
            finally:
                self._made.stop()
        except BaseException as error:
            self._error = error
            self._there.set()


class _Eager:
    def __init__(self, host: machine.Machine) -> None:
        self._host = host
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(1):
            self._host.run(["/usr/local/sbin/dockerhost", "sync"], check=False)
