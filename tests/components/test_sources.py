"""Who may connect: one rule for each trusted source, in the security group and in what the host's firewall is told."""

import json
from typing import Any

import pulumi
import pytest

from aws_docker import DockerHost, DockerHostError

from .conftest import Stack, unknown

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "sg-0123456789abcdef0"
LIST = "pl-0123456789abcdef0"
SOURCE_INPUTS = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def sources(stack: Stack) -> dict[str, tuple[str, str]]:
    """The source of each ingress rule, by the rule's name."""
    found: dict[str, tuple[str, str]] = {}
    for name in stack.of_type(INGRESS):
        ((kind, value),) = [(each, stack[name][each]) for each in SOURCE_INPUTS if each in stack[name]]
        found[name] = (kind, value)
    return found


def trusted(stack: Stack) -> list[str]:
    return json.loads(stack["build-configuration"]["value"])["trusted"]


def host(args: dict[str, Any]) -> DockerHost:
    return DockerHost("build", args)  # type: ignore[arg-type]


# --- Rules ---------------------------------------------------------------------------------------------------------


def test_published_ports_are_open_to_each_source_and_to_nobody_else(stack: Stack) -> None:
    args = {"trusted_cidrs": ["10.0.5.0/24", "2001:db8:7::/48"], "trusted_security_group_ids": [GROUP]}
    stack.host(args)
    before = {name: dict(stack[name]) for name in stack.of_type(INGRESS)}
    told = json.loads(stack["build-configuration"]["value"])
    stack.host({**args, "published_ports": ["8080", "32768-60999"]})
    rules = {name: dict(stack[name]) for name in stack.of_type(INGRESS)}
    assert before.items() <= rules.items(), "what was there stays as it was"
    more = {name: rules[name] for name in rules.keys() - before.keys()}
    assert {name: (rule["fromPort"], rule["toPort"]) for name, rule in more.items()} == {
        f"build-published-{ports}-from-{source}": limits
        for source in ("10.0.5.0-24", "2001_db8_7__-48", GROUP)
        for ports, limits in (("8080", (8080, 8080)), ("32768-60999", (32768, 60999)))
    }
    for name, rule in more.items():
        docker = before["build-from-" + name.partition("-from-")[2]]
        who = ("cidrIpv4", "cidrIpv6", "referencedSecurityGroupId", "securityGroupId", "ipProtocol")
        assert [rule.get(key) for key in who] == [docker.get(key) for key in who]
    now = json.loads(stack["build-configuration"]["value"])
    assert now == {**told, "published": ["8080", "32768-60999"]}


def test_one_rule_for_each_source_to_2376_alone(stack: Stack) -> None:
    stack.host(
        {
            "trusted_cidrs": ["10.0.5.0/24", "203.0.113.7/32", "2001:db8:7::/48"],
            "trusted_prefix_list_ids": [LIST],
            "trusted_security_group_ids": [GROUP],
        }
    )
    assert sources(stack) == {
        "build-from-10.0.5.0-24": ("cidrIpv4", "10.0.5.0/24"),
        "build-from-203.0.113.7-32": ("cidrIpv4", "203.0.113.7/32"),
        "build-from-2001_db8_7__-48": ("cidrIpv6", "2001:db8:7::/48"),
        f"build-from-{LIST}": ("prefixListId", LIST),
        f"build-from-{GROUP}": ("referencedSecurityGroupId", GROUP),
    }
    for name in stack.of_type(INGRESS):
        rule = stack[name]
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 2376, 2376)
        assert rule["securityGroupId"] == "build-security-group-id"


def test_rules_are_named_by_their_source_so_that_another_source_renames_none(stack: Stack) -> None:
    before = ["10.0.5.0/24", "10.0.7.0/24"]
    kept = set(sources(stack.host({"trusted_cidrs": before})).items())
    after = set(sources(Stack().host({"trusted_cidrs": ["10.0.4.0/24", *before]})).items())
    assert kept < after


def test_sources_that_are_not_known_yet_are_numbered_and_rename_no_known_one(stack: Stack) -> None:
    stack.run(lambda: host({"trusted_cidrs": [pulumi.Output.from_input("10.0.4.0/24"), "10.0.5.0/24"]}))
    assert sources(stack) == {
        "build-from-source-0": ("cidrIpv4", "10.0.4.0/24"),
        "build-from-10.0.5.0-24": ("cidrIpv4", "10.0.5.0/24"),
    }
    assert trusted(stack) == ["10.0.4.0/24", "10.0.5.0/24"]


