"""What a changed argument does to a host that is there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .conftest import MakeStack

PROGRAM = ROOT / "tests" / "engine" / "changing"
REMOTE = {"trusted_cidrs": ["10.0.5.0/24"]}


def ids(stack: Stack) -> dict[str, str]:
    return {each["urn"].rsplit("::", 1)[-1]: each.get("id", "") for each in stack.resources()}


def change(stack: Stack, args: dict[str, Any]) -> None:
    """As `pulumi up` does: what the preview refuses is not done."""
    stack.configure({"args": args})
    stack.preview().check()
    stack.up().check()


@pytest.fixture
def dual_stack_subnet(cloud: Cloud) -> Iterator[str]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    ipv6 = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.40.1.0/24", Ipv6CidrBlock=ipv6)["Subnet"]
    yield subnet["SubnetId"]
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def test_ipv6_sources_can_take_the_place_of_others_in_one_up(
    dual_stack_subnet: str, make_stack: MakeStack
) -> None:
    args = {**REMOTE, "subnet_id": dual_stack_subnet}
    stack = make_stack(PROGRAM, {"args": args})
    stack.up().check()
    interface = ids(stack)["build-interface"]
    change(stack, {**args, "trusted_cidrs": ["2001:db8:7::/48"]})
    assert re.fullmatch(r"tcp://\[[0-9a-f:]+\]:2376", stack.outputs()["endpoint"])
    assert ids(stack)["build-interface"] == interface
    assert stack.up().check().changes == {}


def test_a_tunnel_comes_to_a_local_host_in_place(make_stack: MakeStack) -> None:
    stack = make_stack(PROGRAM, {"args": {}})
    stack.up().check()
    before = ids(stack)
    change(stack, {"session_manager_tunnel": True})
    after = ids(stack)
    assert before.items() <= after.items(), "the same machine, told something else"
    assert {name.rpartition("-")[0] for name in after.keys() - before.keys() if "build" in name} == {
        "build-server",
        "build-server-ca",
        "build-client-default",
        "build-client-default-ca",
    }, "certificates, and no rule"
    assert stack.outputs()["endpoint"] == "tcp://127.0.0.1:2376"
    assert stack.up().check().changes == {}


def test_a_key_that_is_taken_away_takes_its_permission_along_and_leaves_the_host_readable(
    make_stack: MakeStack, cloud: Cloud
) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = make_stack(PROGRAM, {"args": {**REMOTE, "kms_key_id": key}})
    stack.up().check()

    def encrypted_with() -> str:
        name = ids(stack)["build-configuration"]
        filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        return cloud.client("ssm").describe_parameters(ParameterFilters=filters)["Parameters"][0]["KeyId"]

    def may_decrypt() -> list[str]:
        role, policy = ids(stack)["build-role"], ids(stack)["build-role-policy"].split(":")[1]
        found = cloud.client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        statements = (found if isinstance(found, dict) else json.loads(found))["Statement"]
        return [each["Resource"] for each in statements if each["Action"] == "kms:Decrypt"]

    assert (encrypted_with(), may_decrypt()) == (key, [key])
    parameter = ids(stack)["build-configuration"]
    change(stack, REMOTE)
    assert (encrypted_with(), may_decrypt()) == ("alias/aws/ssm", [])
    assert ids(stack)["build-configuration"] == parameter, "the instance's user-data names it"
    assert stack.up().check().changes == {}
