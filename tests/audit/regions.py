"""A region's facts made from few words, as DescribeX would have them; for tests of what follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_docker.audit.facts import (
    Instance,
    Interface,
    RegionFacts,
    read_acls,
    read_peerings,
    read_rules,
    read_tables,
)
from aws_docker.core.addresses import AddressSet

VPC, SUBNET, GROUP, ACL = "vpc-1", "subnet-1", "sg-1", "acl-1"
VPC_NETWORKS = ("10.0.0.0/16", "2001:db8:aa00::/56")
SUBNET_NETWORKS = ("10.0.1.0/24", "2001:db8:aa00:1::/64")
HOST = Interface(
    "eni-1", VPC, SUBNET, (GROUP,), ("10.0.1.10",), ("198.51.100.10",), ("2001:db8:aa00:1::10",), "i-1"
)
LOCAL = [
    {"DestinationCidrBlock": VPC_NETWORKS[0], "GatewayId": "local", "State": "active"},
    {"DestinationIpv6CidrBlock": VPC_NETWORKS[1], "GatewayId": "local", "State": "active"},
]


def rule(
    source: str, first: int = 2376, last: int | None = None, group: str = GROUP, **more: Any
) -> dict[str, Any]:
    """A security group's ingress rule for TCP, such as DescribeSecurityGroupRules returns."""
    sources: dict[str, Any] = {"CidrIpv6": source} if ":" in source else {"CidrIpv4": source}
    if source.startswith("sg-"):
        sources = {"ReferencedGroupInfo": {"GroupId": source, "UserId": "1"}}
    if source.startswith("pl-"):
        sources = {"PrefixListId": source}
    return {
        "SecurityGroupRuleId": f"sgr-{source}-{first}",
        "GroupId": group,
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": first,
        "ToPort": first if last is None else last,
        **sources,
        **more,
    }


def entry(
    number: int, cidr: str, allow: bool = True, egress: bool = False, ports: Sequence[int] = ()
) -> dict[str, Any]:
    """An entry of a network ACL, for TCP where it names ports."""
    return {
        "RuleNumber": number,
        "RuleAction": "allow" if allow else "deny",
        "Egress": egress,
        "Protocol": "6" if ports else "-1",
        **({"PortRange": {"From": ports[0], "To": ports[-1]}} if ports else {}),
        "Ipv6CidrBlock" if ":" in cidr else "CidrBlock": cidr,
    }


ALLOW_ALL = [
    entry(number, cidr, egress=egress)
    for egress in (False, True)
    for number, cidr in ((100, "0.0.0.0/0"), (101, "::/0"))
]


def route(destination: str, target: str, state: str = "active") -> dict[str, Any]:
    """A route, such as DescribeRouteTables returns."""
    kinds = {
        "pcx": "VpcPeeringConnectionId",
        "tgw": "TransitGatewayId",
        "nat": "NatGatewayId",
        "eni": "NetworkInterfaceId",
    }
    name = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    name = "DestinationPrefixListId" if destination.startswith("pl-") else name
    kind = (
        "EgressOnlyInternetGatewayId"
        if target.startswith("eigw")
        else kinds.get(target.partition("-")[0], "GatewayId")
    )
    return {name: destination, kind: target, "State": state}


def region(
    rules: Iterable[Mapping[str, Any]] = (),
    entries: Iterable[Mapping[str, Any]] = (),
    routes: Iterable[Mapping[str, Any]] = (),
    *,
    host: Interface = HOST,
    others: Iterable[Interface] = (),
    user_data: bytes | None = None,
    prefix_lists: Mapping[str, Sequence[str]] | None = None,
    peerings: Sequence[Mapping[str, Any]] = (),
) -> RegionFacts:
    """One instance with one interface in one subnet, and whatever is said around it."""
    acls = [
        {"NetworkAclId": ACL, "Entries": list(entries) or ALLOW_ALL, "Associations": [{"SubnetId": SUBNET}]}
    ]
    tables = [
        {"RouteTableId": "rtb-1", "VpcId": VPC, "Routes": [*LOCAL, *routes], "Associations": [{"Main": True}]}
    ]
    return RegionFacts(
        "1",
        "eu-central-1",
        "aws",
        (Instance("i-1", "build", "running", user_data),),
        (host, *others),
        read_rules(list(rules), "1", host.groups),
        read_acls(acls),
        read_tables(tables),
        {SUBNET: AddressSet.of(SUBNET_NETWORKS)},
        {name: AddressSet.of(cidrs) for name, cidrs in (prefix_lists or {}).items()},
        read_peerings(peerings),
    )
