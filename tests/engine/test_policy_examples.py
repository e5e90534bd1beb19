"""Our own examples pass the pack; a copy of each with one guard undone fails it."""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.engine.policy_support import ROOT, Reported, run
from tests.policy.corpus import KEY, METADATA, NO_2375, NO_LISTENER, NO_SECRET, TRUSTED_ONLY

from .conftest import NETWORK

pytestmark = pytest.mark.requires("pulumi")
EXPOSURE = "docker-host-exposure"
EXAMPLES = ROOT / "examples"

# Changes what the component asks for, as a program that uses it could.
_TRANSFORM = """
import pulumi as _pulumi

def _undo(args):
    if args.type_ == {kind!r}:
        return _pulumi.ResourceTransformationResult({{**args.props, **{changed!r}}}, args.opts)
    return None

_pulumi.runtime.register_stack_transformation(_undo)
"""
_INSTANCE = "aws:ec2/instance:Instance"
_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_KEY = f"#!/bin/sh\ncat > /k <<EOF\n{KEY}\nEOF\n"
_OPEN_2375 = """
import pulumi_aws as _aws

_aws.vpc.SecurityGroupIngressRule(
    "undone", security_group_id=private.security_group_id, ip_protocol="tcp", from_port=2375, to_port=2375,
    cidr_ipv4="172.31.0.0/16",
)
"""

