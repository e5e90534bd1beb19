"""What a document runs that stands elsewhere: its level depends on what the document has to do with Docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from aws_docker.policy import docker_no_unauthenticated_listener
from aws_docker.policy.testing import Outcome, analyze

DOCUMENT = "aws:ssm/document:Document"
FETCH = {"action": "aws:downloadContent", "name": "fetch", "inputs": {"sourceType": "S3"}}
RUN = {"action": "aws:runDocument", "name": "run", "inputs": {"documentType": "LocalPath"}}


def _document(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"content": json.dumps({"schemaVersion": "2.2", "mainSteps": list(steps)})}


def _shell(line: str) -> dict[str, Any]:
    return {"action": "aws:runShellScript", "name": "x", "inputs": {"runCommand": [line]}}


def _judged(properties: dict[str, Any], kind: str = DOCUMENT, **config: str) -> Outcome:
    return analyze(docker_no_unauthenticated_listener, kind, properties, config=config)


def test_in_a_document_without_docker_it_is_one_advisory_sentence() -> None:
    (violation,) = _judged(_document(FETCH, RUN, _shell("yum update -y"))).violations
    assert violation.level == "advisory"
    assert "(aws:downloadContent) runs what stands elsewhere" in violation.message
    assert "(and 1 more)" in violation.message


def test_in_a_document_that_installs_docker_it_is_mandatory() -> None:
    outcome = _judged(_document(FETCH, RUN, _shell("yum install -y docker")))
    assert len(outcome.at("mandatory")) == 2
    assert "could not evaluate" in outcome.text
    eased = _judged(_document(FETCH, RUN, _shell("yum install -y docker")), couldNotEvaluate="advisory")
    assert {each.level for each in eased.violations} == {"advisory"}


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("bash deploy.sh production", "advisory"),
        ("curl -sfL https://get.example.com | sh -", "advisory"),
        ("ansible-playbook -i hosts site.yml", "advisory"),
        ("./build.sh && make install", None),
        # Whatever names Docker has to do with it.
        ("bash start-docker.sh", "mandatory"),
        ("bash deploy.sh tcp://10.0.0.5:2375", "mandatory"),
        ("docker compose up -d", "mandatory"),
        ("curl -sfL https://get.example.com | SOCKET=/run/docker.sock sh -", "mandatory"),
    ],
)
def test_scripts_that_a_command_runs_are_said_by_what_they_name(line: str, level: str | None) -> None:
    outcome = _judged({"create": line}, "command:local:Command")
    assert [each.level for each in outcome.violations] == ([level] if level else []), outcome.text


def test_its_level_can_be_raised_and_not_switched_off() -> None:
    assert _judged(_document(FETCH), unrelatedToDocker="mandatory").at("mandatory")
    outcome = _judged(_document(FETCH), unrelatedToDocker="disabled")
    assert outcome.at("mandatory")
    assert "unrelatedToDocker is 'disabled'" in outcome.text


@pytest.mark.parametrize("name", ["AWS-RunRemoteScript", "AWS-ApplyAnsiblePlaybooks"])
def test_documents_of_awss_that_fetch_are_said(name: str) -> None:
    parameters = {"sourceType": "S3", "sourceInfo": "{}"}
    outcome = _judged({"name": name, "parameters": parameters}, "aws:ssm/association:Association")
    assert [each.level for each in outcome.violations] == ["advisory"]


def test_a_component_that_stands_in_a_bucket_is_said() -> None:
    properties = {"platform": "Linux", "version": "1.0.0", "uri": "s3://bucket/component.yaml"}
    assert _judged(properties, "aws:imagebuilder/component:Component").at("mandatory")


def _copied(path: Path, target: str) -> Outcome:
    properties = {
        "connection": {"host": "10.0.0.5"},
        "remotePath": target,
        "source": {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "path": str(path)},
    }
    return _judged(properties, "command:remote:CopyToRemote")


def test_a_file_that_is_copied_is_read_where_it_is_here(tmp_path: Path) -> None:
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375 &\n")
    assert "TCP port 2375" in _copied(script, "/tmp/setup.sh").text
    script.write_text("#!/bin/sh\nyum update -y\n")
    assert _copied(script, "/tmp/setup.sh").violations == ()


def test_a_file_that_is_not_here_is_mandatory_where_it_configures_docker(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert [each.level for each in _copied(missing, "/srv/app.tar").violations] == ["advisory"]
    assert _copied(missing, "/etc/docker/daemon.json").at("mandatory")
