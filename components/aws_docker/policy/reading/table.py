"""The table of what is read: each resource kind and its reader. docs/policies.md shows it.

Kinds are named as Pulumi YAML names them: `aws:ec2:SecurityGroup` stands for `aws:ec2/securityGroup:SecurityGroup`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from . import balancers, machines, networks
from .facts import Facts
from .templates import described
from .values import Doubt, Value

Reader = Callable[[Value, Facts], None]

_LB_MODULES = ("lb", "alb", "applicationloadbalancing", "elasticloadbalancingv2")

NETWORK: Final[Mapping[str, Reader]] = {
    "aws:ec2:SecurityGroup": networks.inline_ingress,
    "aws:ec2:DefaultSecurityGroup": networks.inline_ingress,
    "aws:ec2:SecurityGroupRule": networks.standalone_rule,
    "aws:vpc:SecurityGroupIngressRule": networks.standalone_rule,
    "aws-native:ec2:SecurityGroup": networks.inline_ingress,
    "aws-native:ec2:SecurityGroupIngress": networks.standalone_rule,
    "aws:ec2:NetworkAcl": networks.network_acl,
    "aws:ec2:DefaultNetworkAcl": networks.network_acl,
    "aws:ec2:NetworkAclRule": networks.acl_rule,
    "aws-native:ec2:NetworkAclEntry": networks.acl_rule,
    "aws:lightsail:InstancePublicPorts": networks.public_ports,
    **{f"aws:{module}:Listener": balancers.listener for module in _LB_MODULES},
    **{f"aws:{module}:TargetGroup": balancers.target_group for module in _LB_MODULES},
    **{f"aws:{module}:TargetGroupAttachment": balancers.attachment for module in _LB_MODULES},
    "aws-native:elasticloadbalancingv2:Listener": balancers.listener,
    "aws-native:elasticloadbalancingv2:TargetGroup": balancers.target_group,
    "aws:elb:LoadBalancer": balancers.classic,
    "aws:elasticloadbalancing:LoadBalancer": balancers.classic,
    "aws-native:elasticloadbalancing:LoadBalancer": balancers.classic,
    "aws:lightsail:Lb": balancers.lightsail,
    "aws-native:lightsail:LoadBalancer": balancers.lightsail,
    "aws:vpclattice:Listener": balancers.listener,
    "aws:vpclattice:TargetGroup": balancers.target_group,
    "aws:vpclattice:TargetGroupAttachment": balancers.attachment,
    "aws-native:vpclattice:Listener": balancers.listener,
    "aws-native:vpclattice:TargetGroup": balancers.target_group,
    "aws:globalaccelerator:Listener": balancers.accelerator,
    "aws:globalaccelerator:EndpointGroup": balancers.accelerator,
    "aws-native:globalaccelerator:Listener": balancers.accelerator,
    "aws-native:globalaccelerator:EndpointGroup": balancers.accelerator,
}
"""Kinds that say who reaches what."""


def _native_lightsail(resource: Value, facts: Facts) -> None:
    networks.public_ports(resource, facts)
    machines.lightsail_instance(resource, facts)


MACHINES: Final[Mapping[str, Reader]] = {
    "aws:ec2:Instance": machines.instance,
    "aws:ec2:LaunchTemplate": machines.instance,
    "aws:ec2:LaunchConfiguration": machines.instance,
    "aws:ec2:SpotInstanceRequest": machines.instance,
    "aws:ec2:SpotFleetRequest": machines.spot_fleet,
    "aws:lightsail:Instance": machines.lightsail_instance,
    "aws-native:ec2:Instance": machines.instance,
    "aws-native:ec2:LaunchTemplate": machines.native_template,
    "aws-native:ec2:SpotFleet": machines.spot_fleet,
    "aws-native:autoscaling:LaunchConfiguration": machines.instance,
    "aws-native:lightsail:Instance": _native_lightsail,
}
"""Kinds that describe machines."""

DESCRIBED: Final = frozenset(
    {
        "aws:cloudcontrol:Resource",
        "aws:cloudformation:Stack",
        "aws:cloudformation:StackSet",
        "aws-native:cloudformation:Stack",
        "aws-native:cloudformation:StackSet",
        "aws-native:index:ExtensionResource",
    }
)
"""Kinds that describe other resources in text; those are read as if they stood for themselves."""

_READERS: Final[Mapping[str, Reader]] = {**NETWORK, **MACHINES}


@lru_cache(maxsize=4096)
def short_form(token: str) -> str:
    """A type token as Pulumi YAML writes it: `aws:ec2:Vpc` for `aws:ec2/vpc:Vpc`."""
    parts = token.split(":")
    return f"{parts[0]}:{parts[1].split('/')[0]}:{parts[2]}" if len(parts) == 3 else token


def kind(token: str) -> str | None:
    """The short form of a type token that is read; None for all others."""
    short = short_form(token)
    return short if short in _READERS or short in DESCRIBED else None


def read(token: str, properties: Any) -> Facts | None:
    """What a resource says; None for a kind that is not read. Never raises: what cannot be read is in the facts."""
    short = kind(token)
    if short is None:
        return None
    facts = Facts()
    if short in DESCRIBED:
        _guarded(facts, None, Value(properties), lambda: _described(short, properties, facts))
    else:
        _guarded(facts, short, Value(properties), lambda: _READERS[short](Value(properties), facts))
    return facts


def _described(short: str, properties: Any, facts: Facts) -> None:
    for found in described(short, Value(properties)):
        if isinstance(found, Doubt):
            _unread(facts, None, found)
        elif found.type in _READERS and found.value.doubt:
            _unread(facts, found.type, found.value.doubt)
        elif reader := _READERS.get(found.type):
            _guarded(facts, found.type, found.value, lambda r=reader, v=found.value: r(v, facts))


def _guarded(facts: Facts, short: str | None, value: Value, run: Callable[[], None]) -> None:
    try:
        run()
    except ValueError as error:
        _unread(facts, short, networks.malformed(value, error))
    except Exception as error:
        # Whatever it is, it must neither end the pack nor pass; its text may repeat a secret.
        why = f"could not be read ({type(error).__name__})"
        _unread(facts, short, Doubt(value.where or "the resource", why, final=True))


def _unread(facts: Facts, short: str | None, doubt: Doubt) -> None:
    """What could not be read, for those whom it concerns: where the kind is open, for all."""
    if short not in MACHINES or short == "aws-native:lightsail:Instance":
        facts.unread.append(doubt)
    if short is None or short in MACHINES:
        facts.unread_machines.append(doubt)
