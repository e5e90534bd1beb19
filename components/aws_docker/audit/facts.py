"""What AWS says of one region, as far as it decides who reaches an instance: plain values, read from the EC2 API's
answers. Pure.

aws.py fetches the answers, reach.py draws the conclusions. What cannot be read is raised as ValueError, or kept as
something unknown: never left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.addresses import AddressSet
from ..core.networks import AclEntry, Rule

Answers = Sequence[Mapping[str, Any]]
"""Elements of an answer of boto3's."""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One ingress rule of a security group."""

    id: str
    group: str
    rule: Rule
    source: str
    """The source as the rule names it: a network, a prefix list, a group."""
    foreign_group: bool = False
    """Whether the source is a group of another account, whose members are not to be seen from here."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface."""

    id: str
    vpc: str
    subnet: str
    groups: tuple[str, ...]
    private: tuple[str, ...]
    """Private IPv4 addresses."""
    public: tuple[str, ...]
    """Public IPv4 addresses that lead to it."""
    ipv6: tuple[str, ...]
    instance: str | None = None
    device: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that is not terminated."""

    id: str
    name: str
    state: str
    user_data: bytes | None = field(default=None, repr=False)
    """None where it has none, or where it could not be read (which is then among what is unchecked)."""


@dataclass(frozen=True, slots=True)
class Acl:
    """A network ACL."""

    id: str
    ingress: tuple[AclEntry, ...]
    egress: tuple[AclEntry, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A route: packets to these addresses leave by `target`."""

    destination: str
    target: str
    """A gateway's, connection's or interface's id; `local` for the VPC itself."""
    active: bool


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region of one account."""

    account: str
    region: str
    partition: str = "aws"
    instances: tuple[Instance, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    rules: Mapping[str, tuple[GroupRule, ...]] = field(default_factory=dict[str, tuple[GroupRule, ...]])
    """Ingress rules by group: of the groups that instances have."""
    acls: Mapping[str, Acl] = field(default_factory=dict[str, Acl])
    """By subnet."""
    tables: Mapping[str, RouteTable] = field(default_factory=dict[str, RouteTable])
    """By subnet, and for subnets without one of their own by VPC."""
    subnets: Mapping[str, AddressSet] = field(default_factory=dict[str, AddressSet])
    prefix_lists: Mapping[str, AddressSet] = field(default_factory=dict[str, AddressSet])
    """Those whose entries could be read."""
    peerings: Mapping[str, Mapping[str, AddressSet]] = field(
        default_factory=dict[str, Mapping[str, AddressSet]]
    )
    """Active peering connections: the networks of both VPCs, by VPC."""

    def arn(self, kind: str, identity: str) -> str:
        """The ARN of an EC2 resource of this region."""
        return f"arn:{self.partition}:ec2:{self.region}:{self.account}:{kind}/{identity}"


# --- Reading the EC2 API's answers ---------------------------------------------------------------------------------

GONE: Final = frozenset({"terminated", "shutting-down"})


def read_instances(reservations: Answers, user_data: Mapping[str, bytes]) -> tuple[Instance, ...]:
    """DescribeInstances' reservations, with what DescribeInstanceAttribute said of user-data."""
    return tuple(
        Instance(
            found["InstanceId"],
            next((tag["Value"] for tag in found.get("Tags", ()) if tag["Key"] == "Name"), ""),
            found["State"]["Name"],
            user_data.get(found["InstanceId"]),
        )
        for reservation in reservations
        for found in reservation["Instances"]
        if found["State"]["Name"] not in GONE
    )


def read_interfaces(found: Answers) -> tuple[Interface, ...]:
    """DescribeNetworkInterfaces' interfaces."""
    return tuple(map(_interface, found))


def _interface(found: Mapping[str, Any]) -> Interface:
    addresses: Answers = found.get("PrivateIpAddresses") or []
    # The interface's own association is its primary address's; other addresses have theirs beside them.
    associations = [found.get("Association"), *(each.get("Association") for each in addresses)]
    public = [each.get("CarrierIp") or each.get("PublicIp") for each in associations if each]
    attachment: Mapping[str, Any] = found.get("Attachment") or {}
    primary = [found["PrivateIpAddress"]] if found.get("PrivateIpAddress") else []
    return Interface(
        found["NetworkInterfaceId"],
        found["VpcId"],
        found["SubnetId"],
        tuple(group["GroupId"] for group in found.get("Groups", ())),
        tuple(dict.fromkeys([*primary, *(each["PrivateIpAddress"] for each in addresses)])),
        tuple(dict.fromkeys(address for address in public if address)),
        tuple(each["Ipv6Address"] for each in found.get("Ipv6Addresses") or ()),
        attachment.get("InstanceId"),
        attachment.get("DeviceIndex", 0),
    )


