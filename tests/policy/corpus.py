"""For every resource kind and encoding that the policies read: what they catch, and harmless neighbours.

One table for the fast tests and for those on the real engine. Properties stand as the engine sends them, and as other
people write them: strings for numbers, blocks, small and capital letters.
"""

import base64
import gzip
from pathlib import Path
from typing import Any, NamedTuple

import yaml

NO_2375 = "docker-no-2375"
MEMBERS = "docker-2375-between-group-members"
TRUSTED_ONLY = "docker-2376-trusted-sources-only"
NO_LISTENER = "docker-no-unauthenticated-listener"
NO_SECRET = "docker-no-secret-in-user-data"
METADATA = "docker-instance-metadata"

TRUSTED = {
    "trustedCidrs": ["10.0.5.0/24", "2001:db8:7::/48"],
    "trustedPrefixListIds": ["pl-trusted"],
    "trustedSecurityGroupIds": ["sg-trusted"],
}


class Case(NamedTuple):
    """One resource, and the policies that object to it."""

    name: str
    type: str
    properties: dict[str, Any]
    policies: frozenset[str] = frozenset()


def inline(**rule: Any) -> dict[str, Any]:
    return {"ingress": [{"protocol": "tcp", "fromPort": 2375, "toPort": 2375, **rule}]}


def rule(**properties: Any) -> dict[str, Any]:
    return {
        "type": "ingress",
        "securityGroupId": "sg-1",
        "protocol": "tcp",
        "fromPort": 2375,
        "toPort": 2375,
        **properties,
    }


def vpc_rule(**properties: Any) -> dict[str, Any]:
    return {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 2375, "toPort": 2375, **properties}


GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
VPC_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
WORLD = {"cidrBlocks": ["0.0.0.0/0"]}

_NETWORKS = yaml.safe_load((Path(__file__).parent / "networks.yaml").read_text())


def _at(properties: Any, port: int) -> Any:
    """The same properties for another port."""
    if isinstance(properties, dict):
        return {key: _at(value, port) for key, value in properties.items()}
    if isinstance(properties, list):
        return [_at(each, port) for each in properties]
    if properties == 2375 and not isinstance(properties, bool):
        return port
    return properties.replace("2375", str(port)) if isinstance(properties, str) else properties


def network_violations() -> list[Case]:
    """Each open way to 2375, and the same to 2376 by untrusted sources."""
    cases: list[Case] = []
    for name, row in _NETWORKS["violations"].items():
        admits = row.get("admits", [2375])
        policies = {NO_2375} | ({TRUSTED_ONLY} if 2376 in admits else set())
        cases.append(Case(name, row["type"], row["properties"], frozenset(policies)))
        if admits == [2375] and name not in _TRUSTED_WAYS:
            cases.append(
                Case(f"{name}-2376", row["type"], _at(row["properties"], 2376), frozenset({TRUSTED_ONLY}))
            )
    members = inline(protocol="-1", fromPort=0, toPort=0, self=True)
    cases.append(Case("members", GROUP, members, frozenset({MEMBERS})))
    cases.append(Case("members-default", DEFAULT_GROUP, {"vpcId": "vpc-1", **members}, frozenset({MEMBERS})))
    cluster = rule(protocol="-1", fromPort=0, toPort=0, sourceSecurityGroupId="sg-nodes")
    cases.append(Case("members-cluster", RULE, cluster, frozenset({MEMBERS})))
    return cases


# What may reach 2376.
_TRUSTED_WAYS = {"inline-private", "inline-prefix-list", "inline-group"}


def network_harmless() -> list[Case]:
    rows = _NETWORKS["harmless"].items()
    return [Case(f"harmless-{name}", row["type"], row["properties"]) for name, row in rows]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gzipped(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
