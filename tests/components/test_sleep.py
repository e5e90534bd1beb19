"""Hosts that stop themselves, and spot hosts: what is asked of EC2 for them, and what a run says while one sleeps."""

import json
from typing import Any

import pytest

from aws_docker.core.errors import InvalidInput
from aws_docker.host import readiness, waiting
from aws_docker.host.plan import LEAST_IDLE_MINUTES, plan, refuse_sleeping_managers
from aws_docker.host.readiness import Client, NotReady

from .conftest import Stack

REMOTE = {"trusted_cidrs": ["10.0.5.0/24"]}


def instance(stack: Stack, **args: Any) -> Any:
    stack.host({**REMOTE, **args})
    return stack.resources["build-instance"]


def document(stack: Stack) -> dict[str, Any]:
    return json.loads(stack["build-configuration"]["value"])


def test_a_host_that_does_neither_is_asked_for_as_ever(stack: Stack) -> None:
    made = instance(stack)
    assert not {"instanceInitiatedShutdownBehavior", "instanceMarketOptions"} & set(made.inputs)
    assert list(made.request.replaceOnChanges) == []
    assert "stop_when_idle_minutes" not in document(stack)


def test_a_host_that_stops_itself_is_stopped_and_never_terminated(stack: Stack) -> None:
    made = instance(stack, stop_when_idle_minutes=30)
    assert made.inputs["instanceInitiatedShutdownBehavior"] == "stop"
    assert document(stack)["stop_when_idle_minutes"] == 30
    # It changes in place: user-data knows nothing of it.
    before = made.inputs["userDataBase64"]
    assert instance(stack, stop_when_idle_minutes=60).inputs["userDataBase64"] == before
    assert instance(stack).inputs["userDataBase64"] == before


def test_a_spot_host_is_stopped_and_comes_back(stack: Stack) -> None:
    made = instance(stack, spot=True)
    assert made.inputs["instanceMarketOptions"] == {
        "marketType": "spot",
        "spotOptions": {"spotInstanceType": "persistent", "instanceInterruptionBehavior": "stop"},
    }
    # EC2 gives a spot instance no other type.
    assert list(made.request.replaceOnChanges) == ["instanceType"]


@pytest.mark.parametrize("minutes", [0, LEAST_IDLE_MINUTES - 1, 43_201, 7.5, "30", True])
def test_what_makes_no_sense_is_refused(minutes: object) -> None:
    with pytest.raises(InvalidInput, match="stop_when_idle_minutes"):
        plan("build", {**REMOTE, "stop_when_idle_minutes": minutes})


def test_a_local_host_may_sleep() -> None:
    assert plan("build", {"stop_when_idle_minutes": 30.0}).common.stop_when_idle_minutes == 30


def test_the_managers_of_a_swarm_stay() -> None:
    refuse_sleeping_managers(None, ["a"])
    refuse_sleeping_managers(30, [])
    with pytest.raises(
        InvalidInput, match="30 would stop a Swarm's managers; leave it out: the managers a, b"
    ):
        refuse_sleeping_managers(30, ["a", "b"])


@pytest.mark.parametrize("args", [{"stop_when_idle_minutes": 30}, {"spot": True}])
def test_a_run_says_that_a_host_is_asleep(
    stack: Stack, caplog: pytest.LogCaptureFixture, args: dict[str, Any]
) -> None:
    caplog.set_level("INFO")
    stack.cloud.asleep = ["build-instance-id"]
    stack.host({**REMOTE, "subnet_id": "subnet-5", **args})
    said = "build is asleep: what has changed for it is in force when it wakes. `aws-docker start` wakes it"
    assert said in caplog.messages
    caplog.clear()
    stack.cloud.asleep = []
    stack.host({**REMOTE, "subnet_id": "subnet-5", **args})
    assert said not in caplog.messages


def test_a_run_does_not_wait_for_a_host_that_is_asleep(
    stack: Stack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    asked: list[str] = []

    def ping(endpoint: str, *_: object) -> None:
        asked.append(endpoint)
        raise NotReady("nothing comes back")

    monkeypatch.setattr(readiness, "ping", ping)
    monkeypatch.setattr(Client, "context", lambda self: None)
    monkeypatch.setattr(readiness, "PAUSE_SECONDS", 0.001)
    stack.cloud.asleep = ["build-instance-id"]
    stack.host({**REMOTE, "subnet_id": "subnet-5", "wait_until_ready": True})
    assert asked == ["tcp://172.31.5.10:2376"]
    assert "tcp://172.31.5.10:2376 is asleep: what has changed for it" in " ".join(caplog.messages)
    # One that falls asleep while it is waited for is noticed as well.
    asked.clear()
    stack.cloud.asleep = []
    monkeypatch.setattr(waiting, "_ASK_EVERY", 0.0)

    def ping_and_stop(endpoint: str, *given: object) -> None:
        if len(asked) == 2:
            stack.cloud.asleep = ["build-instance-id"]
        ping(endpoint)

    monkeypatch.setattr(readiness, "ping", ping_and_stop)
    stack.host({**REMOTE, "subnet_id": "subnet-5", "wait_until_ready": True})
    assert len(asked) == 3
