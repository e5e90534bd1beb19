"""The audit against the embedded cloud: what it asks, what it makes of the answers, and of those it does not get."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from rich.console import Console

from aws_docker.audit import aws, fetching
from aws_docker.audit.auditing import audit
from aws_docker.audit.exposures import Level
from aws_docker.audit.findings import Exit, StepKind, lines
from aws_docker.audit.report import show, to_json
from aws_docker.audit.results import AuditReport
from aws_docker.core.checks import Severity
from aws_docker.core.errors import InvalidInput
from lab.engine.cloud import Cloud
from tests.conftest import ROOT

from .test_report import SCHEMA

OPEN = "#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n"


@pytest.fixture(autouse=True)
def environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_REGION", cloud.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", cloud.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", cloud.secret_key)


@dataclass
class Place:
    """A VPC with an internet gateway and one subnet, in any region."""

    ec2: Any
    vpc: str
    subnet: str
    gateway: str
    image: str

    @classmethod
    def make(cls, ec2: Any, network: str = "10.20.0.0/16") -> "Place":
        vpc = ec2.create_vpc(CidrBlock=network)["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=network.replace("/16", "/24"))["Subnet"]["SubnetId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
        )
        image = ec2.register_image(Name=f"i-{vpc}", RootDeviceName="/dev/xvda")["ImageId"]
        return cls(ec2, vpc, subnet, gateway, image)

    def group(self, *permissions: dict[str, Any]) -> str:
        name = f"g{len(self.ec2.describe_security_groups()['SecurityGroups'])}"
        group = self.ec2.create_security_group(GroupName=name, Description="d", VpcId=self.vpc)["GroupId"]
        if permissions:
            self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions))
        return group

    def instance(self, group: str, user_data: str = "", public: bool = True) -> str:
        started = self.ec2.run_instances(
            ImageId=self.image,
            MinCount=1,
            MaxCount=1,
            UserData=user_data,
            NetworkInterfaces=[
                {
                    "DeviceIndex": 0,
                    "SubnetId": self.subnet,
                    "Groups": [group],
                    "AssociatePublicIpAddress": public,
                }
            ],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "build"}]}],
        )
        return started["Instances"][0]["InstanceId"]


def tcp(first: int, last: int | None = None, **sources: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last or first, **sources}


WORLD = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def place(cloud: Cloud) -> Iterator[Place]:
    made = Place.make(cloud.client("ec2"))
    yield made
    ids = [
        each["InstanceId"]
        for reservation in made.ec2.describe_instances()["Reservations"]
        for each in reservation["Instances"]
    ]
    if ids:
        made.ec2.terminate_instances(InstanceIds=ids)


def session() -> Any:
    return boto3.Session(region_name="eu-central-1")


def only(report: AuditReport) -> Any:
    (finding,) = report.findings
    return finding


def test_open_to_the_internet_without_tls(place: Place) -> None:
    group = place.group(tcp(2000, 2375, **WORLD))
    instance = place.instance(group, OPEN)
    report = audit(session())
    finding = only(report)
    assert (finding.kind, finding.severity) == ("open-to-the-internet-without-tls", Severity.CRITICAL)
    assert report.status is Exit.FINDINGS
    interface = report.exposures[0].interface
    assert finding.subject == f"arn:aws:ec2:eu-central-1:123456789012:network-interface/{interface.id}"
    assert finding.message.startswith(
        f"The internet reaches TCP 2375 of build ({instance}, {interface.id}), where user-data"
    )
    rule = place.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    (sgr,) = [each["SecurityGroupRuleId"] for each in rule["SecurityGroupRules"] if not each["IsEgress"]]
    (public,) = interface.public
    assert re.fullmatch(
        rf"{group} rule {sgr} allows 0\.0\.0\.0/0 on 2000-2375 → acl-\w+ rule 100 allows it in → "
        rf"{place.gateway} leads to {re.escape(public)}",
        next(lines(finding)),
    )
    assert [(step.kind, step.id, step.of) for path in finding.paths for step in path][::2] == [
        (StepKind.RULE, sgr, group),
        (StepKind.ROUTE, place.gateway, ""),
    ]
    assert "tcp://0.0.0.0:2375: nothing asks for TLS" in list(lines(finding))[1]
    assert tuple(each.hint for each in finding.close) == (
        f"aws ec2 revoke-security-group-ingress --region eu-central-1 --group-id {group} "
        f"--security-group-rule-ids {sgr}",
    )


def test_the_command_closes_it(place: Place) -> None:
    group = place.group(tcp(2375, **WORLD), tcp(2376, **WORLD))
    place.instance(group)
    words = [each.hint.split() for finding in audit(session()).findings for each in finding.close]
    for command in words:
        options = dict(zip(command[3::2], command[4::2], strict=True))
        place.ec2.revoke_security_group_ingress(
            GroupId=options["--group-id"], SecurityGroupRuleIds=[options["--security-group-rule-ids"]]
        )
    assert len(words) == 2
    assert audit(session()).status is Exit.AS_INTENDED


def test_ranks(place: Place) -> None:
    place.instance(place.group(tcp(2376, **WORLD)))
    place.instance(place.group(tcp(2376, IpRanges=[{"CidrIp": "10.20.0.0/24"}, {"CidrIp": "10.99.0.0/24"}])))
    place.instance(place.group(), OPEN)
    ranks = [(finding.kind, finding.severity) for finding in audit(session()).findings]
    assert ranks == [
        ("open-to-the-internet", Severity.HIGH),
        ("open-wider-than-trusted", Severity.MEDIUM),
        ("listener-without-tls", Severity.LOW),
    ]


def test_trusted_sources_are_no_finding(place: Place) -> None:
    place.instance(place.group(tcp(2376, IpRanges=[{"CidrIp": "10.20.0.0/25"}])))
    trusted = audit(session(), trusted=["10.20.0.0/24"])
    assert trusted.status is Exit.AS_INTENDED
    assert trusted.exposures[0].level is Level.TRUSTED
    # Half of it is not enough.
    assert audit(session(), trusted=["10.20.0.0/26"]).status is Exit.FINDINGS


def test_a_trusted_network_may_be_named_that_is_the_internet(place: Place) -> None:
    place.instance(place.group(tcp(2376, **WORLD)))
    report = audit(session(), trusted=["0.0.0.0/1", "128.0.0.0/1"])
    assert report.status is Exit.AS_INTENDED


def test_without_a_public_address_the_internet_is_out(place: Place) -> None:
    place.instance(place.group(tcp(2376, **WORLD)), public=False)
    assert only(audit(session())).kind == "open-wider-than-trusted"


def test_prefix_lists_and_groups(place: Place) -> None:
    entries = [{"Cidr": "203.0.113.0/24"}]
    made = place.ec2.create_managed_prefix_list(
        PrefixListName="p", AddressFamily="IPv4", MaxEntries=5, Entries=entries
    )
    clients = place.group()
    client = place.instance(clients)
    place.instance(
        place.group(
            tcp(2376, PrefixListIds=[{"PrefixListId": made["PrefixList"]["PrefixListId"]}]),
            tcp(2376, UserIdGroupPairs=[{"GroupId": clients}]),
        )
    )
    report = audit(session())
    (host,) = [each for each in report.exposures if each.level is not Level.NONE]
    reservations = place.ec2.describe_instances(InstanceIds=[client])["Reservations"]
    address = reservations[0]["Instances"][0]["PrivateIpAddress"]
    port = next(port for port in host.ports if port.port == 2376)
    assert port.reach.addresses.cidrs() == (f"{address}/32", "203.0.113.0/24")


def test_a_listener_on_another_port(place: Place) -> None:
    place.instance(place.group(tcp(4243, **WORLD)), "#!/bin/sh\ndockerd -H tcp://0.0.0.0:4243\n")
    finding = only(audit(session()))
    assert (finding.kind, finding.message[:27]) == (
        "open-to-the-internet-without-tls",
        "The internet reaches TCP 42",
    )


def test_a_private_key_in_user_data_is_found_and_not_shown(place: Place) -> None:
    from lab.hosts import certs

    key = certs.authority("a").key_pem
    place.instance(place.group(), f"#!/bin/sh\ncat >/k <<'E'\n{key}\nE\n")
    report = audit(session())
    assert only(report).kind == "private-key-in-user-data"
    shown = to_json(report) + repr(report)
    assert key.splitlines()[1] not in shown


def test_terminated_instances_are_gone(place: Place) -> None:
    instance = place.instance(place.group(tcp(2375, **WORLD)))
    place.ec2.terminate_instances(InstanceIds=[instance])
    assert audit(session()).status is Exit.AS_INTENDED


def test_every_page_is_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PAGE", 5)
    group = place.group(tcp(2375, **WORLD))
    for _ in range(12):
        place.instance(group)
    calls = record(asking := session())
    report = audit(asking)
    assert len(report.exposures) == 12
    assert calls.count("ec2:DescribeInstances") >= 3


# --- What else starts Docker ---------------------------------------------------------------------------------------


PLAIN = {"name": "DOCKER_TLS_CERTDIR", "value": ""}


@pytest.fixture
def workloads(cloud: Cloud) -> Iterator[dict[str, str]]:
    """A document, two associations and a task definition, each with an open daemon."""
    ssm, ecs = cloud.client("ssm"), cloud.client("ecs")
    step = {"action": "aws:runShellScript", "name": "s", "inputs": {"runCommand": [OPEN.splitlines()[1]]}}
    content = json.dumps({"schemaVersion": "2.2", "description": "d", "mainSteps": [step]})
    ssm.create_document(Name="open-daemon", Content=content, DocumentType="Command", DocumentFormat="JSON")
    order = ssm.create_association(
        Name="AWS-RunShellScript",
        Parameters={"commands": [OPEN]},
        Targets=[{"Key": "tag:a", "Values": ["b"]}],
    )["AssociationDescription"]["AssociationId"]
    patching = ssm.create_association(Name="AWS-UpdateSSMAgent")["AssociationDescription"]["AssociationId"]
    task = ecs.register_task_definition(
        family="dind",
        networkMode="host",
        containerDefinitions=[
            {
                "name": "c",
                "image": "docker:27-dind",
                "memory": 512,
                "privileged": True,
                "environment": [PLAIN],
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.create_cluster(clusterName="c")
    yield {"order": order}
    ssm.delete_document(Name="open-daemon")
    for identity in (order, patching):
        ssm.delete_association(AssociationId=identity)
    ecs.deregister_task_definition(taskDefinition=task)
    ecs.delete_cluster(cluster="c")


@pytest.fixture
def older_revision_that_runs(place: Place, cloud: Cloud) -> Iterator[str]:
    """A revision of a task definition with an open daemon, of which a task runs, before a harmless one."""
    ecs = cloud.client("ecs")

    def register(image: str) -> str:
        container = {"name": "c", "image": image, "memory": 512, "environment": [PLAIN]}
        described = ecs.register_task_definition(
            family="old",
            networkMode="awsvpc",
            requiresCompatibilities=["EC2", "FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        return described["taskDefinition"]["taskDefinitionArn"]

    # Without names of its own, moto's interfaces can't be a task's.
    place.ec2.modify_vpc_attribute(VpcId=place.vpc, EnableDnsHostnames={"Value": True})
    network = {"awsvpcConfiguration": {"subnets": [place.subnet], "securityGroups": [place.group()]}}
    first, second = register("docker:27-dind"), register("nginx")
    ecs.create_cluster(clusterName="old")
    task = ""
    try:
        (started,) = ecs.run_task(
            cluster="old", taskDefinition=first, launchType="FARGATE", networkConfiguration=network
        )["tasks"]
        task = started["taskArn"]
        yield first
    finally:
        if task:
            ecs.stop_task(cluster="old", task=task)
        for revision in (first, second):
            ecs.deregister_task_definition(taskDefinition=revision)
        ecs.delete_cluster(cluster="old")


def test_an_older_revision_is_read_while_tasks_of_it_run(older_revision_that_runs: str) -> None:
    report = audit(session())
    finding = only(report)
    assert (finding.kind, finding.subject) == ("task-without-tls", older_revision_that_runs)
    assert ", of which 1 run, starts a Docker API" in finding.message


def test_documents_associations_and_task_definitions(place: Place, workloads: dict[str, str]) -> None:
    report = audit(session())
    assert report.unchecked == []
    assert [(finding.kind, finding.subject) for finding in report.findings] == [
        ("task-without-tls", "arn:aws:ecs:eu-central-1:123456789012:task-definition/dind"),
        ("document-without-tls", f"arn:aws:ssm:eu-central-1:123456789012:association/{workloads['order']}"),
        ("document-without-tls", "arn:aws:ssm:eu-central-1:123456789012:document/open-daemon"),
    ]
    console = Console(record=True, width=200)
    show(report, console)
    assert "read besides: 1 document, 2 associations, 1 task definition" in console.export_text()
    jsonschema.validate(json.loads(to_json(report)), SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("service", "operation", "subject"),
    [
        ("ssm", "ListDocuments", "documents of Systems Manager, account"),
        ("ssm", "ListAssociations", "documents of Systems Manager, account"),
        ("ssm", "GetDocument", "document open-daemon, account"),
        ("ssm", "DescribeAssociation", "association "),
        ("ecs", "ListTaskDefinitionFamilies", "task definitions of ECS, account"),
        ("ecs", "DescribeTaskDefinition", "task definition dind, account"),
        ("ecs", "ListClusters", "task definitions of ECS, account"),
        ("ecs", "ListTasks", "task definitions of ECS, account"),
    ],
)
def test_a_denied_call_about_workloads_is_never_nothing_found(
    place: Place, workloads: dict[str, str], service: str, operation: str, subject: str
) -> None:
    asking = session()
    deny(asking, operation, "AccessDeniedException", service)
    report = audit(asking)
    assert report.status is Exit.NOT_CHECKED
    # Moto lists families that have no active revision any more.
    denied = [each for each in report.unchecked if each.subject.startswith(subject)]
    assert denied
    assert "allow the actions that docs/audit.md lists" in denied[0].reason


# --- What it does not get ------------------------------------------------------------------------------------------


def record(asking: Any) -> list[str]:
    """Every call that a session's clients make from now on, as IAM names it."""
    calls: list[str] = []
    asking.events.register(
        "before-call", lambda model, **_: calls.append(f"{model.service_model.endpoint_prefix}:{model.name}")
    )
    return calls


