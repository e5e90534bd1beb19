"""Keeps a booted machine as its instance is in the cloud: off where EC2 would have it off, and on where it is started.

An instance that powers itself off is stopped, or terminated, as its shutdown behavior says.
"""

import threading
from typing import Any

from lab.hosts.machine import Machine

_PAUSE = 0.1


class Powered:
    """While it is entered, the machine's power follows the cloud and the other way round. What went wrong is raised at
    the end, when the machine is off."""

    def __init__(self, cloud: Any, machine: Machine) -> None:
        self._ec2, self._machine = cloud.client("ec2"), machine
        self.is_on = True
        """Whether the machine is on, or going off."""
        self._left, self._error = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> "Powered":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()
        if self._error:
            raise self._error[0]

    @property
    def state(self) -> str:
        """The instance's state, as EC2 says it."""
        return str(self._machine.around.instance()["State"]["Name"])

    def _follow(self) -> None:
        try:
            while not self._left.wait(_PAUSE):
                self._look()
            if not self._machine.has_powered_off():
                # The machine ends with the thread that booted it (PR_SET_PDEATHSIG).
                self._machine.power_cut()
        except BaseException as error:
            self._error.append(error)

    def _look(self) -> None:
        if self._machine.has_powered_off():
            self.is_on = False
            self._switch_off()
            while not self._left.wait(_PAUSE):
                if self.state == "running":
                    self._machine.boot()
                    self.is_on = True
                    return
        elif self.state in ("stopping", "stopped"):
            self._machine.shut_down()

    def _switch_off(self) -> None:
        if self.state != "running":
            return
        identity = self._machine.instance_id
        said = self._ec2.describe_instance_attribute(
            InstanceId=identity, Attribute="instanceInitiatedShutdownBehavior"
        )["InstanceInitiatedShutdownBehavior"]["Value"]
        end = self._ec2.terminate_instances if said == "terminate" else self._ec2.stop_instances
        end(InstanceIds=[identity])
