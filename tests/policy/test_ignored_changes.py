"""What a program judges once and never sets again: `ignoreChanges` on what policies look at."""

import pytest

from aws_docker.policy import rules
from aws_docker.policy.reading.table import KINDS, Role
from aws_docker.policy.testing import analyze
from tests.policy.corpus import GROUP, IGNORED, RULE, rule

INSTANCE = "aws:ec2/instance:Instance"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (GROUP, "ingress"),
        (GROUP, "ingress[0].cidrBlocks"),
        (GROUP, "*"),
        (RULE, "cidrBlocks"),
        (INSTANCE, "userData"),
        (INSTANCE, "metadataOptions.httpTokens"),
        ("aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry", "cidr"),
        ("aws:ssm/document:Document", "content"),
        ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions"),
    ],
)
def test_what_is_judged_and_ignored_is_said_as_advisory(kind: str, path: str) -> None:
    properties = rule(fromPort=22, toPort=22, cidrBlocks=["10.0.0.0/8"]) if kind == RULE else {}
    outcome = analyze(rules(), kind, properties, ignore_changes=[path])
    (violation,) = outcome.violations
    assert (violation.policy, violation.level) == (IGNORED, "advisory")
    assert path in violation.message


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (GROUP, "tags"),
        (GROUP, "egress"),
        (INSTANCE, "ami"),
        (INSTANCE, "tags.ingress"),
        ("aws:ecs/service:Service", "desiredCount"),
        ("aws:s3/bucket:Bucket", "*"),
    ],
)
def test_what_is_ignored_and_not_judged_passes(kind: str, path: str) -> None:
    assert analyze(rules(), kind, {}, ignore_changes=[path]).violations == ()


def test_every_kind_says_which_properties_are_judged() -> None:
    silent = {short for short, kind in KINDS.items() if not kind.judged}
    # What only joins two others, what a program does by itself, and a client have none that AWS could change.
    assert silent == {
        short
        for short, kind in KINDS.items()
        if kind.roles & (Role.INTERFACE_ATTACHMENT | Role.GROUP_ATTACHMENT | Role.CLIENT | Role.BALANCER)
        or short.startswith("command:")
    }
