"""The README's commands for a real account, run as they stand there on the embedded cloud."""

import re
import shlex

from lab.engine.cloud import Cloud
from tests.conftest import ROOT

from .conftest import MakeStack


def test_the_commands_for_a_real_account(make_stack: MakeStack, cloud: Cloud) -> None:
    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```sh\npulumi stack init dev\n(.*?)\npulumi up\n```", readme, re.S)
    commands = block.splitlines()
    stack = make_stack(name="dev", project="pulumi-aws-docker")
    for command in commands:
        stack.cli(*shlex.split(command)[1:]).check()
    stack.up().check()
    outputs = stack.outputs()
    assert outputs["endpoint"] == f"tcp://{outputs['public_ip']}:2376"
    group = [{"Name": "group-id", "Values": [outputs["security_group_id"]]}]
    rules = cloud.client("ec2").describe_security_group_rules(Filters=group)["SecurityGroupRules"]
    admitted = [(r["CidrIpv4"], r["FromPort"], r["ToPort"]) for r in rules if not r["IsEgress"]]
    assert admitted == [("203.0.113.0/24", 2376, 2376)]
