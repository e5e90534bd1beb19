"""A whole stack, put together: machine, interfaces, groups, rules and prefix lists, wherever they were made."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aws_docker.host import userdata
from aws_docker.policy import docker_host_exposure
from aws_docker.policy.testing import UNKNOWN, Outcome, Resource, analyze_stack
from tests.policy.corpus import GROUP, RULE, VPC_RULE, inline, rule, vpc_rule

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
PLAIN = "#!/bin/sh\nyum install -y docker\ndockerd -H tcp://10.0.0.5:9999\n"
MTLS = (
    "#!/bin/sh\nyum install -y docker\n"
    "dockerd -H tcp://10.0.0.5:12376 --tlsverify --tlscacert /a --tlscert /b --tlskey /c\n"
)
TRUST = {"trustedCidrs": ["10.0.5.0/24"]}
WORLD = {"cidrBlocks": ["0.0.0.0/0"]}


def _group(name: str, **properties: Any) -> Resource:
    return Resource(GROUP, name, {"id": UNKNOWN, **properties})


def _on(port: int, **sources: Any) -> dict[str, Any]:
    return inline(fromPort=port, toPort=port, **sources)


def _instance(
    document: str = PLAIN, depends: Mapping[str, Sequence[str]] | None = None, **properties: Any
) -> Resource:
    return Resource(INSTANCE, "host", {"userData": document, **properties}, depends or {})


def _said(*resources: Resource, **config: Any) -> Outcome:
    return analyze_stack(docker_host_exposure, resources, config=config)


BY_GROUP = {"vpcSecurityGroupIds": ["group"]}


def test_a_listener_on_any_port_and_an_inline_rule_make_an_exposure() -> None:
    outcome = _said(
        _instance(depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN]), _group("group", **_on(9999, **WORLD))
    )
    (violation,) = outcome.at("mandatory")
    assert violation.urn.endswith("::host")
    for word in ("9999", "unauthenticated", "group", "0.0.0.0/0"):
        assert word in violation.message


@pytest.mark.parametrize(
    "made",
    [
        Resource(
            VPC_RULE,
            "rule",
            vpc_rule(fromPort=9000, toPort=10000, cidrIpv4="10.0.0.0/8", securityGroupId=UNKNOWN),
            {"securityGroupId": ["group"]},
        ),
        Resource(
            RULE,
            "rule",
            rule(fromPort=9999, toPort=9999, securityGroupId=UNKNOWN, **WORLD),
            {"securityGroupId": ["group"]},
        ),
        Resource(
            "aws-native:ec2:SecurityGroupIngress",
            "rule",
            {"groupId": UNKNOWN, "ipProtocol": "-1", "cidrIp": "0.0.0.0/0"},
            {"groupId": ["group"]},
        ),
    ],
    ids=["vpc", "classic", "native"],
)
def test_a_rule_of_its_own_counts(made: Resource) -> None:
    outcome = _said(_instance(depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN]), _group("group"), made)
    assert outcome.at("mandatory"), outcome.text
    assert "rule" in outcome.text


def test_resources_are_joined_by_id_where_ids_are_known() -> None:
    group = Resource(GROUP, "group", {"id": "sg-7"})
    made = Resource(
        VPC_RULE, "rule", vpc_rule(securityGroupId="sg-7", fromPort=9999, toPort=9999, cidrIpv4="0.0.0.0/0")
    )
    assert _said(_instance(vpcSecurityGroupIds=["sg-7"]), group, made).at("mandatory")
    other = Resource(
        VPC_RULE, "rule", vpc_rule(securityGroupId="sg-8", fromPort=9999, toPort=9999, cidrIpv4="0.0.0.0/0")
    )
    assert not _said(_instance(vpcSecurityGroupIds=["sg-7"]), group, other).at("mandatory")


def test_groups_of_interfaces_count() -> None:
    group = _group("group", **_on(9999, **WORLD))
    interface = Resource(INTERFACE, "nic", {"securityGroups": [UNKNOWN]}, {"securityGroups": ["group"]})
    for depends, properties in (
        (
            {"networkInterfaces": ["nic"]},
            {"networkInterfaces": [{"deviceIndex": 0, "networkInterfaceId": UNKNOWN}]},
        ),
        ({"primaryNetworkInterface": ["nic"]}, {"primaryNetworkInterface": {"networkInterfaceId": UNKNOWN}}),
    ):
        assert _said(_instance(depends=depends, **properties), interface, group).at("mandatory")
    attached = Resource(
        "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment",
        "attachment",
        {"instanceId": UNKNOWN, "networkInterfaceId": UNKNOWN},
        {"instanceId": ["host"], "networkInterfaceId": ["nic"]},
    )
    assert _said(_instance(), interface, attached, group).at("mandatory")
    later = Resource(
        "aws:ec2/networkInterfaceSecurityGroupAttachment:NetworkInterfaceSecurityGroupAttachment",
        "attachment",
        {"networkInterfaceId": UNKNOWN, "securityGroupId": UNKNOWN},
        {"networkInterfaceId": ["host"], "securityGroupId": ["group"]},
    )
    assert _said(_instance(), later, group).at("mandatory")


def test_a_launch_template_counts_for_itself_and_for_its_instances() -> None:
    group = _group("group", **_on(9999, **WORLD))
    template = Resource(
        TEMPLATE,
        "template",
        {"userData": PLAIN, "vpcSecurityGroupIds": [UNKNOWN]},
        {"vpcSecurityGroupIds": ["group"]},
    )
    instance = Resource(
        INSTANCE, "host", {"launchTemplate": {"id": UNKNOWN}}, {"launchTemplate": ["template"]}
    )
    urns = {each.urn.rsplit("::", 1)[-1] for each in _said(template, instance, group).at("mandatory")}
    assert urns == {"template", "host"}
    inside = Resource(
        TEMPLATE,
        "template",
        {"userData": PLAIN, "networkInterfaces": [{"securityGroups": [UNKNOWN]}]},
        {"networkInterfaces": ["group"]},
    )
    assert _said(inside, group).at("mandatory")


def test_without_groups_the_default_group_counts() -> None:
    default = Resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default", _on(9999, **WORLD))
    assert _said(_instance(), default).at("mandatory")


def test_mutual_tls_is_for_trusted_sources_on_whatever_port() -> None:
    host = _instance(MTLS, depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN])
    trusted = _group("group", **_on(12376, cidrBlocks=["10.0.5.0/25"]))
    assert _said(host, trusted, **TRUST).violations == ()
    wider = _group("group", **_on(12376, cidrBlocks=["10.0.4.0/23"]))
    assert _said(host, wider, **TRUST).at("mandatory")


@pytest.mark.parametrize(
    "document",
    [
        "#!/bin/sh\nyum install -y docker\nsystemctl start docker\n",
        "#!/bin/sh\nyum install -y docker\ndockerd -H tcp://127.0.0.1:9999\n",
        "#!/bin/sh\nyum install -y docker\ndockerd -H tcp://127.0.0.1:9999 --tlsverify --tlscacert /a --tlscert /b "
        "--tlskey /c\n",
        "#!/bin/sh\n# dockerd -H tcp://10.0.0.5:9999\nyum install -y nginx\n",
    ],
)
def test_a_machine_that_serves_nobody_else_passes(document: str) -> None:
    host = _instance(document, depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN])
    assert _said(host, _group("group", **_on(9999, **WORLD))).violations == ()


def test_ports_that_our_own_host_publishes_pass() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    told = userdata.configuration_document(
        daemon={},
        listen=["10.0.0.5"],
        trusted=["10.0.5.0/24"],
        server_key="stands elsewhere",
        server_certificate=pem,
        client_authorities=[pem],
        published=["8080", "32768-60999"],
    )
    rules = [
        Resource(
            VPC_RULE,
            f"from-{first}",
            vpc_rule(fromPort=first, toPort=last, cidrIpv4="10.0.5.0/24", securityGroupId=UNKNOWN),
            {"securityGroupId": ["group"]},
        )
        for first, last in ((2376, 2376), (8080, 8080), (32768, 60999))
    ]
    host = _instance(
        userdata.user_data("debian-13", document=told), depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN]
    )
    assert _said(host, _group("group"), *rules, **TRUST).violations == ()


def test_another_group_another_port_and_udp_pass() -> None:
    host = _instance(depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN])
    assert _said(host, _group("group"), _group("other", **_on(9999, **WORLD))).violations == ()
    assert _said(host, _group("group", **_on(9998, **WORLD))).violations == ()
    assert (
        _said(host, _group("group", **inline(protocol="udp", fromPort=9999, toPort=9999, **WORLD))).violations
        == ()
    )


def test_a_group_made_elsewhere_is_said_and_not_passed_over() -> None:
    outcome = _said(_instance(vpcSecurityGroupIds=["sg-elsewhere"]))
    assert [each.level for each in outcome.violations] == ["advisory"]
    assert "sg-elsewhere" in outcome.text
    assert _said(_instance(vpcSecurityGroupIds=["sg-elsewhere"]), notYetKnown="mandatory").at("mandatory")


def _by_list(entries: list[Any], **config: Any) -> Outcome:
    made = Resource("aws:ec2/managedPrefixList:ManagedPrefixList", "list", {"entries": entries})
    group = Resource(GROUP, "group", _on(2376, prefixListIds=[UNKNOWN]), {"ingress": ["list"]})
    return _said(made, group, **config)


def test_prefix_lists_of_the_stack_are_read() -> None:
    outside = [{"cidr": "10.0.5.0/24"}, {"cidr": "192.168.0.0/16"}]
    assert "192.168.0.0/16" in _by_list(outside, **TRUST).text
    assert _by_list([{"cidr": "10.0.5.0/24"}], **TRUST).violations == ()
    halves = [{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}]
    outcome = _by_list(halves, trustedPrefixListIds=["pl-1"])
    assert "public IPv4 addresses" in outcome.text


def test_entries_that_are_resources_of_their_own_are_read() -> None:
    made = Resource("aws:ec2/managedPrefixList:ManagedPrefixList", "list", {"id": "pl-1"})
    entry = Resource(
        "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
        "entry",
        {"prefixListId": "pl-1", "cidr": "0.0.0.0/0"},
    )
    opened = Resource(VPC_RULE, "rule", vpc_rule(fromPort=2376, toPort=2376, prefixListId="pl-1"))
    assert "0.0.0.0/0" in _said(made, entry, opened, trustedPrefixListIds=["pl-1"]).text


def test_an_exempted_machine_passes_and_others_do_not() -> None:
    group = _group("group", **_on(9999, **WORLD))
    host = _instance(depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN])
    second = Resource(INSTANCE, "second", host.properties, host.depends)
    config = {"exemptions": [{"urn": "*::host", "reason": "test", "expires": "2999-01-01"}]}
    assert {each.urn.rsplit("::", 1)[-1] for each in _said(group, host, second, **config).violations} == {
        "second"
    }


def test_one_malformed_resource_hides_no_other() -> None:
    group = _group("group", **_on(9999, **WORLD))
    host = _instance(depends=BY_GROUP, vpcSecurityGroupIds=[UNKNOWN])
    broken = [
        Resource(
            "aws:ec2/managedPrefixList:ManagedPrefixList", "a", {"entries": ["x", 7, {"cidr": UNKNOWN}]}
        ),
        Resource(GROUP, "b", {"ingress": "x"}),
        Resource(INSTANCE, "c", {"userData": 7, "networkInterfaces": "x", "launchTemplate": []}),
        Resource(TEMPLATE, "d", {"userData": PLAIN, "networkInterfaces": ["x", UNKNOWN]}),
        Resource("aws:s3/bucket:Bucket", "e", {"id": 7}),
    ]
    assert any("::host" in each.urn for each in _said(*broken, host, group).at("mandatory"))


def _target(port: float | None, group_port: float = 80) -> list[Resource]:
    given = {"targetGroupArn": UNKNOWN, "targetId": UNKNOWN, **({} if port is None else {"port": port})}
    return [
        Resource("aws:lb/targetGroup:TargetGroup", "targets", {"port": group_port, "protocol": "TCP"}),
        Resource(
            "aws:lb/targetGroupAttachment:TargetGroupAttachment",
            "target",
            given,
            {"targetGroupArn": ["targets"], "targetId": ["host"]},
        ),
    ]


@pytest.mark.parametrize(("port", "group_port"), [(9999, 80), (None, 9999)])
def test_a_load_balancer_in_front_of_a_listener_is_found_on_any_port(
    port: float | None, group_port: float
) -> None:
    (violation,) = _said(_instance(), *_target(port, group_port)).at("mandatory")
    assert violation.urn.endswith("::target")
    assert "TCP 9999 of host" in violation.message


def test_a_load_balancer_in_front_of_another_port_or_machine_passes() -> None:
    assert not _said(_instance(), *_target(9998)).at("mandatory")
    other = Resource(INSTANCE, "other", {"userData": "#!/bin/sh\nyum install -y nginx\n"})
    targets = _target(9999)
    attachment = Resource(
        targets[1].type, "target", targets[1].properties, {**targets[1].depends, "targetId": ["other"]}
    )
    assert not _said(_instance(), other, targets[0], attachment).at("mandatory")


def _endpoint_service(port: float, target_port: float) -> list[Resource]:
    return [
        Resource("aws:lb/loadBalancer:LoadBalancer", "nlb", {"loadBalancerType": "network"}),
        Resource("aws:lb/targetGroup:TargetGroup", "targets", {"port": target_port, "protocol": "TCP"}),
        Resource(
            "aws:lb/listener:Listener",
            "listener",
            {"loadBalancerArn": UNKNOWN, "port": port, "protocol": "TCP", "defaultActions": [UNKNOWN]},
            {"loadBalancerArn": ["nlb"], "defaultActions": ["targets"]},
        ),
        Resource(
            "aws:ec2/vpcEndpointService:VpcEndpointService",
            "service",
            {"acceptanceRequired": False, "networkLoadBalancerArns": [UNKNOWN]},
            {"networkLoadBalancerArns": ["nlb"]},
        ),
    ]


@pytest.mark.parametrize(("port", "target_port"), [(2376, 80), (443, 2375)])
def test_an_endpoint_service_in_front_of_dockers_ports_is_found(port: float, target_port: float) -> None:
    (violation,) = _said(*_endpoint_service(port, target_port)).at("mandatory")
    assert violation.urn.endswith("::service")
    assert "to other networks and accounts" in violation.message


def test_an_endpoint_service_in_front_of_something_else_passes() -> None:
    assert _said(*_endpoint_service(443, 8443)).violations == ()


_DOCUMENT = """
schemaVersion: '2.2'
parameters:
  Address: {type: String, default: 'unix:///var/run/docker.sock'}
mainSteps:
- action: aws:runShellScript
  name: start
  inputs:
    runCommand: ['dockerd -H {{ Address }} &']
"""


def _association(address: str) -> list[Resource]:
    return [
        Resource(
            "aws:ssm/document:Document",
            "document",
            {"documentType": "Command", "documentFormat": "YAML", "content": _DOCUMENT},
        ),
        Resource(
            "aws:ssm/association:Association",
            "association",
            {"name": UNKNOWN, "parameters": {"Address": address}},
            {"name": ["document"]},
        ),
    ]


def test_a_document_of_the_stack_is_judged_with_the_parameters_that_are_sent_to_it() -> None:
    (violation,) = _said(*_association("tcp://0.0.0.0:2375")).at("mandatory")
    assert violation.urn.endswith("::association")
    assert "document, with these parameters: the Docker API is served on TCP port 2375" in violation.message
    assert _said(*_association("unix:///run/docker.sock")).violations == ()