# What is undone in each example, and who objects.
UNDONE: Mapping[str, tuple[str, str, str]] = {
    "quickstart": (_TRANSFORM.format(kind=_RULE, changed={"cidrIpv4": "0.0.0.0/0"}), "", TRUSTED_ONLY),
    "private": ("", _OPEN_2375, NO_2375),
    "several-clients": (
        _TRANSFORM.format(kind=_INSTANCE, changed={"metadataOptions": {"httpTokens": "optional"}}),
        "",
        METADATA,
    ),
    "existing-vpc": (
        _TRANSFORM.format(kind=_INSTANCE, changed={"userData": "#!/bin/sh\ndockerd -H tcp://0.0.0.0:2376\n"}),
        "",
        NO_LISTENER,
    ),
    "tunnel": (
        _TRANSFORM.format(
            kind=_INSTANCE, changed={"userData": "#!/bin/sh\ndockerd -H tcp://127.0.0.1:2376\n"}
        ),
        "",
        NO_LISTENER,
    ),
    "fleet": (_TRANSFORM.format(kind=_RULE, changed={"fromPort": 2370}), "", NO_2375),
    "swarm": (_TRANSFORM.format(kind=_RULE, changed={"fromPort": 2370}), "", NO_2375),
    "own-component": (_TRANSFORM.format(kind=_RULE, changed={"ipProtocol": "-1"}), "", NO_2375),
    "stack-reference": (
        _TRANSFORM.format(kind=_INSTANCE, changed={"metadataOptions": {"httpPutResponseHopLimit": 2}}),
        "",
        METADATA,
    ),
    "docker-provider": (_TRANSFORM.format(kind=_INSTANCE, changed={"userData": _KEY}), "", NO_SECRET),
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud() as running:
        yield running


@pytest.fixture(scope="module")
def network_stack(cloud: Cloud) -> Iterator[Stack]:
    """The other stack that an example refers to."""
    ec2 = cloud.client("ec2")
    exports = {
        "vpc_id": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "subnet_id": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        "runner_cidrs": ["10.0.5.0/24"],
    }
    with Stack(cloud, NETWORK, exports, project="network") as stack:
        stack.up().check()
        yield stack


def _settings(cloud: Cloud, example: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The example's configuration and the pack's."""
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    trusted: dict[str, Any] = {"trustedCidrs": ["203.0.113.0/24", "10.0.5.0/24"]}
    config: dict[str, Any] = {"trustedCidrs": ["203.0.113.0/24"]}
    if example == "fleet":
        config["hosts"] = {"amd": "t3.medium", "arm": "t4g.medium"}
        config["subnetIds"] = [ec2.describe_subnets()["Subnets"][0]["SubnetId"]]
    if example == "own-component":
        config["clients"] = ["ci"]
        trusted["trustedCidrs"] = ["10.0.0.0/8", "2001:db8:7::/48"]
    if example == "swarm":
        config = {
            "subnetIds": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "workers": {"one": "m7g.large"},
        }
    if example == "stack-reference":
        config["networkStack"] = "organization/network/local"
    if example in ("existing-vpc", "private", "tunnel", "several-clients", "own-component"):
        config["vpcId"] = vpc
        config["subnetId"] = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    if example == "existing-vpc":
        group = ec2.create_security_group(
            GroupName=f"runners-{uuid.uuid4()}", Description="runners", VpcId=vpc
        )
        made = ec2.create_managed_prefix_list(
            PrefixListName="office", AddressFamily="IPv4", MaxEntries=1, Entries=[{"Cidr": "203.0.113.0/24"}]
        )
        config["runnersSecurityGroupId"] = group["GroupId"]
        config["officePrefixListId"] = made["PrefixList"]["PrefixListId"]
        trusted["trustedSecurityGroupIds"] = [group["GroupId"]]
        trusted["trustedPrefixListIds"] = [config["officePrefixListId"]]
    return config, {TRUSTED_ONLY: trusted, EXPOSURE: trusted}


def _preview(cloud: Cloud, example: str, program: Path, backend: Path) -> Reported:
    config, pack = _settings(cloud, example)
    project = f"{example}-{uuid.uuid4().hex[:6]}"  # stacks of one backend need names of their own
    plugins = {"docker": ROOT / "lab" / "engine" / "plugins" / "docker"}
    with Stack(cloud, program, config, project=project, backend=backend, plugins=plugins) as stack:
        return run(stack, config=pack)


def test_no_example_is_forgotten() -> None:
    programs = {each.parent.name for each in EXAMPLES.glob("*/__main__.py")}
    packs = {each.parent.name for each in EXAMPLES.glob("*/PulumiPolicy.yaml")}
    assert programs - packs == set(UNDONE)


@pytest.mark.parametrize("example", sorted(UNDONE))
def test_an_example_passes_and_a_copy_without_its_guard_does_not(
    example: str, cloud: Cloud, network_stack: Stack, tmp_path: Path
) -> None:
    passed = _preview(cloud, example, EXAMPLES / example, network_stack.backend)
    assert passed.result.exit_code == 0, passed.text[-3000:]
    assert not [name for name in passed.findings if passed.policies(name, "mandatory")]

    before, after, policy = UNDONE[example]
    program = shutil.copytree(EXAMPLES / example, tmp_path / "copy")
    (program / "__main__.py").write_text(before + (EXAMPLES / example / "__main__.py").read_text() + after)
    failed = _preview(cloud, example, program, network_stack.backend)
    assert failed.result.exit_code != 0
    assert any(policy in failed.policies(name, "mandatory") for name in failed.findings), failed.text[-3000:]


def test_single_policies_work_in_a_pack_of_ones_own(cloud: Cloud, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "__main__.py").write_text(
        """
import pulumi_aws as aws

def group(name, port, cidr):
    rule = {"protocol": "tcp", "from_port": port, "to_port": port, "cidr_blocks": [cidr]}
    aws.ec2.SecurityGroup(name, description=name, ingress=[rule])

group("plain", 2375, "10.20.0.0/16")
group("trusted", 2376, "10.20.0.0/16")
group("wide", 2376, "10.0.0.0/8")
group("legacy-builder-1", 2376, "10.0.0.0/8")
image = aws.ssm.get_parameter(name="/aws/service/debian/release/12/latest/amd64").value
aws.ec2.Instance("nobodys", ami=image, instance_type="t3.micro")
"""
    )
    with Stack(cloud, program) as stack:
        reported = run(stack, pack=EXAMPLES / "policy-pack")
    assert set(reported.findings) == {"plain", "wide", "nobodys"}, reported.text[-3000:]
    assert reported.policies("plain", "mandatory") == {NO_2375}
    assert reported.policies("wide", "mandatory") == {TRUSTED_ONLY}
    assert reported.policies("nobodys", "advisory") == {"instances-have-a-team"}
