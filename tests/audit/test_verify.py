"""A stack's intent beside the embedded cloud's configuration and the wire: what the state says, and drift by name."""

import dataclasses
import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from aws_docker.audit import aws
from aws_docker.audit.findings import Exit, lines
from aws_docker.audit.host_status import Expected, HostStatus, judge_status
from aws_docker.audit.intent import Intent, read_intents, status_drift
from aws_docker.audit.results import ProbeReport
from aws_docker.audit.targets import Endpoint
from aws_docker.audit.verdicts import PortJudgement, Verdict
from aws_docker.audit.verifying import verify
from aws_docker.core.checks import Severity
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .test_audit_cloud import OPEN, WORLD, Place, environment, place, tcp

__all__ = ["environment", "place"]

URN = "urn:pulumi:dev::demo::aws-docker:index:DockerHost"


def state(place: Place, instance: str, group: str, cidrs: list[str], **outputs: Any) -> dict[str, Any]:
    """A stack's state, such as `pulumi stack export` gives it."""
    host = f"{URN}::build"
    shown = {"endpoint": "tcp://10.20.0.4:2376", "private_ip": "10.20.0.4", **outputs}
    rules = [
        {
            "urn": f"{URN}$aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::build-{cidr}",
            "type": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "id": f"sgr-{at}",
            "parent": host,
            "inputs": {
                "securityGroupId": group,
                "ipProtocol": "tcp",
                "fromPort": 2376,
                "toPort": 2376,
                "cidrIpv6" if ":" in cidr else "cidrIpv4": cidr,
            },
        }
        for at, cidr in enumerate(cidrs)
    ]
    resources = [
        {"urn": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev", "type": "pulumi:pulumi:Stack"},
        {"urn": host, "type": "aws-docker:index:DockerHost", "outputs": shown},
        {
            "urn": f"{URN}$aws:ec2/instance:Instance::build-instance",
            "type": "aws:ec2/instance:Instance",
            "id": instance,
            "parent": host,
            "outputs": {
                "arn": f"arn:aws:ec2:eu-central-1:123456789012:instance/{instance}",
                "privateIp": "10.20.0.4",
            },
        },
        *rules,
    ]
    return {"version": 3, "deployment": {"resources": resources}}


def wire(
    here: str | None = "10.20.0.99", **verdicts: Verdict
) -> Callable[..., tuple[str | None, ProbeReport]]:
    """What a probe from `here` sees: mutual TLS and nothing else, unless said otherwise."""

    def look(address: str, bundle: Path | None) -> tuple[str | None, ProbeReport]:
        report = ProbeReport()
        for port, verdict in ((2375, Verdict.CLOSED), (2376, Verdict.MUTUAL_TLS)):
            report.add(
                PortJudgement(Endpoint(address, port, address), verdicts.get(f"p{port}", verdict), "so")
            )
        return here, report

    return look


def compare(document: dict[str, Any], look: Any) -> Any:
    return verify(aws.identify(boto3.Session(region_name="eu-central-1")), read_intents(document), {}, look)


CIDR = {"IpRanges": [{"CidrIp": "10.20.0.0/25"}]}


@pytest.fixture
def built(place: Place) -> tuple[Place, str, str]:
    group = place.group(tcp(2376, **CIDR))
    return place, place.instance(group), group


def test_as_intended(built: tuple[Place, str, str]) -> None:
    report = compare(state(*built, ["10.20.0.0/25"]), wire())
    assert (report.status, report.findings, report.unchecked) == (Exit.AS_INTENDED, (), [])
    assert report.hosts[0].intended.cidrs() == ("10.20.0.0/25",)


class TestATunnelAlone:
    """No rule, no source, nothing at the host's address: `endpoint` is the asking machine's own loopback."""

    ENDPOINT: ClassVar = {"endpoint": "tcp://127.0.0.1:2376", "public_ip": ""}

    @pytest.fixture
    def tunnelled(self, place: Place) -> tuple[Place, str, str]:
        group = place.group()
        return place, place.instance(group), group

    def test_as_intended(self, tunnelled: tuple[Place, str, str]) -> None:
        asked: list[str] = []

        def look(address: str, bundle: Path | None) -> tuple[str | None, ProbeReport]:
            asked.append(address)
            assert bundle is None
            return wire(p2375=Verdict.FILTERED, p2376=Verdict.FILTERED)(address, bundle)

        report = compare(state(*tunnelled, [], **self.ENDPOINT), look)
        assert (report.status, report.findings, report.unchecked) == (Exit.AS_INTENDED, (), [])
        assert asked == ["10.20.0.4"], "never this machine's own loopback"
        (intent,) = read_intents(state(*tunnelled, [], **self.ENDPOINT))
        assert (intent.remote, intent.tunnel) == (False, True)

    def test_what_answers_at_its_address_is_drift(self, tunnelled: tuple[Place, str, str]) -> None:
        report = compare(state(*tunnelled, [], **self.ENDPOINT), wire())
        (finding,) = report.findings
        assert finding.message == "build intends nothing at 10.20.0.4:2376, which answers: mutual-tls."

    def test_a_rule_added_by_hand_is_drift(self, tunnelled: tuple[Place, str, str]) -> None:
        place, _, group = tunnelled
        place.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(2376, **CIDR)])
        report = compare(state(*tunnelled, [], **self.ENDPOINT), wire(p2376=Verdict.FILTERED))
        (finding,) = report.findings
        assert finding.message.startswith("Wider than build intends: 10.20.0.0/30, ")