def deny(asking: Any, operation: str, code: str = "UnauthorizedOperation", service: str = "ec2") -> None:
    def refuse(model: Any, **_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no, with secret-token"}}, model.name)

    asking.events.register(f"before-call.{service}.{operation}", refuse)


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupRules",
        "DescribeNetworkAcls",
        "DescribeRouteTables",
        "DescribeSubnets",
        "DescribeVpcPeeringConnections",
    ],
)
def test_a_denied_call_is_never_nothing_found(place: Place, operation: str) -> None:
    place.instance(place.group(tcp(2375, **WORLD)), OPEN)
    asking = session()
    deny(asking, operation)
    report = audit(asking)
    assert report.status is Exit.NOT_CHECKED
    (unchecked,) = report.unchecked
    assert unchecked.subject == "account 123456789012, region eu-central-1"
    assert "UnauthorizedOperation" in unchecked.reason
    assert "docs/audit.md" in unchecked.reason
    assert "secret-token" not in unchecked.reason


def test_denied_user_data_leaves_the_rest(place: Place) -> None:
    place.instance(place.group(tcp(2375, **WORLD)))
    asking = session()
    deny(asking, "DescribeInstanceAttribute")
    report = audit(asking)
    assert [finding.kind for finding in report.findings] == ["open-to-the-internet-without-tls"]
    assert report.status is Exit.NOT_CHECKED
    assert report.unchecked[0].subject.startswith("user-data of i-")


