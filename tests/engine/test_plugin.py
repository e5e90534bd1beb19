"""DockerHost as a component plugin: what programs in other languages reach, through the same calls, on the real engine.

The program here is Python without our package: it names the component by its token, and what it says goes through the
engine to the plugin as a TypeScript, Go or YAML program's does.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .conftest import MakeStack, left

PROGRAM = '''
import sys

import pulumi
import pulumi_aws as aws

assert "aws_docker" not in sys.modules

OUTPUTS = json_outputs


class DockerHost(pulumi.ComponentResource):
    """As a generated SDK does it."""

    def __init__(self, name, props, opts=None):
        given = {**dict.fromkeys(OUTPUTS), **props}
        super().__init__("aws-docker:index:DockerHost", name, given, opts, remote=True)


config = pulumi.Config()
props = config.require_object("props")
if config.get_bool("late"):
    # Values that a preview does not know.
    runners = aws.ec2.SecurityGroup("runners", description="CI", vpc_id=config.require("vpcId"))
    office = aws.ec2.ManagedPrefixList(
        "office", address_family="IPv4", max_entries=2, entries=[{"cidr": "198.51.100.0/24"}]
    )
    props["trustedSecurityGroupIds"] = [runners.id]
    props["trustedPrefixListIds"] = [office.id]
    props["trustedCidrs"] = [*props.get("trustedCidrs", []), runners.id.apply(lambda _: "10.0.7.0/24")]
    props["tags"] = {"group": runners.id}
    props["additionalHostnames"] = [runners.id.apply(lambda _: "build.example.com")]
host = DockerHost("build", props)
for name in OUTPUTS:
    pulumi.export(name, getattr(host, name))
'''
OUTPUTS = list(
    json.loads((ROOT / "schema.json").read_text())["resources"]["aws-docker:index:DockerHost"]["properties"]
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM.replace("json_outputs", repr(OUTPUTS)))
    return folder


def consumer(make_stack: MakeStack, program: Path, config: dict[str, Any]) -> Stack:
    return make_stack(program, config, plugins={"aws-docker": ROOT})


def by_name(stack: Stack) -> dict[str, dict[str, Any]]:
    return {each["urn"].rsplit("::", 1)[-1]: each for each in stack.resources()}


def test_another_language_makes_a_host(
    make_stack: MakeStack, cloud: Cloud, program: Path, subnet: str
) -> None:
    vpc = cloud.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    props = {
        "trustedCidrs": ["10.0.5.0/24"],
        "clients": ["alice", "ci"],
        "subnetId": subnet,
        "assignPublicIp": True,
        # Numbers arrive as floats, enums as text.
        "rootVolumeSize": 40,
        "dataVolumeSize": 50,
        "certificateValidityDays": 30,
        "os": "debian-12",
        "keyAlgorithm": "ecdsa-p384",
        "daemonOptions": {"max-concurrent-downloads": 5, "log-opts": {"max-file": "5"}},
    }
    stack = consumer(make_stack, program, {"props": props, "late": True, "vpcId": vpc})
    previewed = stack.preview().check()
    assert set(previewed.changes) == {"create"}
    stack.up().check()
    resources = by_name(stack)
    assert stack.up().check().changes == {}

    outputs = stack.outputs()
    assert set(outputs) == set(OUTPUTS)
    assert outputs["endpoint"] == f"tcp://{outputs['publicIp']}:2376"
    assert set(outputs["clientKeyMaterials"]) == {"alice", "ci"}
    assert "PRIVATE KEY" in outputs["keyMaterial"]
    plain = stack.outputs(secrets=False)
    assert plain["keyMaterial"] == plain["clientKeyMaterials"] == "[secret]"
    assert "PRIVATE KEY" not in json.dumps(stack.export())

    assert resources["build-data"]["inputs"]["size"] == 50
    assert resources["build-instance"]["inputs"]["rootBlockDevice"]["volumeSize"] == 40
    assert resources["build-instance"]["inputs"]["tags"]["group"] == resources["runners"]["id"]
    assert resources["build-server-certificate"]["inputs"]["validityPeriodHours"] == 30 * 24
    assert resources["build-server-key"]["inputs"]["ecdsaCurve"] == "P384"
    assert "build.example.com" in resources["build-server-request"]["inputs"]["dnsNames"]
    assert resources["build"].get("inputs", {}) == {}
    name = resources["build-configuration"]["id"]
    parameter = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    told = json.loads(parameter["Value"])
    assert told["trusted"][:3] == ["10.0.5.0/24", "10.0.7.0/24", "198.51.100.0/24"]
    assert told["daemon"]["max-concurrent-downloads"] == 5
    assert '"max-concurrent-downloads":5,' in parameter["Value"], "a whole number: dockerd refuses 5.0"


def test_a_refusal_stands_alone_and_nothing_is_made(
    make_stack: MakeStack, cloud: Cloud, program: Path, subnet: str
) -> None:
    before = left(cloud)
    stack = consumer(make_stack, program, {"props": {"trustedCidrs": ["0.0.0.0/0"], "subnetId": subnet}})
    refused = stack.up()
    assert refused.exit_code != 0
    assert "trusted_cidrs: '0.0.0.0/0' holds 4,272,881,664 public IPv4 addresses" in refused.text
    assert left(cloud) == before
    assert not [each for each in stack.resources() if each["type"].startswith(("aws:", "tls:"))]


def test_a_property_that_there_is_not_is_dropped_by_pulumi_itself(
    make_stack: MakeStack, program: Path, subnet: str
) -> None:
    # Generated SDKs and YAML check names against the schema; the plugin never sees what is not in it.
    stack = consumer(make_stack, program, {"props": {"trustedCidr": ["10.0.5.0/24"], "subnetId": subnet}})
    stack.up().check()
    assert "endpoint" not in stack.outputs(), "and so the host is local only: nothing is open by mistake"
