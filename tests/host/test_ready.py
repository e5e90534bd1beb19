"""`wait_until_ready` on a booted host: one `pulumi up` from nothing to a running container."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from lab.hosts import image, network
from lab.hosts.during_up import Booted
from tests.conftest import ROOT, docker_path

from .conftest import TRUSTED_NETWORK

EXAMPLE = ROOT / "examples" / "docker-provider"
PLUGIN = ROOT / "lab" / "engine" / "plugins" / "docker"


@pytest.fixture
def trusted_stack(
    requires: Callable[..., None], base: image.Image, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Callable[[dict[str, Any]], Stack], Booted]]:
    """Makes a stack whose engine stands where trusted clients do, and boots the instance that it makes."""
    requires("pulumi", "nspawn", "nft", "ip", "docker-cli")
    monkeypatch.setenv("LAB_DOCKER", docker_path() or "")
    monkeypatch.setenv("LAB_BUSYBOX", str(base.busybox))
    stacks: list[Stack] = []
    with Cloud() as cloud, network.Network() as wires, network.Relay(wires.trusted, cloud.port):

        def make(config: dict[str, Any]) -> Stack:
            plugins: dict[str, Path] = {"docker": PLUGIN}
            stacks.append(Stack(cloud, EXAMPLE, config, plugins=plugins, namespace=wires.trusted))
            return stacks[-1]

        with Booted(cloud, wires, base) as booted:
            yield make, booted
        for stack in stacks:
            stack.close()


def test_one_up_makes_a_host_and_a_container_on_it_and_another_changes_it(
    trusted_stack: tuple[Callable[[dict[str, Any]], Stack], Booted],
) -> None:
    make, booted = trusted_stack
    config = {"trustedCidrs": [TRUSTED_NETWORK], "assignPublicIp": False, "os": image.MAIN}
    stack = make(config)
    made = stack.up().check()
    assert set(made.changes) == {"create"}
    running = booted.machine().run(["docker", "ps", "--format", "{{.Names}} {{.Image}} {{.State}}"]).stdout
    assert running.split() == [stack.outputs()["container"], "nginx:1.29", "running"]
    # A run that changes nothing asks once, and ends.
    assert stack.up().check().changes == {}
    # What dockerd refuses ends the run with its own words, and the host has what it had.
    with booted.fetches_at_once():
        stack.configure({**config, "daemonOptions": {"storage-driver": "btrfs"}})
        refused = stack.up()
        assert refused.exit_code != 0
        assert "does not serve what this run intends: it refused the configuration: " in refused.text
        assert "error initializing graphdriver" in refused.text
        # What it takes is in force when the run ends, although the dockerd of before answers all the while.
        stack.configure({**config, "daemonOptions": {"log-level": "debug"}})
        stack.up().check()
        in_force = json.loads(booted.machine().read("/etc/dockerhost/current/daemon.json"))
        assert in_force["log-level"] == "debug"
    # The files of keys are gone, in the engine's folder for temporary files too.
    left = [each.name for each in stack.folder.iterdir() if each.name.startswith("docker-host-")]
    assert left == []