def test_denied_prefix_lists_are_unchecked(place: Place) -> None:
    made = place.ec2.create_managed_prefix_list(
        PrefixListName="p", AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "203.0.113.0/24"}]
    )
    identity = made["PrefixList"]["PrefixListId"]
    place.instance(place.group(tcp(2376, PrefixListIds=[{"PrefixListId": identity}])))
    asking = session()
    deny(asking, "GetManagedPrefixListEntries")
    report = audit(asking)
    assert report.status is Exit.NOT_CHECKED
    assert any(identity in each.reason for each in report.unchecked)


def test_one_denied_region_leaves_the_others(place: Place) -> None:
    place.instance(place.group(tcp(2375, **WORLD)))
    asking = session()

    def refuse(request: Any, **_: Any) -> Any:
        if "eu-west-1" in request.headers["Authorization"].decode():
            return answer(request, 403, "AuthFailure")
        return None

    asking.events.register("before-send.ec2", refuse)
    report = audit(asking, ["eu-central-1", "eu-west-1"])
    assert [finding.severity for finding in report.findings] == [Severity.CRITICAL]
    assert report.status is Exit.NOT_CHECKED
    assert {each.subject for each in report.unchecked} == {"account 123456789012, region eu-west-1"}
    assert report.scope == [("123456789012", "eu-central-1")]


class Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


SCP = (
    "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/audit/secret-token is not "
    "authorized to perform: ec2:DescribeInstances with an explicit deny in a service control policy"
)


def test_what_an_organisation_denies_is_told_from_a_missing_permission(place: Place) -> None:
    asking = session()

    def refuse(request: Any, **_: Any) -> Any:
        if "eu-west-1" in request.headers["Authorization"].decode():
            return answer(request, 403, "UnauthorizedOperation", SCP)
        return None

    asking.events.register("before-send.ec2", refuse)
    report = audit(asking, ["eu-central-1", "eu-west-1"])
    assert report.status is Exit.NOT_CHECKED
    for each in report.unchecked:
        assert "an organisation's service control policy denies it (UnauthorizedOperation)" in each.reason
        assert "name it with --skip-region" in each.reason
        assert "secret-token" not in each.reason
    skipping = audit(asking, ["eu-central-1", "eu-west-1"], skip_regions=["eu-west-1"])
    assert skipping.status is Exit.AS_INTENDED
    assert skipping.skipped == [("123456789012", "eu-west-1")]
    assert json.loads(to_json(skipping))["skipped"] == [{"account": "123456789012", "region": "eu-west-1"}]
    console = Console(record=True, width=200)
    show(skipping, console)
    assert "skipped, as --skip-region names them: eu-west-1" in console.export_text()