def test_a_list_that_is_an_output_becomes_rules_named_by_their_source(stack: Stack) -> None:
    stack.run(lambda: host({"trusted_cidrs": pulumi.Output.from_input(["10.0.5.0/24", "2001:db8:7::/48"])}))
    assert sources(stack) == {
        "build-from-10.0.5.0-24": ("cidrIpv4", "10.0.5.0/24"),
        "build-from-2001_db8_7__-48": ("cidrIpv6", "2001:db8:7::/48"),
    }
    assert stack.outputs()["endpoint"] == "tcp://172.31.5.10:2376"


def test_a_list_that_is_not_known_yet_makes_no_rule_in_the_preview(stack: Stack) -> None:
    stack.preview = True
    stack.run(lambda: host({"trusted_cidrs": unknown()}))
    assert sources(stack) == {}
    assert "build-server-certificate" in stack.resources


@pytest.mark.parametrize("argument", ["trusted_prefix_list_ids", "trusted_security_group_ids"])
def test_ids_may_be_outputs(stack: Stack, argument: str) -> None:
    value = LIST if "prefix" in argument else GROUP
    stack.run(lambda: host({argument: [pulumi.Output.from_input(value)]}))
    ((name, (_, source)),) = sources(stack).items()
    assert source == value
    assert name in ("build-from-prefix-list-0", "build-from-group-0")


# --- The caller's own groups and lists -------------------------------------------------------------------------------


def test_a_callers_group_is_named_and_never_edited(stack: Stack) -> None:
    stack.host({"trusted_security_group_ids": [GROUP]})
    for name, resource in stack.resources.items():
        assert resource.inputs.get("securityGroupId") != GROUP, name
        assert GROUP not in resource.inputs.get("securityGroups", []), name
    mentions = {name for name, resource in stack.resources.items() if GROUP in json.dumps(resource.inputs)}
    assert mentions == {f"build-from-{GROUP}"}


def test_a_groups_members_are_admitted_as_the_vpcs_networks_on_the_host(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["10.0.5.0/24"], "trusted_security_group_ids": [GROUP]})
    assert trusted(stack) == ["10.0.5.0/24", "172.31.0.0/16"]
    assert not [s for _, s in sources(stack).values() if s == "172.31.0.0/16"], "the group itself is narrower"


def test_a_prefix_lists_entries_are_admitted_on_the_host(stack: Stack) -> None:
    stack.cloud.prefix_list = ["198.51.100.0/24", "192.0.2.0/25"]
    stack.host({"trusted_prefix_list_ids": [LIST]})
    assert trusted(stack) == ["198.51.100.0/24", "192.0.2.0/25"]
    assert sources(stack) == {f"build-from-{LIST}": ("prefixListId", LIST)}


def test_a_prefix_list_that_holds_everything_admits_nobody(stack: Stack) -> None:
    stack.cloud.prefix_list = ["0.0.0.0/0"]
    stack.cloud.prefix_list_seconds = 0.5  # long enough for a rule that did not wait
    with pytest.raises(DockerHostError, match=r"trusted_prefix_list_ids: '0\.0\.0\.0/0' holds"):
        stack.host({"trusted_prefix_list_ids": [LIST]})
    assert sources(stack) == {}
    assert "build-instance" not in stack.resources


def test_an_empty_prefix_list_leaves_the_host_local(stack: Stack) -> None:
    stack.cloud.prefix_list = []
    stack.host({"trusted_prefix_list_ids": [LIST]})
    assert json.loads(stack["build-configuration"]["value"])["listen"] == []


def test_a_source_named_in_two_ways_is_told_to_the_host_once(stack: Stack) -> None:
    stack.cloud.prefix_list = ["10.0.5.0/24"]
    stack.host({"trusted_cidrs": ["10.0.5.0/24"], "trusted_prefix_list_ids": [LIST]})
    assert trusted(stack) == ["10.0.5.0/24"]


# --- The group -------------------------------------------------------------------------------------------------------


def test_the_group_has_no_rules_inline(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["10.0.5.0/24"]})
    group = stack["build-security-group"]
    assert group["vpcId"] == "vpc-0a1b2c3d"
    # Inline rules and rules of their own undo each other (pulumi-aws says so); "name" is left to Pulumi.
    assert not {"ingress", "egress", "name"} & set(group)


def egress(stack: Stack) -> set[tuple[Any, ...]]:
    return {
        tuple(stack[name].get(each) for each in ("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6"))
        for name in stack.of_type(EGRESS)
    }


