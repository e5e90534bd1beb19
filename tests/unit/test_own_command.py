"""What the host's program starts dockerd with is what the judgement of start-up documents takes it for."""

import json

import pytest

from aws_docker.boot import own
from aws_docker.core.dockerd import exposure
from aws_docker.host import agent

# What it says besides: where its other settings stand, which open nothing.
_ASIDE = ("--config-file", "--containerd")


@pytest.mark.parametrize("listen", [[], ["10.0.5.10"], ["10.0.5.10", "2001:db8::5"]], ids=str)
def test_the_hosts_command_line_is_the_one_that_is_judged(listen: list[str]) -> None:
    started = agent.command({"listen": listen}).split()
    for option in _ASIDE:
        place = started.index(option)
        del started[place : place + 2]
    dockerd, *judged = own.command_line(json.dumps({"listen": listen}))
    assert started[0].rpartition("/")[2] == dockerd
    assert started[1:] == judged


@pytest.mark.parametrize("listen", [[], ["10.0.5.10"]], ids=str)
def test_a_tunnels_listener_is_judged_as_it_is_started(listen: list[str]) -> None:
    document = json.dumps({"listen": listen, "tunnel": True})
    started = agent.command({"listen": [*listen, "127.0.0.1"]})
    judged = own.command_line(document)
    assert " ".join(judged[1:]) in started
    assert exposure(judged, {}).safe
    assert [str(each) for each in exposure(judged, {}).listeners][-1] == "tcp://127.0.0.1:2376"
