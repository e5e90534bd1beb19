"""`wait_until_ready` and what a host says of itself, on the real engine: a document that it refuses ends the `up`.

No host is booted: its word is written as its role would, and nobody is connected to. tests/host has the real thing.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from lab.hosts import network
from tests.conftest import ROOT, requires

from .test_plugin import program

__all__ = ["program"]

CHANGING = ROOT / "tests" / "engine" / "changing"
REASON = "dockerd: failed to start daemon: error initializing graphdriver: btrfs: not supported"


class Word:
    """Says, for the instance that appears in the cloud, that it refuses whatever it is told."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._say)
        self._thread.start()

    def __enter__(self) -> "Word":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _say(self) -> None:
        ssm = self._cloud.client("ssm")
        while not self._stopped.wait(0.2):
            names = [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
            running = self._cloud.running_instances()
            configuration = next((each for each in names if each.startswith("build-configuration")), None)
            status = next((each for each in names if each.startswith("build-status")), None)
            if not (running and configuration and status):
                continue
            told = ssm.get_parameter(Name=configuration, WithDecryption=True)["Parameter"]["Value"]
            digest = hashlib.sha256(told.encode()).hexdigest()
            word = {"state": "refused", "reason": REASON, "document": "", "refused": digest}
            text = json.dumps({"version": 1, "instance": running[0], **word})
            ssm.put_parameter(Name=status, Value=text, Overwrite=True)


@pytest.fixture
def waiting_stack(empty_cloud: Cloud) -> Iterator[Callable[..., Stack]]:
    """Makes a stack whose engine may connect: in a namespace of the lab, where nobody is."""
    requires("root", "ip")
    with network.Network() as wires, network.Relay(wires.trusted, empty_cloud.port):
        made: list[Stack] = []

        def make(folder: Path, config: dict[str, Any], **options: Any) -> Stack:
            made.append(Stack(empty_cloud, folder, config, namespace=wires.trusted, **options))
            return made[-1]

        yield make
        for each in made:
            each.close()


@pytest.mark.parametrize("language", ["python", "another"])
def test_a_refused_document_ends_the_up_with_dockerds_own_sentence(
    waiting_stack: Callable[..., Stack], empty_cloud: Cloud, program: Path, language: str
) -> None:
    if language == "python":
        args = {"trusted_cidrs": ["10.0.5.0/24"], "wait_until_ready": True}
        stack = waiting_stack(CHANGING, {"args": args})
    else:
        props = {"trustedCidrs": ["10.0.5.0/24"], "waitUntilReady": True}
        stack = waiting_stack(program, {"props": props}, plugins={"aws-docker": ROOT})
    assert stack.preview().exit_code == 0, "a preview waits for nobody"
    with Word(empty_cloud):
        done = stack.up()
    assert done.exit_code != 0
    assert f"does not serve what this run intends: it refused the configuration: {REASON}" in done.text
    assert language == "another" or "Traceback" not in done.text
    assert "endpoint" not in stack.outputs(), "nobody gets an output of it"