def test_a_rule_added_by_hand_is_named(built: tuple[Place, str, str]) -> None:
    place, _, group = built
    place.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(2000, 3000, **WORLD)])
    report = compare(state(*built, ["10.20.0.0/25"]), wire())
    worst = report.findings[0]
    assert (worst.kind, worst.severity) == ("drift", Severity.CRITICAL)
    assert worst.message.startswith("Wider than build intends: The internet reaches TCP 2375")
    assert "allows 0.0.0.0/0 on 2000-3000" in next(lines(worst))
    assert worst.close[0].hint.startswith("aws ec2 revoke-security-group-ingress")
    assert all("10.20.0.0/25" not in line for finding in report.findings for line in lines(finding))


def test_ports_that_are_published_to_the_same_sources_are_as_intended(built: tuple[Place, str, str]) -> None:
    place, _, group = built
    place.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(32768, 60999, **CIDR)])
    document = state(*built, ["10.20.0.0/25"])
    rule = document["deployment"]["resources"][-1]
    ports = {"fromPort": 32768, "toPort": 60999}
    document["deployment"]["resources"].append({**rule, "inputs": {**rule["inputs"], **ports}})
    report = compare(document, wire())
    assert (report.status, report.findings) == (Exit.AS_INTENDED, ())


def test_a_rule_taken_away_by_hand_is_named(built: tuple[Place, str, str]) -> None:
    place, _, group = built
    place.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(2376, **CIDR)])
    (finding,) = compare(state(*built, ["10.20.0.0/25"]), wire()).findings
    assert (finding.kind, finding.severity) == ("drift", Severity.LOW)
    assert "Narrower than build intends: 10.20.0.0/30" in finding.message