def test_egress_is_the_ports_that_a_host_needs(stack: Stack) -> None:
    stack.host({})
    assert egress(stack) == {
        ("tcp", port, port, *family) for port in (443, 80) for family in (("0.0.0.0/0", None), (None, "::/0"))
    }


def test_egress_can_be_widened(stack: Stack) -> None:
    stack.host({"allow_all_egress": True})
    assert egress(stack) == {
        ("-1", None, None, "0.0.0.0/0", None),
        ("-1", None, None, None, "::/0"),
    }


def test_2375_stands_nowhere(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["10.0.5.0/24"], "assign_public_ip": True})
    for name, resource in stack.resources.items():
        if name != "build-instance":  # whose program drops 2375
            assert "2375" not in json.dumps(resource.inputs), name


# --- Outputs that turn out to be wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cidrs", "message"),
    [
        (["0.0.0.0/0"], r"trusted_cidrs: '0\.0\.0\.0/0' holds 4,\d+,\d+,\d+ public IPv4 addresses"),
        (["10.0.5.10/24"], r"trusted_cidrs: '10\.0\.5\.10/24' has host bits set; write '10\.0\.5\.0/24'"),
        (["0.0.0.0/1", "128.0.0.0/1"], r"trusted_cidrs: '0\.0\.0\.0/1, 128\.0\.0\.0/1' holds"),
        (["10.0.5.0/24", "10.0.5.0/24"], "is named twice"),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["an Output of a list", "a list of Outputs"])
def test_what_is_refused_is_refused_too_when_it_becomes_known_late(
    stack: Stack, cidrs: list[str], message: str, whole: bool
) -> None:
    value = pulumi.Output.from_input(cidrs) if whole else [pulumi.Output.from_input(each) for each in cidrs]
    with pytest.raises(DockerHostError, match=message):
        stack.run(lambda: host({"trusted_cidrs": value}))
    for name in ("build-interface", "build-configuration", "build-instance"):
        assert name not in stack.resources
    assert sources(stack) == {}


IPV6 = {"trusted_cidrs": ["2001:db8:7::/48"]}


def test_an_ipv6_address_that_comes_with_up_is_waited_for_in_the_preview(stack: Stack) -> None:
    stack.preview, stack.cloud.ipv6 = True, []
    stack.host(IPV6)
    assert {"build-server-certificate", "build-configuration", "build-instance"} <= set(stack.resources)
    assert isinstance(stack.outputs()["endpoint"], pulumi.output.Unknown)
    assert isinstance(stack["build-server-request"]["ipAddresses"], pulumi.output.Unknown)
    assert isinstance(stack["build-configuration"]["value"], pulumi.output.Unknown)


@pytest.mark.parametrize("cidrs", [IPV6["trusted_cidrs"], ["10.0.5.0/24", *IPV6["trusted_cidrs"]]])
def test_an_ipv6_address_that_never_came_is_refused_and_nothing_is_told_to_the_host(
    stack: Stack, cidrs: list[str]
) -> None:
    stack.cloud.ipv6 = []
    message = (
        r"^trusted_cidrs: '2001:db8:7::/48' needs an IPv6 address, .*; run `pulumi up --refresh` once more"
    )
    with pytest.raises(DockerHostError, match=message):
        stack.host({"trusted_cidrs": cidrs})
    for name in ("build-server-request", "build-configuration", "build-instance"):
        assert name not in stack.resources


def test_an_output_that_holds_no_network_is_refused(stack: Stack) -> None:
    with pytest.raises(
        DockerHostError, match=r"trusted_cidrs: '\[\]' is refused; an Output must hold at least"
    ):
        stack.run(lambda: host({"trusted_cidrs": pulumi.Output.from_input([])}))
    assert "build-instance" not in stack.resources


def test_a_subnet_of_another_vpc_is_refused(stack: Stack) -> None:
    with pytest.raises(DockerHostError, match="subnet_id: 'subnet-5' is refused; it lies in vpc-0a1b2c3d"):
        stack.host({"subnet_id": "subnet-5", "vpc_id": "vpc-9"})
    assert "build-security-group" not in stack.resources


def test_a_vpc_without_subnets_is_refused(stack: Stack) -> None:
    stack.cloud.subnets = []
    with pytest.raises(DockerHostError, match=r"subnet_id: 'none' is refused; vpc-9 has no subnet to choose"):
        stack.host({"vpc_id": "vpc-9"})
    assert "build-security-group" not in stack.resources
