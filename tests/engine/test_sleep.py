"""Hosts that sleep, and spot hosts, on the real engine: changed while they are off, and taken away without a trace.

The tests run in their order, on one stack: each starts from what the one before left.
"""

from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack

from .conftest import MakeStack, left
from .test_lifecycle import document, ids_of

CONFIG: dict[str, Any] = {"trustedCidrs": ["10.0.5.0/24"], "clients": ["alice"]}


@pytest.fixture(scope="module")
def stack(module_stacks: MakeStack) -> Stack:
    return module_stacks(config=CONFIG, project="pulumi-aws-docker")


def requests(cloud: Cloud) -> list[dict[str, Any]]:
    found = cloud.client("ec2").describe_spot_instance_requests()["SpotInstanceRequests"]
    return [each for each in found if each["State"] in ("open", "active")]


def test_sleep_comes_and_goes_in_place(stack: Stack, cloud: Cloud) -> None:
    stack.up().check()
    before = ids_of(stack)
    for minutes in (30, 60, None):
        stack.configure({**CONFIG, **({"stopWhenIdleMinutes": minutes} if minutes else {})})
        assert stack.up().check().changes == {"update": 1}
        assert document(cloud, stack).get("stop_when_idle_minutes") == minutes
    assert ids_of(stack) == before


def test_a_host_that_is_off_takes_a_change_and_stays_off(stack: Stack, cloud: Cloud) -> None:
    config = {**CONFIG, "stopWhenIdleMinutes": 30}
    stack.configure(config)
    assert "is asleep" not in stack.up().check().text
    instance = stack.outputs()["instance_id"]
    cloud.client("ec2").stop_instances(InstanceIds=[instance])
    stack.configure({**config, "clients": ["alice", "bob"]})
    done = stack.up().check()
    assert "docker is asleep: what has changed for it is in force when it wakes." in " ".join(
        done.text.split()
    )
    assert len(document(cloud, stack)["client_authorities"]) == 2
    again = stack.up("--refresh").check()
    assert again.changes == {}
    assert "docker is asleep" in " ".join(again.text.split())
    assert stack.outputs()["instance_id"] == instance
    found = cloud.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    assert found[0]["State"]["Name"] == "stopped"


def test_a_spot_host_keeps_its_interface_and_one_request(stack: Stack, cloud: Cloud) -> None:
    before = ids_of(stack)
    config = {**CONFIG, "stopWhenIdleMinutes": 30, "spot": True}
    stack.configure(config)
    stack.up().check()
    after = ids_of(stack)
    assert after["docker-instance"] != before["docker-instance"]
    assert after["docker-interface"] == before["docker-interface"]
    (request,) = requests(cloud)
    assert (request["Type"], request["InstanceInterruptionBehavior"]) == ("persistent", "stop")
    assert stack.up("--refresh").check().changes == {}
    # Another instance is another request, and the one before has gone.
    stack.configure({**config, "os": "debian-13"})
    stack.up().check()
    (other,) = requests(cloud)
    assert other["SpotInstanceRequestId"] != request["SpotInstanceRequestId"]


def test_destroy_leaves_no_request_behind(stack: Stack, cloud: Cloud) -> None:
    instance = stack.outputs()["instance_id"]
    cloud.client("ec2").stop_instances(InstanceIds=[instance])
    stack.destroy().check()
    assert requests(cloud) == []
    assert instance not in str(left(cloud))
