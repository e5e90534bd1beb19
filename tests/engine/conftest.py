"""The real Pulumi engine on an embedded cloud that all tests of this folder share.

A stack is a folder and a backend of its own: tests that share a cloud share an account, and no state. Whatever a test
leaves up is destroyed after it, so that an account is found as empty as it was.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT, requires

QUICKSTART = ROOT / "examples" / "quickstart"
NETWORK = ROOT / "tests" / "engine" / "network"

MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    requires("pulumi")
    with Cloud() as made:
        yield made


@pytest.fixture
def empty_cloud() -> Iterator[Cloud]:
    """An account of its own, for a test that may leave things behind."""
    requires("pulumi")
    with Cloud() as made:
        yield made


@pytest.fixture(scope="session")
def subnet(cloud: Cloud) -> str:
    """A subnet of the account's default VPC."""
    return cloud.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]


@pytest.fixture
def make_stack(cloud: Cloud) -> Iterator[MakeStack]:
    """Makes stacks of programs; destroys them afterwards, also after a failure."""
    with ExitStack() as stacks:
        yield _maker(cloud, stacks)


@pytest.fixture(scope="module")
def module_stacks(cloud: Cloud) -> Iterator[MakeStack]:
    """The same for stacks that the tests of a module share, in their order."""
    with ExitStack() as stacks:
        yield _maker(cloud, stacks)


def _maker(cloud: Cloud, stacks: ExitStack) -> MakeStack:
    def make(
        program: Path = QUICKSTART,
        config: Mapping[str, Any] | None = None,
        *,
        on: Cloud = cloud,
        **options: Any,
    ) -> Stack:
        stack = Stack(on, program, config, **options)
        stacks.callback(stack.close)
        stacks.callback(clear, stack)
        return stack

    return make


def clear(stack: Stack) -> None:
    """Destroy whatever is there."""
    if stack.is_locked():
        stack.cancel()
    if resources := stack.resources():
        if any(each.get("protect") for each in resources):
            stack.unprotect()
        stack.destroy().check()


def left(cloud: Cloud) -> dict[str, list[str]]:
    """What exists in the account that it did not come with, by kind."""
    ec2, iam, ssm = (cloud.client(service) for service in ("ec2", "iam", "ssm"))
    instances = [
        instance["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] != "terminated"
    ]
    found = {
        "instances": instances,
        "interfaces": [
            i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]
        ],
        "addresses": [a["PublicIp"] for a in ec2.describe_addresses()["Addresses"]],
        "groups": [
            g["GroupId"]
            for g in ec2.describe_security_groups()["SecurityGroups"]
            if g["GroupName"] != "default"
        ],
        "volumes": [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]],
        "roles": [r["RoleName"] for r in iam.list_roles()["Roles"]],
        "profiles": [p["InstanceProfileName"] for p in iam.list_instance_profiles()["InstanceProfiles"]],
        "parameters": [p["Name"] for p in ssm.describe_parameters()["Parameters"]],
    }
    return {kind: ids for kind, ids in found.items() if ids}
