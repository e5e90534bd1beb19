"""Security groups and their rules."""

import ipaddress
from typing import Any

from lab.engine.providers.aws.api import AwsKind, found, one, present
from lab.engine.providers.plugin import Inputs, State
from lab.engine.providers.values import UNKNOWN


class SecurityGroup(AwsKind):
    token = "aws:ec2/securityGroup:SecurityGroup"
    replaced_by = frozenset({"name", "namePrefix", "description", "vpcId"})
    computed = frozenset({"vpcId", "ingress", "egress", "name", "namePrefix", "region"})
    unordered = frozenset({"ingress", "egress"})
    defaults = {"description": "Managed by Pulumi", "revokeRulesOnDelete": False}
    not_stored = frozenset({"revokeRulesOnDelete", "namePrefix"})
    name_length = 255

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        if str(inputs.get("name", "")).startswith("sg-"):
            return [("name", "invalid value for name (cannot begin with sg-)")]
        return []

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_security_group(
            GroupName=inputs["name"],
            Description=inputs["description"],
            **present(VpcId=inputs.get("vpcId") or self._default_vpc()),
            **self.api.tag_specification("security-group", inputs),
        )
        identity = made["GroupId"]
        try:
            # A new group lets everything out; the provider takes that away (its own documentation says so).
            group = self.api.ec2.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0]
            if group["IpPermissionsEgress"]:
                self.api.ec2.revoke_security_group_egress(
                    GroupId=identity, IpPermissions=group["IpPermissionsEgress"]
                )
            self._rules(identity, {}, inputs, {"ingress", "egress"})
        except Exception:
            self.delete(identity, {})
            raise
        return identity

    def read(self, identity: str, state: State) -> State | None:
        group = one(lambda: self.api.ec2.describe_security_groups(GroupIds=[identity]), "SecurityGroups")
        if group is None:
            return None
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"security-group/{identity}"),
            "name": group["GroupName"],
            "description": group["Description"],
            "vpcId": group["VpcId"],
            "ownerId": group["OwnerId"],
            "ingress": _blocks(group["IpPermissions"], state.get("ingress"), identity),
            "egress": _blocks(group["IpPermissionsEgress"], state.get("egress"), identity),
            "region": self.api.region,
            **self.api.read_tags(group.get("Tags"), state),
        }

    def same(self, argument: str, state: Any, wanted: Any) -> bool:
        if argument in ("ingress", "egress"):
            key = lambda block: repr(sorted(_permission(block, "self").items()))  # noqa: E731
            return sorted(map(key, state)) == sorted(map(key, wanted))
        return False

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        self._rules(identity, state, inputs, changed)
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_security_group(GroupId=identity))

    def _rules(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        for direction in ("ingress", "egress"):
            if direction in changed:
                old = [_permission(block, identity) for block in state.get(direction) or []]
                new = [_permission(block, identity) for block in inputs.get(direction) or []]
                if gone := [permission for permission in old if permission not in new]:
                    revoke = getattr(self.api.ec2, f"revoke_security_group_{direction}")
                    revoke(GroupId=identity, IpPermissions=gone)
                if more := [permission for permission in new if permission not in old]:
                    authorize = getattr(self.api.ec2, f"authorize_security_group_{direction}")
                    authorize(GroupId=identity, IpPermissions=more)

    def _default_vpc(self) -> str | None:
        vpcs = self.api.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        return vpcs[0]["VpcId"] if vpcs else None


_SOURCES = {
    "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6",
    "prefixListId": "PrefixListId",
    "referencedSecurityGroupId": "ReferencedGroupId",
}


class _Rule(AwsKind):
    """One rule of a group: aws.vpc.SecurityGroupIngressRule and -EgressRule."""

    direction: str
    replaced_by = frozenset({"securityGroupId"})

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        # What is not known yet may turn out to be nothing (terraform-plugin-framework-validators, ExactlyOneOf).
        late = any(inputs.get(name) is UNKNOWN for name in _SOURCES)
        given = [name for name in _SOURCES if inputs.get(name) not in (None, UNKNOWN)]
        if len(given) > 1 or (not given and not late):
            return [("", f"exactly one of {', '.join(_SOURCES)} must be specified, not {given or 'none'}")]
        problems: list[tuple[str, str]] = []
        for name, version in (("cidrIpv4", 4), ("cidrIpv6", 6)):
            cidr = inputs.get(name)
            if cidr is not None and cidr is not UNKNOWN and not _is_network(cidr, version):
                problems.append(
                    (name, f"Invalid IPv{version} CIDR value: {cidr!r} is not a network's address and prefix")
                )
        protocol = inputs["ipProtocol"]
        for name in ("fromPort", "toPort"):
            if inputs.get(name) is None and protocol not in ("-1", "icmpv6", UNKNOWN):
                problems.append((name, f"{name} is required unless ipProtocol is -1 or icmpv6"))
        return problems

    def also_replaces(self, changed: set[str], state: State, inputs: Inputs) -> set[str]:
        # A rule cannot turn from one kind of source into another.
        was = {name for name in _SOURCES if state.get(name)}
        wanted = {name for name in _SOURCES if inputs.get(name) is not None}
        return (was ^ wanted) & changed

    def create(self, inputs: Inputs) -> str:
        authorize = getattr(self.api.ec2, f"authorize_security_group_{self.direction}")
        source: dict[str, Any] = {}
        described = present(Description=inputs.get("description"))
        if inputs.get("cidrIpv4") is not None:
            source["IpRanges"] = [{"CidrIp": inputs["cidrIpv4"], **described}]
        if inputs.get("cidrIpv6") is not None:
            source["Ipv6Ranges"] = [{"CidrIpv6": inputs["cidrIpv6"], **described}]
        if inputs.get("prefixListId") is not None:
            source["PrefixListIds"] = [{"PrefixListId": inputs["prefixListId"], **described}]
        if inputs.get("referencedSecurityGroupId") is not None:
            source["UserIdGroupPairs"] = [{"GroupId": inputs["referencedSecurityGroupId"], **described}]
        made = authorize(
            GroupId=inputs["securityGroupId"],
            IpPermissions=[
                {
                    "IpProtocol": str(inputs["ipProtocol"]),
                    **present(FromPort=inputs.get("fromPort"), ToPort=inputs.get("toPort")),
                    **source,
                }
            ],
            **self.api.tag_specification("security-group-rule", inputs),
        )
        return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def read(self, identity: str, state: State) -> State | None:
        ask = lambda: self.api.ec2.describe_security_group_rules(SecurityGroupRuleIds=[identity])  # noqa: E731
        rule = one(ask, "SecurityGroupRules")
        if rule is None:
            return None
        every = rule["IpProtocol"] == "-1"
        given_cidr = rule.get("CidrIpv4") or rule.get("CidrIpv6")
        return {
            "id": identity,
            "securityGroupRuleId": identity,
            "arn": self.api.arn("ec2", f"security-group-rule/{identity}"),
            "securityGroupId": rule["GroupId"],
            "ipProtocol": rule["IpProtocol"],
            "fromPort": None if every else rule.get("FromPort"),
            "toPort": None if every else rule.get("ToPort"),
            "cidrIpv4": rule.get("CidrIpv4"),
            "cidrIpv6": rule.get("CidrIpv6"),
            "prefixListId": rule.get("PrefixListId"),
            "referencedSecurityGroupId": (rule.get("ReferencedGroupInfo") or {}).get("GroupId"),
            # Of other sources than networks, moto forgets it.
            "description": rule.get("Description") or (None if given_cidr else state.get("description")),
            "region": self.api.region,
            **self.api.read_tags(rule.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if changed - {"tags", "tagsAll"}:
            rule = present(
                IpProtocol=str(inputs["ipProtocol"]),
                FromPort=inputs.get("fromPort", -1),
                ToPort=inputs.get("toPort", -1),
                Description=inputs.get("description", ""),
                **{theirs: inputs.get(ours) for ours, theirs in _SOURCES.items()},
            )
            self.api.ec2.modify_security_group_rules(
                GroupId=state["securityGroupId"],
                SecurityGroupRules=[{"SecurityGroupRuleId": identity, "SecurityGroupRule": rule}],
            )
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        revoke = getattr(self.api.ec2, f"revoke_security_group_{self.direction}")
        found(lambda: revoke(GroupId=state["securityGroupId"], SecurityGroupRuleIds=[identity]))


class IngressRule(_Rule):
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    direction = "ingress"


class EgressRule(_Rule):
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    direction = "egress"


def _is_network(cidr: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(cidr).version == version and "/" in cidr
    except ValueError:
        return False


def _permission(block: dict[str, Any], own: str) -> dict[str, Any]:
    """One inline rule as EC2's API takes it."""
    described = {"Description": block["description"]} if block.get("description") else {}
    groups = [*block.get("securityGroups", []), *([own] if block.get("self") else [])]
    protocol = str(block["protocol"])
    permission: dict[str, Any] = {"IpProtocol": "-1" if protocol == "all" else protocol}
    if permission["IpProtocol"] != "-1":
        permission.update(FromPort=int(block["fromPort"]), ToPort=int(block["toPort"]))
    permission["IpRanges"] = [{"CidrIp": cidr, **described} for cidr in sorted(block.get("cidrBlocks", []))]
    permission["Ipv6Ranges"] = [
        {"CidrIpv6": cidr, **described} for cidr in sorted(block.get("ipv6CidrBlocks", []))
    ]
    permission["PrefixListIds"] = [
        {"PrefixListId": each, **described} for each in sorted(block.get("prefixListIds", []))
    ]
    permission["UserIdGroupPairs"] = [{"GroupId": group, **described} for group in sorted(groups)]
    return {name: value for name, value in permission.items() if value != []}


def _blocks(permissions: list[dict[str, Any]], known: Any, own: str) -> list[dict[str, Any]]:
    """The group's rules as inline rules; in the caller's own grouping where they are what the caller wrote."""
    blocks: dict[tuple[Any, ...], dict[str, Any]] = {}
    for permission in permissions:
        ports = (permission.get("FromPort", 0), permission.get("ToPort", 0))
        for key, value, target in (
            ("IpRanges", "CidrIp", "cidrBlocks"),
            ("Ipv6Ranges", "CidrIpv6", "ipv6CidrBlocks"),
            ("PrefixListIds", "PrefixListId", "prefixListIds"),
            ("UserIdGroupPairs", "GroupId", "securityGroups"),
        ):
            for source in permission.get(key, []):
                description = source.get("Description") or ""
                block = blocks.setdefault(
                    (permission["IpProtocol"], *ports, description),
                    {
                        "protocol": permission["IpProtocol"],
                        "fromPort": ports[0],
                        "toPort": ports[1],
                        "description": description,
                        "self": False,
                    },
                )
                if source[value] == own:
                    block["self"] = True
                else:
                    block.setdefault(target, []).append(source[value])
    found_now = list(blocks.values())
    if isinstance(known, list) and known:
        flat = lambda listed: sorted(repr(p) for block in listed for p in _single_sources(block, own))  # noqa: E731
        if flat(known) == flat(found_now):
            return known
    return found_now


def _single_sources(block: dict[str, Any], own: str) -> list[dict[str, Any]]:
    permission = _permission(block, own)
    base = {k: v for k, v in permission.items() if not isinstance(v, list)}
    return [
        {**base, key: source}
        for key, value in permission.items()
        if isinstance(value, list)
        for source in value
    ]


KINDS = [SecurityGroup, IngressRule, EgressRule]