def read_rules(found: Answers, account: str, groups: Iterable[str]) -> dict[str, tuple[GroupRule, ...]]:
    """DescribeSecurityGroupRules' ingress rules, of these groups only: an account may have many more."""
    wanted: dict[str, list[GroupRule]] = {group: [] for group in groups}
    for each in found:
        if not each["IsEgress"] and (rules := wanted.get(each["GroupId"])) is not None:
            rules.append(_rule(each, account))
    return {group: tuple(rules) for group, rules in wanted.items()}


def _rule(found: Mapping[str, Any], account: str) -> GroupRule:
    cidrs = [found[name] for name in ("CidrIpv4", "CidrIpv6") if found.get(name)]
    prefix_lists = [found["PrefixListId"]] if found.get("PrefixListId") else []
    reference: Mapping[str, Any] = found.get("ReferencedGroupInfo") or {}
    groups = [reference["GroupId"]] if reference.get("GroupId") else []
    rule = Rule.of(
        found["IpProtocol"],
        found.get("FromPort"),
        found.get("ToPort"),
        cidrs=cidrs,
        groups=groups,
        prefix_lists=prefix_lists,
    )
    source = ", ".join([*cidrs, *prefix_lists, *(f"the members of {group}" for group in groups)])
    foreign = bool(groups) and reference.get("UserId", account) != account
    return GroupRule(found["SecurityGroupRuleId"], found["GroupId"], rule, source, foreign)


def read_acls(found: Answers) -> dict[str, Acl]:
    """DescribeNetworkAcls' ACLs, by subnet."""
    acls: dict[str, Acl] = {}
    for each in found:
        entries = [(entry["Egress"], _entry(entry)) for entry in each["Entries"]]
        acl = Acl(
            each["NetworkAclId"],
            tuple(entry for egress, entry in entries if not egress),
            tuple(entry for egress, entry in entries if egress),
        )
        for association in each.get("Associations", ()):
            acls[association["SubnetId"]] = acl
    return acls


def _entry(found: Mapping[str, Any]) -> AclEntry:
    ports: Mapping[str, Any] = found.get("PortRange") or {}
    return AclEntry.of(
        found["RuleNumber"],
        found["RuleAction"] == "allow",
        found["Protocol"],
        ports.get("From"),
        ports.get("To"),
        found.get("CidrBlock") or found["Ipv6CidrBlock"],
    )


_TARGETS: Final = (
    "GatewayId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "NatGatewayId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "InstanceId",
)


def read_tables(found: Answers) -> dict[str, RouteTable]:
    """DescribeRouteTables' tables, by subnet, and the main ones by VPC."""
    tables: dict[str, RouteTable] = {}
    for each in found:
        table = RouteTable(each["RouteTableId"], tuple(map(_route, each["Routes"])))
        for association in each.get("Associations", ()):
            if association.get("SubnetId"):
                tables[association["SubnetId"]] = table
            elif association.get("Main"):
                tables[each["VpcId"]] = table
    return tables


def _route(found: Mapping[str, Any]) -> Route:
    destinations = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return Route(
        next(found[name] for name in destinations if found.get(name)),
        next((found[name] for name in _TARGETS if found.get(name)), "an unknown target"),
        found.get("State", "active") == "active",
    )


def read_subnets(found: Answers) -> dict[str, AddressSet]:
    """DescribeSubnets' networks, by subnet."""
    return {
        each["SubnetId"]: AddressSet.of(
            [
                *([each["CidrBlock"]] if each.get("CidrBlock") else []),
                *(block["Ipv6CidrBlock"] for block in each.get("Ipv6CidrBlockAssociationSet") or ()),
            ]
        )
        for each in found
    }


def read_peerings(found: Answers) -> dict[str, dict[str, AddressSet]]:
    """DescribeVpcPeeringConnections' active connections."""
    return {
        each["VpcPeeringConnectionId"]: {
            side["VpcId"]: AddressSet.of(
                [
                    *([side["CidrBlock"]] if side.get("CidrBlock") else []),
                    *(block["CidrBlock"] for block in side.get("CidrBlockSet") or ()),
                    *(block["Ipv6CidrBlock"] for block in side.get("Ipv6CidrBlockSet") or ()),
                ]
            )
            for side in (each["AccepterVpcInfo"], each["RequesterVpcInfo"])
        }
        for each in found
        if each.get("Status", {}).get("Code") == "active"
    }


def prefix_lists_of(rules: Mapping[str, Sequence[GroupRule]], tables: Mapping[str, RouteTable]) -> set[str]:
    """The prefix lists that rules and routes name."""
    named = {each for group in rules.values() for rule in group for each in rule.rule.prefix_lists}
    return named | {
        route.destination
        for table in tables.values()
        for route in table.routes
        if route.destination.startswith("pl-")
    }
