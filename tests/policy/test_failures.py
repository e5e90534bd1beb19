"""What fails inside a policy is a finding: it neither ends the pack nor passes, and repeats nothing of a resource."""

from collections.abc import Iterator
from typing import Any

from pulumi_policy import Severity

from aws_docker.policy.findings import Finding, Settings
from aws_docker.policy.reading.facts import Facts
from aws_docker.policy.reading.table import read
from aws_docker.policy.rule import resource_rule
from aws_docker.policy.testing import analyze
from tests.policy.corpus import GROUP


def _failing(facts: Facts, settings: Settings) -> Iterator[Finding]:
    raise RuntimeError("hunter2")
    yield


def test_a_judge_that_fails_is_a_finding() -> None:
    policy = resource_rule("failing", "Fails.", _failing, severity=Severity.LOW, remediation_steps="None.")
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


def test_other_kinds_are_left_alone_unread() -> None:
    assert read("aws:s3/bucket:Bucket", _Hostile()) is None
    assert read("pulumi:providers:aws", _Hostile()) is None
    assert read("", _Hostile()) is None
