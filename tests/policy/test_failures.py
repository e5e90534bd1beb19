"""What fails inside a policy is a finding: it neither ends the pack nor passes, and repeats nothing of a resource."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from aws_docker.core.checks import Check, Severity
from aws_docker.policy import rules
from aws_docker.policy.configuration import Settings
from aws_docker.policy.findings import Finding
from aws_docker.policy.reading.facts import Facts
from aws_docker.policy.reading.table import read
from aws_docker.policy.rule import resource_rule
from aws_docker.policy.testing import UNKNOWN, analyze
from tests.policy.corpus import GROUP


def _failing(facts: Facts, settings: Settings) -> Iterator[Finding]:
    raise RuntimeError("hunter2")
    yield


def test_a_judge_that_fails_is_a_finding() -> None:
    policy = resource_rule(Check("failing", "Fails.", "It must.", "None.", Severity.LOW), _failing)
    outcome = analyze(policy, GROUP, {})
    assert [each.level for each in outcome.violations] == ["mandatory"]
    assert "could not evaluate" in outcome.text
    assert "RuntimeError" in outcome.text
    assert "hunter2" not in outcome.text


class _Hostile(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise RuntimeError("hunter2")


def test_a_resource_that_cannot_be_read_is_said_to_be_so() -> None:
    facts = read(GROUP, _Hostile())
    assert facts is not None
    assert "RuntimeError" in str(facts.unread)
    assert "hunter2" not in str(facts.unread)


STACK = "aws:cloudformation/stack:Stack"
_ALIASES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("Resources: [", id="neither"),
        pytest.param("[" * 20_000, id="deep"),
        # libyaml's loader ends the process over this one.
        pytest.param("[" * 100_000 + "]" * 100_000, id="deep-and-closed"),
        pytest.param("x" * 2_000_000, id="large"),
        pytest.param("{}", id="empty"),
        pytest.param("Resources: {G: 7}", id="no-map"),
        pytest.param("Resources: {G: {Type: 'AWS::EC2::SecurityGroup', Properties: 7}}", id="no-properties"),
        pytest.param("Resources: {N: {Type: 'AWS::CloudFormation::Stack'}}", id="nested-stack"),
        pytest.param(
            _ALIASES
            + "Resources: {G: {Type: 'AWS::EC2::SecurityGroup', Properties: {SecurityGroupIngress: *a11}}}",
            id="aliases",
        ),
        pytest.param(UNKNOWN, id="unknown"),
    ],
)
def test_a_template_that_cannot_be_read_is_a_finding(body: str) -> None:
    outcome = analyze(rules(), STACK, {"templateBody": body})
    assert outcome.violations
    assert {each.level for each in outcome.violations} == {"advisory" if body == UNKNOWN else "mandatory"}


@pytest.mark.parametrize(
    ("kind", "name", "head"),
    [
        ("aws:ssm/document:Document", "content", "mainSteps: *a11\n"),
        ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", "containers: *a11\n"),
        ("aws:imagebuilder/component:Component", "data", "phases: *a11\n"),
        ("aws:apigateway/restApi:RestApi", "body", "paths: *a11\n"),
    ],
)
def test_a_document_that_grows_by_its_aliases_is_said_and_not_followed(
    kind: str, name: str, head: str
) -> None:
    started = time.process_time()
    outcome = analyze(rules(), kind, {name: _ALIASES + head})
    assert time.process_time() - started < 5
    assert "holds more than 100,000 values" in outcome.text
    assert outcome.at("mandatory")


def test_one_unknown_value_of_a_template_hides_no_other() -> None:
    body = {
        "Resources": {
            "A": UNKNOWN,
            "B": {"Type": UNKNOWN, "Properties": {}},
            "C": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": UNKNOWN},
            "D": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "SecurityGroupIngress": [
                        UNKNOWN,
                        {"IpProtocol": "tcp", "FromPort": 2375, "ToPort": 2375, "CidrIp": UNKNOWN},
                        {"IpProtocol": "tcp", "FromPort": 2375, "ToPort": 2375, "CidrIp": "10.0.0.0/8"},
                    ]
                },
            },
        }
    }
    outcome = analyze(rules(), "aws-native:cloudformation:Stack", {"templateBody": body})
    assert "10.0.0.0/8" in "".join(each.message for each in outcome.at("mandatory"))
    said = "".join(each.message for each in outcome.at("advisory"))
    for place in ("Resources.A", "Resources.B.Type", "Resources.C", "securityGroupIngress[0]"):
        assert f"{place} is not known yet" in said, said


def test_other_kinds_are_left_alone_unread() -> None:
    assert read("aws:s3/bucket:Bucket", _Hostile()) is None
    assert read("pulumi:providers:aws", _Hostile()) is None
    assert read("", _Hostile()) is None