@pytest.mark.parametrize(
    ("skip", "says"),
    [(["eu-central-1"], "leaves no region to read"), (["everywhere"], "'everywhere' is no region")],
)
def test_what_cannot_be_skipped(place: Place, skip: list[str], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        audit(session(), ["eu-central-1"], skip_regions=skip)


def answer(request: Any, status: int, code: str, message: str = "m") -> AWSResponse:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    text = f"<Response><Errors>{error}</Errors></Response>"
    return AWSResponse(request.url, status, {}, Body(text.encode()))


def test_throttled_calls_are_made_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    place.instance(place.group(tcp(2375, **WORLD)))
    asking = session()
    refused: list[str] = []

    def throttle(request: Any, **_: Any) -> Any:
        if len(refused) < 3:
            refused.append(request.url)
            return answer(request, 503, "RequestLimitExceeded")
        return None

    asking.events.register("before-send.ec2.DescribeSubnets", throttle)
    assert audit(asking).status is Exit.FINDINGS
    assert len(refused) == 3


def test_throttled_for_good_is_unchecked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    asking = session()
    asking.events.register(
        "before-send.ec2.DescribeSubnets", lambda request, **_: answer(request, 503, "RequestLimitExceeded")
    )
    report = audit(asking)
    assert report.status is Exit.NOT_CHECKED
    assert "AWS throttles it (RequestLimitExceeded), after 8 attempts" in report.unchecked[0].reason


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(InvalidInput, match=r"credentials: .*aws sso login"):
        audit(session())


def test_an_unknown_profile() -> None:
    with pytest.raises(InvalidInput, match=r"profile: 'nobody' .*; `aws configure list-profiles`"):
        aws.open_session("nobody")


# --- Accounts and regions ------------------------------------------------------------------------------------------


def test_all_regions(place: Place, cloud: Cloud) -> None:
    place.instance(place.group(tcp(2375, **WORLD)))
    elsewhere = Place.make(boto3.client("ec2", region_name="us-west-2"))
    there = elsewhere.instance(elsewhere.group(tcp(2376, **WORLD)))
    report = audit(session(), all_regions=True)
    elsewhere.ec2.terminate_instances(InstanceIds=[there])
    assert len(report.scope) > 10
    assert {finding.subject.split(":")[3] for finding in report.findings} == {"eu-central-1", "us-west-2"}


def test_other_accounts_by_their_roles(cloud: Cloud) -> None:
    base = aws.identify(session())
    other = aws.assume(base, "222222222222", "aws-docker-audit")
    assert isinstance(other, aws.Account)
    there = Place.make(other.session.client("ec2"))
    instance = there.instance(there.group(tcp(2375, **WORLD)))
    report = audit(accounts=[base, other])
    there.ec2.terminate_instances(InstanceIds=[instance])
    assert [finding.subject.split(":")[4] for finding in report.findings] == ["222222222222"]
    assert "testing" not in repr(other)


def test_a_role_that_cannot_be_assumed() -> None:
    asking = session()

    def refuse(model: Any, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, model.name)

    asking.events.register("before-call.sts.AssumeRole", refuse)
    found = aws.assume(aws.identify(asking), "333333333333", "audit")
    assert not isinstance(found, aws.Account)
    assert found.subject == "account 333333333333"
    assert "arn:aws:iam::333333333333:role/audit cannot be assumed" in found.reason


def test_the_documented_policy_is_what_it_asks(
    place: Place, workloads: dict[str, str], older_revision_that_runs: str
) -> None:
    text = (ROOT / "docs" / "audit.md").read_text()
    (statement,) = json.loads(re.search(r"```json\n(\{\n  \"Version\".*?)```", text, re.S)[1])["Statement"]  # type: ignore[index]
    made = place.ec2.create_managed_prefix_list(
        PrefixListName="p", AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "203.0.113.0/24"}]
    )
    identity = made["PrefixList"]["PrefixListId"]
    place.instance(place.group(tcp(2376, PrefixListIds=[{"PrefixListId": identity}])))
    calls = record(asking := session())
    audit(asking, all_regions=True)
    # AWS lets everybody ask who they are.
    assert set(calls) - {"sts:GetCallerIdentity"} == set(statement["Action"])
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in statement["Action"])
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
