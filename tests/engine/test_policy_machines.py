"""Start-up documents on the real engine, and values that a preview does not know yet."""

import json
from pathlib import Path

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.engine.policy_support import preview_cases, run
from tests.policy.corpus import (
    KEY,
    METADATA,
    NO_2375,
    NO_LISTENER,
    TRUSTED_ONLY,
    machine_harmless,
    machine_violations,
)

pytestmark = pytest.mark.requires("pulumi")
EXPOSURE = "docker-host-exposure"


def test_every_dangerous_machine_is_a_violation(tmp_path: Path) -> None:
    cases = machine_violations()
    reported = preview_cases(tmp_path, cases)
    assert reported.result.exit_code != 0
    wrong = {
        each.name: reported.policies(each.name, "mandatory")
        for each in cases
        if reported.policies(each.name, "mandatory") - {EXPOSURE} != each.policies
    }
    assert not wrong, reported.text[-3000:]
    assert not any(line in reported.text for line in KEY.splitlines()[1:-1])


def test_harmless_machines_pass(tmp_path: Path) -> None:
    reported = preview_cases(tmp_path, machine_harmless())
    mandatory = {name: reported.policies(name, "mandatory") for name in reported.findings}
    assert not any(mandatory.values()), reported.text[-3000:]
    assert reported.result.exit_code == 0, reported.text[-3000:]


# Of someone else's making: plain resources, whose values come from each other.
_PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24")
group = aws.ec2.SecurityGroup("docker", vpc_id=vpc.id, description="docker")
address = aws.ec2.Eip("office", domain="vpc")
source = pulumi.Output.concat(address.public_ip, "/32") if config.get_bool("open") else "10.0.0.0/16"
rule = aws.vpc.SecurityGroupIngressRule(
    "remote", security_group_id=group.id, ip_protocol="tcp", from_port=2376, to_port=2376, cidr_ipv4=source
)
script = pulumi.Output.concat("#!/bin/sh\\nyum install -y docker\\n", "echo ", vpc.id, "\\n", config.get("line") or "")
nic = aws.ec2.NetworkInterface("nic", subnet_id=subnet.id, security_groups=[group.id])
aws.ec2.Instance(
    "machine",
    ami=aws.ssm.get_parameter(name="/aws/service/debian/release/12/latest/amd64").value,
    instance_type="t3.micro",
    user_data=pulumi.Output.secret(script),
    primary_network_interface={"network_interface_id": nic.id},
    metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
)
"""


def test_what_a_preview_does_not_know_is_judged_before_it_is_made(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "__main__.py").write_text(_PROGRAM)
    config = {
        TRUSTED_ONLY: {"trustedCidrs": ["10.0.0.0/16"]},
        EXPOSURE: {"trustedCidrs": ["10.0.0.0/16"]},
    }
    with (
        Cloud() as cloud,
        Stack(cloud, program, {"open": "true", "line": "dockerd -H tcp://0.0.0.0:4243"}) as stack,
    ):
        preview = run(stack, config=config)
        assert preview.result.exit_code == 0, preview.text[-3000:]
        assert "cidrIpv4 is not known yet" in preview.messages("remote", TRUSTED_ONLY)
        assert "userData is not known yet" in preview.messages("machine", NO_LISTENER)
        assert preview.policies("remote") == {TRUSTED_ONLY}

        stricter = {TRUSTED_ONLY: {**config[TRUSTED_ONLY], "notYetKnown": "mandatory"}}
        assert run(stack, config=stricter).policies("remote", "mandatory") == {TRUSTED_ONLY}

        up = run(stack, "up", config=config)
        assert up.result.exit_code != 0
        assert up.policies("remote", "mandatory") == {TRUSTED_ONLY}
        made = {each["type"] for each in stack.resources()}
        assert "aws:ec2/eip:Eip" in made
        assert "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" not in made

        stack.configure({"open": "false", "line": "dockerd -H tcp://0.0.0.0:4243"})
        up = run(stack, "up", config=config)
        assert up.policies("machine", "mandatory") >= {NO_LISTENER}
        assert "aws:ec2/instance:Instance" not in {each["type"] for each in stack.resources()}

        stack.configure({"open": "false", "line": ""})
        up = run(stack, "up", config=config)
        assert up.result.exit_code == 0, up.text[-3000:]
        assert not up.findings, up.text[-3000:]


_STACK_PROGRAM = """
import pulumi_aws as aws

vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24")
image = aws.ssm.get_parameter(name="/aws/service/debian/release/12/latest/amd64").value
for name, port in (("bad", 4243), ("good", 4244)):
    group = aws.ec2.SecurityGroup(f"{name}-group", vpc_id=vpc.id, description="docker")
    nic = aws.ec2.NetworkInterface(f"{name}-nic", subnet_id=subnet.id, security_groups=[group.id])
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-rule",
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=4243,
        to_port=4243,
        cidr_ipv4="0.0.0.0/0",
    )
    aws.ec2.Instance(
        f"{name}-machine",
        ami=image,
        instance_type="t3.micro",
        user_data=f"#!/bin/sh\\ndockerd -H tcp://0.0.0.0:{port} --tlsverify --tlscacert /a --tlscert /b --tlskey /c\\n",
        primary_network_interface={"network_interface_id": nic.id},
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
    )
"""


def test_machine_interface_group_and_rule_are_put_together(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "__main__.py").write_text(_STACK_PROGRAM)
    with Cloud() as cloud, Stack(cloud, program) as stack:
        preview = run(stack)
        assert preview.result.exit_code != 0
        assert set(preview.findings) == {"bad-machine"}, preview.text[-3000:]
        assert preview.policies("bad-machine", "mandatory") == {EXPOSURE}
        assert "bad-rule" in preview.messages("bad-machine", EXPOSURE)
        # Once all exists, the same is found by ids.
        assert stack.up().exit_code == 0
        again = run(stack)
        assert set(again.findings) == {"bad-machine"}, again.text[-3000:]


def test_levels_exemptions_and_remediation_are_configured_by_a_file(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "__main__.py").write_text(
        """
import pulumi
import pulumi_aws as aws

def group(name, port, cidr):
    rule = {"protocol": "tcp", "from_port": port, "to_port": port, "cidr_blocks": [cidr]}
    return aws.ec2.SecurityGroup(name, description=name, ingress=[rule])

group("old", 2375, "10.0.0.0/8")
group("wide", 2376, "10.0.0.0/8")
image = aws.ssm.get_parameter(name="/aws/service/debian/release/12/latest/amd64").value
secret = pulumi.Output.secret("#!/bin/sh\\nyum install -y docker\\necho hunter2\\n")
machine = aws.ec2.Instance("machine", ami=image, instance_type="t3.micro", user_data=secret)
pulumi.export("tokens", machine.metadata_options.http_tokens)
"""
    )
    config = {
        NO_2375: {
            "enforcementLevel": "mandatory",
            "exemptions": [{"urn": "*::old", "reason": "goes in May", "expires": "2999-05-31"}],
        },
        TRUSTED_ONLY: {"enforcementLevel": "remediate", "trustedCidrs": ["10.0.5.0/24"]},
        METADATA: {"enforcementLevel": "remediate"},
        EXPOSURE: "disabled",
    }
    with Cloud() as cloud, Stack(cloud, program) as stack:
        strict = run(stack)
        assert strict.policies("old", "mandatory") == {NO_2375}
        assert strict.policies("wide", "mandatory") == {TRUSTED_ONLY}
        assert strict.policies("machine", "mandatory") == {METADATA}
        assert "hunter2" not in strict.text

        eased = run(stack, "up", config=config)
        assert eased.result.exit_code == 0, eased.text[-3000:]
        state = {each["urn"].rsplit("::", 1)[-1]: each for each in stack.resources()}
        assert state["wide"]["inputs"]["ingress"][0]["cidrBlocks"] == ["10.0.5.0/24"]
        assert state["machine"]["inputs"]["metadataOptions"]["httpTokens"] == "required"
        assert "hunter2" not in json.dumps(state["machine"]["inputs"])

        wrong = run(stack, config={TRUSTED_ONLY: {"trustedCidr": ["10.0.5.0/24"]}})
        assert wrong.result.exit_code != 0
