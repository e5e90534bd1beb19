"""What reports look like: JSON and SARIF by their schemas, tables for people, exit statuses; and the commands."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest
import yaml
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog
from rich.console import Console

from aws_docker.audit.checks import CHECKS
from aws_docker.audit.exposures import judge_region
from aws_docker.audit.findings import Exit, Finding, Unchecked, exit_status, ranked
from aws_docker.audit.report import show, to_json
from aws_docker.audit.results import AuditReport, ProbeReport, VerifyReport
from aws_docker.audit.sarif import to_sarif
from aws_docker.audit.targets import Endpoint
from aws_docker.audit.verdicts import PortJudgement, Verdict
from aws_docker.audit.wording import audit_findings
from aws_docker.cli import main
from aws_docker.core.addresses import AddressSet
from aws_docker.core.checks import Severity
from tests.conftest import ROOT

from . import servers
from .conftest import Authorities
from .regions import region, route, rule
from .servers import Server, context

SCHEMA = json.loads((ROOT / "docs" / "audit.schema.json").read_text())


def audited(*, unchecked: Sequence[Unchecked] = ()) -> AuditReport:
    facts = region(
        [rule("0.0.0.0/0", 2000, 3000), rule("::/0"), rule("pl-9")],
        routes=[route("0.0.0.0/0", "igw-1"), route("::/0", "igw-1")],
        user_data=b"#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n",
    )
    judged = judge_region(facts, AddressSet.of(["10.0.0.0/8"]))
    return AuditReport(
        judged.exposures,
        ranked(audit_findings(judged)),
        [*judged.unchecked, *unchecked],
        [("1", "eu-central-1")],
    )


def probed(*verdicts: Verdict) -> ProbeReport:
    report = ProbeReport()
    for at, verdict in enumerate(verdicts):
        report.add(PortJudgement(Endpoint("10.0.0.1", 2000 + at, "10.0.0.1"), verdict, "so"))
    return report


REPORTS = [audited(), AuditReport([], [], []), probed(*Verdict), probed(), VerifyReport([], [], [])]


@pytest.mark.parametrize("report", REPORTS)
def test_json_is_by_its_schema(report: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(to_json(report)), SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("report", REPORTS)
def test_sarif_is_by_its_schema(report: Any) -> None:
    SarifLog.model_validate_json(to_sarif(report, "0.1.0"))


def test_the_schema_of_sarif_refuses() -> None:
    document = json.loads(to_sarif(audited(), "0.1.0"))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(ValueError, match="level"):
        SarifLog.model_validate(document)


def test_sarif_says_what_code_scanning_needs() -> None:
    (run,) = json.loads(to_sarif(audited(), "0.1.0"))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["properties"]["security-severity"] for rule in rules] == ["9.8", "8.0"]
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "open-to-the-internet-without-tls"
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "arn/aws/ec2/eu-central-1/1/network-interface/eni-1"
    )
    assert first["partialFingerprints"] != second["partialFingerprints"]
    (again,) = json.loads(to_sarif(audited(), "9"))["runs"]
    assert first["partialFingerprints"] == again["results"][0]["partialFingerprints"]


def test_sarif_has_the_ways_in_as_code_flows() -> None:
    (run,) = json.loads(to_sarif(audited(), "0.1.0"))["runs"]
    (flow, *_) = run["results"][0]["codeFlows"]
    steps = [each["location"] for each in flow["threadFlows"][0]["locations"]]
    assert [(step["logicalLocations"][0]["kind"], step["message"]["text"][:30]) for step in steps] == [
        ("rule", "sg-1 rule sgr-0.0.0.0/0-2000 a"),
        ("acl", "acl-1 rule 100 allows it in"),
        ("route", "igw-1 leads to 198.51.100.10, "),
        ("listener", "line 2: tcp://0.0.0.0:2375: no"),
    ]
    assert steps[0]["logicalLocations"][0]["fullyQualifiedName"] == "sg-1/sgr-0.0.0.0/0-2000"
    quiet = judge_region(region(user_data=b"#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n"), AddressSet())
    (run,) = json.loads(to_sarif(AuditReport([], [*audit_findings(quiet)], []), "0.1.0"))["runs"]
    (related,) = run["results"][0]["relatedLocations"]
    assert related["logicalLocations"][0]["kind"] == "listener"


def test_json_names_each_step_and_what_takes_it_away() -> None:
    first = json.loads(to_json(audited()))["findings"][0]
    assert [(step["kind"], step["id"], step["of"]) for step in first["paths"][0]] == [
        ("rule", "sgr-0.0.0.0/0-2000", "sg-1"),
        ("acl", "acl-1", None),
        ("route", "igw-1", None),
    ]
    assert first["evidence"][0]["of"] == "line 2"
    assert first["close"][0]["removes"] == "sgr-0.0.0.0/0-2000"


def test_a_partial_sarif_says_so() -> None:
    (invocation,) = json.loads(to_sarif(audited(), "0.1.0"))["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 2
    assert "pl-9" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_people_are_told_all_of_it() -> None:
    text = io.StringIO()
    show(audited(), Console(file=text, width=200))
    shown = text.getvalue()
    assert (
        "sg-1 rule sgr-0.0.0.0/0-2000 allows 0.0.0.0/0 on 2000-3000 → acl-1 rule 100 allows it in → igw-1"
        in shown
    )
    assert "close it: aws ec2 revoke-security-group-ingress --region eu-central-1 --group-id sg-1" in shown
    assert "the whole internet (IPv4, IPv6)" in shown
    assert "PARTIAL: 1 could not be checked" in shown


def test_exit_statuses() -> None:
    finding = Finding("drift", Severity.LOW, "s", "m")
    assert exit_status([], []) is Exit.AS_INTENDED
    assert exit_status([finding], []) is Exit.FINDINGS
    assert exit_status([finding], [Unchecked("s", "r")]) is Exit.NOT_CHECKED


def test_the_worst_comes_first() -> None:
    findings = [Finding("drift", rank, "s", "m") for rank in reversed(Severity)]
    assert [each.severity for each in ranked(findings)] == list(Severity)


def test_a_report_does_not_grow_with_closed_ports() -> None:
    report = probed(*[Verdict.CLOSED] * 500, Verdict.MUTUAL_TLS)
    assert len(report.ports) == 65
    assert report.counts[Verdict.CLOSED] == 500


def test_a_listener_on_loopback_is_no_port_of_the_interface() -> None:
    for listens, ports in (("127.0.0.1", [2375, 2376]), ("0.0.0.0", [2375, 2376, 4243])):
        user_data = f"#!/bin/sh\ndockerd -H tcp://{listens}:4243\n".encode()
        (exposure,) = judge_region(region(user_data=user_data), AddressSet()).exposures
        assert [port.port for port in exposure.ports] == ports


def test_the_table_of_findings_is_the_list_of_checks() -> None:
    text = (ROOT / "docs" / "audit.md").read_text()
    rows = re.findall(r"^\| (critical|high|medium|low) \| `([\w-]+)` \| (.+) \| (.+) \| (.+) \|$", text, re.M)
    assert rows == [(str(c.severity), c.id, c.what, c.why, c.hint) for c in CHECKS.values()]


def test_every_verdict_is_documented() -> None:
    text = (ROOT / "docs" / "audit.md").read_text()
    assert [verdict for verdict in Verdict if f"`{verdict}`" not in text] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "examples" / "github-actions").glob("*.yml")), ids=lambda f: f.name
)
def test_workflows(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow[True], "YAML reads `on` as true"
    assert workflow["permissions"]["id-token"] == "write"
    (job,) = workflow["jobs"].values()
    (command,) = [step["run"].split() for step in job["steps"] if "aws-docker audit" in step.get("run", "")]
    options = {word for word in command if word.startswith("--")}
    shown = subprocess.run(
        [sys.executable, "-c", "from aws_docker.cli import main; main()", "audit", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [option for option in options if option not in shown.stdout] == []
    uses = {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}
    if "--sarif" in options:
        assert "github/codeql-action/upload-sarif" in uses
        assert workflow["permissions"]["security-events"] == "write"


# --- The commands --------------------------------------------------------------------------------------------------


def aws_docker(capture: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capture.readouterr()
    status: Any = 0
    with mock.patch.object(sys, "argv", ["aws-docker", *arguments]), contextlib.suppress(KeyError):
        try:
            main()
        except SystemExit as end:
            status = end.code
    out, err = capture.readouterr()
    return status or 0, out, err


def test_probe(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Server(servers.docker) as server:
        status, out, _ = aws_docker(capfd, "probe", server.target)
        assert status == 1
        assert "api-in-clear-text" in out
        assert "complete: 1 critical" in out
        status, out, err = aws_docker(capfd, "probe", server.target, "--json", "--sarif", str(tmp_path / "s"))
    assert (status, err) == (1, "")
    document = json.loads(out)
    assert (document["complete"], document["exit_status"]) == (True, 1)
    jsonschema.validate(document, SCHEMA)
    SarifLog.model_validate_json((tmp_path / "s").read_text())


def test_probe_as_intended(capfd: pytest.CaptureFixture[str], authorities: Authorities, bundle: Path) -> None:
    with Server(servers.docker, context(authorities.server, authorities.client_ca)) as server:
        status, out, err = aws_docker(capfd, "probe", server.target, "--bundle", str(bundle))
    assert status == 0
    assert "works" in out
    assert "PRIVATE KEY" not in out + err


def test_sarif_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = aws_docker(capfd, "probe", "127.0.0.1:1", "--sarif", "-")
    assert status == 0
    SarifLog.model_validate_json(out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            # On loopback: were the limit to fail, nothing would leave this machine.
            ["probe", "127.0.0.0/8"],
            "are more than a /16; probe at most 65,536, or say --yes-really",
        ),
        (["probe", "127.0.0.1/8"], "has host bits set"),
        (["probe", "nowhere.invalid"], "has no address; check the name, or write an address"),
        (["probe", "127.0.0.1:0"], "has the port '0'; write a port from 1 to 65535"),
        (["probe", "ssh://127.0.0.1"], "write an address, a network, a name, or tcp://ADDRESS:PORT"),
        (["probe", "127.0.0.1", "--ca", "/nowhere"], "/nowhere: No such file or directory"),
        (["audit", "--region", "x", "--all-regions"], "exclude each other"),
        (
            ["audit", "--trusted", "10.0.0"],
            "trusted: '10.0.0' is not a network; write one such as 10.0.5.0/24",
        ),
        (["audit", "--profile", "nobody-at-all"], "`aws configure list-profiles` names those there are"),
        (["verify", "--stack", "s", "--cwd", "/nowhere"], "pulumi"),
    ],
)
def test_what_cannot_be_checked_ends_with_2(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    status, out, err = aws_docker(capfd, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("aws-docker: ")
    assert err.count("\n") == 1
    assert says in err