@pytest.mark.parametrize(
    ("days", "kind"), [(-1, "certificate-expired"), (59, "certificate-expiring"), (61, None)]
)
def test_certificates_about_to_expire_by_the_stacks_state(
    built: tuple[Place, str, str], days: int, kind: str | None
) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days)
    for text in (ends.isoformat(), ends.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")):
        document = state(*built, ["10.20.0.0/25"], certificates_expire_at=text)
        assert [each.kind for each in compare(document, wire()).findings] == ([kind] if kind else [])


def test_an_instance_that_is_gone(built: tuple[Place, str, str]) -> None:
    place, instance, _ = built
    place.ec2.terminate_instances(InstanceIds=[instance])
    report = compare(state(*built, ["10.20.0.0/25"]), wire(p2376=Verdict.FILTERED, here=None))
    assert [finding.severity for finding in report.findings] == [Severity.HIGH]
    assert "which is gone" in report.findings[0].message


@pytest.mark.parametrize(
    ("look", "rank", "says"),
    [
        (
            wire(p2376=Verdict.FILTERED),
            Severity.MEDIUM,
            "serve 10.20.0.99, from where 10.20.0.4:2376 is filtered",
        ),
        (
            wire(p2376=Verdict.NOT_DOCKER),
            Severity.HIGH,
            "intends mutual TLS at 10.20.0.4:2376, which is not-docker",
        ),
        (wire(p2375=Verdict.MUTUAL_TLS), Severity.HIGH, "intends nothing at 10.20.0.4:2375, which answers"),
    ],
)
def test_drift_on_the_wire(built: tuple[Place, str, str], look: Any, rank: Severity, says: str) -> None:
    (finding,) = compare(state(*built, ["10.20.0.0/25"]), look).findings
    assert (finding.kind, finding.severity) == ("drift", rank)
    assert says in finding.message


def test_filtered_from_elsewhere_is_as_intended(built: tuple[Place, str, str]) -> None:
    report = compare(state(*built, ["10.20.0.0/25"]), wire("192.0.2.9", p2376=Verdict.FILTERED))
    assert report.status is Exit.AS_INTENDED


def test_a_local_host_is_to_be_silent(place: Place) -> None:
    group = place.group()
    document = state(place, place.instance(group), group, [], endpoint=None)
    assert compare(document, wire(p2376=Verdict.FILTERED)).status is Exit.AS_INTENDED
    (finding,) = compare(document, wire()).findings
    assert "intends nothing at 10.20.0.4:2376" in finding.message


def test_what_user_data_became_is_found_too(place: Place) -> None:
    group = place.group(tcp(2376, **CIDR))
    report = compare(state(place, place.instance(group, OPEN), group, ["10.20.0.0/25"]), wire())
    assert [finding.kind for finding in report.findings] == ["listener-without-tls"]


def test_another_account_is_unchecked(built: tuple[Place, str, str]) -> None:
    text = json.dumps(state(*built, ["10.20.0.0/25"])).replace("123456789012", "999999999999")
    report = compare(json.loads(text), wire())
    assert report.status is Exit.NOT_CHECKED
    assert (
        "it is in account 999999999999, and the credentials are of 123456789012" in report.unchecked[0].reason
    )


HOST = Expected("build", "i-1", "eu-central-1", "build-status", frozenset(), "a" * 64)


def said(host: Expected = HOST, **fields: str) -> HostStatus:
    """A host's word, as it is read for `aws-docker status`."""
    ready = {"state": "ready", "document": HOST.digest, "refused": "", "instance": host.instance}
    return judge_status(host, json.dumps({"version": 1, "reason": "so", **ready, **fields}))


@pytest.mark.parametrize(
    ("status", "severity", "says"),
    [
        (
            said(state="stale", document="b" * 64, refused="a" * 64, reason="dockerd: bad mirror"),
            Severity.HIGH,
            "it refused the configuration: dockerd: bad mirror",
        ),
        (said(state="stale", document="b" * 64), Severity.HIGH, "stale: so"),
        (said(state="refused", document=""), Severity.MEDIUM, "refused: so"),
        (said(state="closed"), Severity.MEDIUM, "closed: so"),
        (said(document="b" * 64), Severity.MEDIUM, "ready with bbbbbbbbbbbb…, and aaaaaaaaaaaa… is intended"),
    ],
)
def test_a_host_that_has_something_else_in_force_is_drift(
    status: HostStatus, severity: Severity, says: str
) -> None:
    ((finding,), unchecked) = status_drift(status)
    assert (finding.kind, finding.severity, unchecked) == ("drift", severity, [])
    assert finding.message == f"build does not have in force what the stack intends: {says}."


def test_a_word_that_says_what_is_intended_is_no_drift() -> None:
    assert status_drift(said()) == ([], [])


def test_a_word_that_cannot_be_read_is_unchecked_and_one_that_is_not_written_is_not() -> None:
    _, (unchecked,) = status_drift(judge_status(HOST, None, "AccessDenied"))
    assert unchecked.reason == "AccessDenied."
    without = dataclasses.replace(HOST, parameter=None)
    assert status_drift(judge_status(without, None)) == ([], [])


def test_a_stale_host_is_found_beside_what_else_there_is(built: tuple[Place, str, str]) -> None:
    _, instance, _ = built
    host = dataclasses.replace(HOST, instance=instance)
    stale = said(host, state="stale", document="b" * 64)
    elsewhere = said(dataclasses.replace(HOST, instance="i-other"), state="closed")
    account = aws.identify(boto3.Session(region_name="eu-central-1"))
    intents = read_intents(state(*built, ["10.20.0.0/25"]))
    report = verify(account, intents, {}, wire(), statuses=[stale, elsewhere])
    assert report.status is Exit.FINDINGS
    assert [each.message.split(": ", 1)[1] for each in report.findings] == ["stale: so."]


def test_a_host_whose_first_run_ended_before_it_was_ready_is_to_be_served() -> None:
    place: Any = None
    document = state(place, "i-1", "sg-1", ["10.0.5.0/24"])
    document["deployment"]["resources"][1]["outputs"] = {}
    (intent,) = read_intents(document)
    assert (intent.remote, intent.address) == (True, "10.20.0.4")


def test_each_host_of_a_fleet_is_compared() -> None:
    place: Any = None
    document = state(place, "i-a", "sg-1", ["10.0.5.0/24"])
    text = (
        json.dumps(document)
        .replace("DockerHost", "DockerFleet")
        .replace("build-instance", "build-a-instance")
    )
    document = json.loads(text)
    resources = document["deployment"]["resources"]
    second = json.loads(json.dumps(resources[2]).replace("build-a-instance", "build-b-instance"))
    resources.append({**second, "id": "i-b"})
    resources[1]["outputs"] = {"endpoints": {"a": "tcp://10.20.0.4:2376", "b": "tcp://10.20.0.5:2376"}}
    found = [(each.name, each.instance, each.address, len(each.rules)) for each in read_intents(document)]
    assert found == [("build-a", "i-a", "10.20.0.4", 1), ("build-b", "i-b", "10.20.0.5", 1)]


def test_outputs_of_other_languages() -> None:
    place: Any = None
    document = state(place, "i-1", "sg-1", ["10.0.5.0/24"])
    host = document["deployment"]["resources"][1]
    host["outputs"] = {"endpoint": "tcp://[2001:db8::5]:2376", "privateIp": "10.20.0.4"}
    (intent,) = read_intents(document)
    assert (intent.name, intent.address, intent.remote, intent.region) == (
        "build",
        "2001:db8::5",
        True,
        "eu-central-1",
    )


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Iterator[Stack]:
    config = {"trustedCidrs": ["172.31.0.0/20"], "clients": ["alice"], "os": "debian-12"}
    with Stack(cloud, ROOT / "examples/quickstart", config, project="pulumi-aws-docker") as made:
        made.up().check()
        yield made
        made.destroy().check()


@pytest.mark.requires("pulumi")
def test_the_state_of_a_real_pulumi_up(cloud: Cloud, stack: Stack) -> None:
    document = stack.export()
    (intent,) = read_intents(document)
    assert isinstance(intent, Intent)
    assert intent.remote
    ours = [
        each
        for each in compare(document, wire()).findings
        if each.kind == "drift" and each.severity is not Severity.LOW
    ]
    assert ours == []
    # A rule added by hand, which the state does not know.
    cloud.client("ec2").authorize_security_group_ingress(
        GroupId=str(intent.rules[0]["GroupId"]),
        IpPermissions=[tcp(2376, IpRanges=[{"CidrIp": "172.31.0.0/17"}])],
    )
    drift = [each for each in compare(document, wire()).findings if each.kind == "drift"]
    assert [each.severity for each in drift] == [Severity.MEDIUM]
    assert "allows 172.31.0.0/17 on 2376" in next(lines(drift[0]))
