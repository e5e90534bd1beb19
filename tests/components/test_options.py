"""What a caller says about all of a host reaches each of its parts: tags, provider, protection, transformations."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from aws_docker import DockerHost

from .conftest import Stack

EVERYTHING = {
    "trusted_cidrs": ["10.0.5.0/24", "2001:db8:7::/48"],
    "trusted_prefix_list_ids": ["pl-0123456789abcdef0"],
    "trusted_security_group_ids": ["sg-0123456789abcdef0"],
    "clients": ["alice", "bob"],
    "assign_public_ip": True,
    "data_volume_size": 100,
}
# AWS has no tags for these.
UNTAGGED = {
    "aws:ec2/eipAssociation:EipAssociation",
    "aws:ec2/volumeAttachment:VolumeAttachment",
    "aws:iam/rolePolicy:RolePolicy",
}


def everything(opts: pulumi.ResourceOptions | None = None, **more: Any) -> DockerHost:
    return DockerHost("build", {**EVERYTHING, **more}, opts)  # type: ignore[arg-type,typeddict-item]


def children(stack: Stack, package: str = "") -> list[str]:
    return [
        name
        for name, resource in stack.resources.items()
        if name != "build" and resource.type.startswith(package) and not resource.type.startswith("pulumi:")
    ]


def test_tags_reach_everything_that_can_have_them(stack: Stack) -> None:
    stack.run(lambda: everything(tags={"team": "platform"}))
    for name in children(stack, "aws:"):
        if stack.resources[name].type not in UNTAGGED:
            assert stack[name]["tags"]["team"] == "platform", name
            assert stack[name]["tags"]["Name"], name
    assert stack["build-instance"]["rootBlockDevice"]["tags"]["team"] == "platform"
    assert stack["build-instance"]["tags"]["Name"] == "build"


def test_a_callers_name_tag_wins(stack: Stack) -> None:
    stack.run(lambda: everything(tags={"Name": "mine"}))
    for name in children(stack, "aws:"):
        if stack.resources[name].type not in UNTAGGED:
            assert stack[name]["tags"]["Name"] == "mine", name


def test_protection_reaches_every_child(stack: Stack) -> None:
    stack.run(lambda: everything(pulumi.ResourceOptions(protect=True)))
    unprotected = [name for name, each in stack.resources.items() if not each.request.protect]
    assert unprotected == []


def test_without_protection_nothing_is_protected(stack: Stack) -> None:
    stack.run(everything)
    assert [name for name, each in stack.resources.items() if each.request.protect] == []


@pytest.mark.parametrize("how", ["provider", "providers"])
def test_a_provider_reaches_every_child_and_every_question(stack: Stack, how: str) -> None:
    def program() -> None:
        eu = aws.Provider("eu", region="eu-central-1")
        opts = pulumi.ResourceOptions(provider=eu) if how == "provider" else None
        everything(opts or pulumi.ResourceOptions(providers=[eu]))

    stack.run(program)
    for name in children(stack, "aws:"):
        assert "pulumi:providers:aws::eu::" in stack.resources[name].request.provider, name
    assert stack.invoked
    for call in stack.invoked:
        assert "pulumi:providers:aws::eu::" in call.provider, call.token


def test_transformations_reach_every_child(stack: Stack) -> None:
    seen: set[str] = set()

    def watch(args: pulumi.ResourceTransformationArgs) -> None:
        seen.add(args.name)

    stack.run(lambda: everything(pulumi.ResourceOptions(transformations=[watch])))
    assert seen == set(stack.resources)


def test_a_host_can_be_the_child_of_another_component(stack: Stack) -> None:
    class Team(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("acme:index:Team", "team")
            everything(pulumi.ResourceOptions(parent=self))
            self.register_outputs({})

    stack.run(Team)
    assert stack.resources["build"].parent == "team"


def test_two_hosts_stand_side_by_side(stack: Stack) -> None:
    stack.run(lambda: [DockerHost(name, {"trusted_cidrs": ["10.0.5.0/24"]}) for name in ("a", "b")])
    assert stack["a-instance"]["primaryNetworkInterface"] == {"networkInterfaceId": "a-interface-id"}
    assert stack["b-instance"]["primaryNetworkInterface"] == {"networkInterfaceId": "b-interface-id"}


def test_the_outputs_are_registered_once(stack: Stack) -> None:
    stack.run(everything)  # the harness refuses a second time
    assert stack.outputs()["instance_id"] == "build-instance-id"
