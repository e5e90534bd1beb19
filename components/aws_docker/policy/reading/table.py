"""The one table of what is read: each resource kind, its reader, and its roles. docs/policies.md shows it.

Kinds are named as Pulumi YAML names them: `aws:ec2:SecurityGroup` stands for `aws:ec2/securityGroup:SecurityGroup`.
"""

from collections.abc import Callable, Mapping
from enum import Flag, auto
from functools import lru_cache
from typing import Any, Final, NamedTuple

from . import balancers, containers, documents, forwarders, machines, networks
from .facts import Facts
from .templates import described
from .values import Doubt, Value

Reader = Callable[[Value, Facts], None]


class Role(Flag):
    """What a kind of resource is, for those who read, join or change it."""

    NETWORK = auto()
    """It says who reaches what."""
    MACHINE = auto()
    """It describes machines."""
    DOCUMENT = auto()
    """It runs something on machines that stand elsewhere."""
    CONTAINER = auto()
    """It describes containers to be run."""
    CLIENT = auto()
    """It is a client of Docker's."""
    DESCRIBING = auto()
    """It describes other resources in text, which are read as if they stood for themselves."""
    GROUP = auto()
    RULE = auto()
    """A rule of a security group that is a resource of its own."""
    TEMPLATE = auto()
    """Machines are launched from it."""
    INTERFACE = auto()
    INTERFACE_ATTACHMENT = auto()
    GROUP_ATTACHMENT = auto()
    PREFIX_LIST = auto()
    PREFIX_LIST_ENTRY = auto()
    METADATA = auto()
    """Its `metadataOptions` can be set."""
    DEFAULT = auto()
    """It stands where nothing is said."""


class Kind(NamedTuple):
    """A kind of resource."""

    reader: Reader | None
    """None where it is only joined with others, or described in text."""
    roles: Role


_LB_MODULES = ("lb", "alb", "applicationloadbalancing", "elasticloadbalancingv2")

_GROUP: Final = Kind(networks.inline_ingress, Role.NETWORK | Role.GROUP)
_RULE: Final = Kind(networks.standalone_rule, Role.NETWORK | Role.RULE)
_ACL: Final = Kind(networks.network_acl, Role.NETWORK)
_ACL_RULE: Final = Kind(networks.acl_rule, Role.NETWORK)
_LISTENER: Final = Kind(balancers.listener, Role.NETWORK)
_TARGETS: Final = Kind(balancers.target_group, Role.NETWORK)
_TARGET: Final = Kind(balancers.attachment, Role.NETWORK)
_CLASSIC: Final = Kind(balancers.classic, Role.NETWORK)
_ACCELERATOR: Final = Kind(balancers.accelerator, Role.NETWORK)
_INSTANCE: Final = Kind(machines.instance, Role.MACHINE)
_SETTABLE: Final = Kind(machines.instance, Role.MACHINE | Role.METADATA)
_SPOT_FLEET: Final = Kind(machines.spot_fleet, Role.MACHINE)
_DESCRIBING: Final = Kind(None, Role.DESCRIBING)
_CLOUDFRONT: Final = Kind(forwarders.cloudfront, Role.NETWORK)
_VPC_ORIGIN: Final = Kind(forwarders.vpc_origin, Role.NETWORK)
_INTEGRATION: Final = Kind(forwarders.api_integration, Role.NETWORK)
_API: Final = Kind(forwarders.api, Role.NETWORK)
_MESH: Final = Kind(forwarders.mesh, Role.NETWORK)
_LATTICE_RESOURCE: Final = Kind(forwarders.lattice_resource, Role.NETWORK)
_VERIFIED_ACCESS: Final = Kind(forwarders.verified_access, Role.NETWORK)
_CUSTOM_ROUTING: Final = Kind(forwarders.custom_routing, Role.NETWORK)
_ECS_SERVICE: Final = Kind(forwarders.ecs_service, Role.NETWORK)
_ECS_TASK: Final = Kind(containers.ecs_task, Role.CONTAINER)
_BATCH_JOB: Final = Kind(containers.batch_job, Role.CONTAINER)
_LIGHTSAIL_DEPLOYMENT: Final = Kind(containers.lightsail_deployment, Role.CONTAINER)
_SSM_DOCUMENT: Final = Kind(documents.ssm_document, Role.DOCUMENT)
_ASSOCIATION: Final = Kind(documents.ssm_association, Role.DOCUMENT)
_MAINTENANCE_TASK: Final = Kind(documents.maintenance_task, Role.DOCUMENT)
_IMAGE_COMPONENT: Final = Kind(documents.image_component, Role.DOCUMENT)
_IMAGE_RECIPE: Final = Kind(documents.image_recipe, Role.DOCUMENT)
_NOTEBOOK: Final = Kind(documents.notebook, Role.DOCUMENT)
_COMMAND: Final = Kind(documents.command, Role.DOCUMENT)
_COPIED_FILE: Final = Kind(documents.copied_file, Role.DOCUMENT)


def _native_lightsail(resource: Value, facts: Facts) -> None:
    networks.public_ports(resource, facts)
    machines.lightsail_instance(resource, facts)


KINDS: Final[Mapping[str, Kind]] = {
    "aws:ec2:SecurityGroup": _GROUP,
    "aws:ec2:DefaultSecurityGroup": Kind(networks.inline_ingress, _GROUP.roles | Role.DEFAULT),
    "aws-native:ec2:SecurityGroup": _GROUP,
    "aws:ec2:SecurityGroupRule": _RULE,
    "aws:vpc:SecurityGroupIngressRule": _RULE,
    "aws-native:ec2:SecurityGroupIngress": _RULE,
    "aws:ec2:NetworkAcl": _ACL,
    "aws:ec2:DefaultNetworkAcl": _ACL,
    "aws:ec2:NetworkAclRule": _ACL_RULE,
    "aws-native:ec2:NetworkAclEntry": _ACL_RULE,
    **{f"aws:{module}:Listener": _LISTENER for module in _LB_MODULES},
    **{f"aws:{module}:TargetGroup": _TARGETS for module in _LB_MODULES},
    **{f"aws:{module}:TargetGroupAttachment": _TARGET for module in _LB_MODULES},
    "aws-native:elasticloadbalancingv2:Listener": _LISTENER,
    "aws-native:elasticloadbalancingv2:TargetGroup": _TARGETS,
    "aws:elb:LoadBalancer": _CLASSIC,
    "aws:elasticloadbalancing:LoadBalancer": _CLASSIC,
    "aws-native:elasticloadbalancing:LoadBalancer": _CLASSIC,
    "aws:vpclattice:Listener": _LISTENER,
    "aws:vpclattice:TargetGroup": _TARGETS,
    "aws:vpclattice:TargetGroupAttachment": _TARGET,
    "aws-native:vpclattice:Listener": _LISTENER,
    "aws-native:vpclattice:TargetGroup": _TARGETS,
    "aws:globalaccelerator:Listener": _ACCELERATOR,
    "aws:globalaccelerator:EndpointGroup": _ACCELERATOR,
    "aws-native:globalaccelerator:Listener": _ACCELERATOR,
    "aws-native:globalaccelerator:EndpointGroup": _ACCELERATOR,
    "aws:lightsail:InstancePublicPorts": Kind(networks.public_ports, Role.NETWORK),
    "aws:lightsail:Lb": Kind(balancers.lightsail, Role.NETWORK),
    "aws-native:lightsail:LoadBalancer": Kind(balancers.lightsail, Role.NETWORK),
    "aws:lightsail:Instance": Kind(machines.lightsail_instance, Role.MACHINE),
    "aws-native:lightsail:Instance": Kind(_native_lightsail, Role.MACHINE | Role.NETWORK),
    "aws:ec2:Instance": _SETTABLE,
    "aws:ec2:LaunchTemplate": Kind(machines.instance, _SETTABLE.roles | Role.TEMPLATE),
    "aws:ec2:LaunchConfiguration": _SETTABLE,
    "aws:ec2:SpotInstanceRequest": _SETTABLE,
    "aws:ec2:SpotFleetRequest": _SPOT_FLEET,
    "aws-native:ec2:Instance": _INSTANCE,
    "aws-native:ec2:LaunchTemplate": Kind(machines.native_template, Role.MACHINE | Role.TEMPLATE),
    "aws-native:ec2:SpotFleet": _SPOT_FLEET,
    "aws-native:autoscaling:LaunchConfiguration": _INSTANCE,
    "aws:ssm:Document": _SSM_DOCUMENT,
    "aws-native:ssm:Document": _SSM_DOCUMENT,
    "aws:ssm:Association": _ASSOCIATION,
    "aws-native:ssm:Association": _ASSOCIATION,
    "aws:ssm:MaintenanceWindowTask": _MAINTENANCE_TASK,
    "aws-native:ssm:MaintenanceWindowTask": _MAINTENANCE_TASK,
    "aws:imagebuilder:Component": _IMAGE_COMPONENT,
    "aws-native:imagebuilder:Component": _IMAGE_COMPONENT,
    "aws:imagebuilder:ImageRecipe": _IMAGE_RECIPE,
    "aws-native:imagebuilder:ImageRecipe": _IMAGE_RECIPE,
    "aws:sagemaker:NotebookInstanceLifecycleConfiguration": _NOTEBOOK,
    "aws-native:sagemaker:NotebookInstanceLifecycleConfig": _NOTEBOOK,
    "command:remote:Command": _COMMAND,
    "command:local:Command": _COMMAND,
    "command:remote:CopyToRemote": _COPIED_FILE,
    "command:remote:CopyFile": _COPIED_FILE,
    "aws:ecs:TaskDefinition": _ECS_TASK,
    "aws-native:ecs:TaskDefinition": _ECS_TASK,
    "aws:ecs:DaemonTaskDefinition": Kind(containers.ecs_daemon_task, Role.CONTAINER),
    "aws:ecs:ExpressGatewayService": Kind(containers.ecs_express, Role.CONTAINER),
    "aws-native:ecs:ExpressGatewayService": Kind(containers.ecs_express, Role.CONTAINER),
    "aws:ecs:Service": _ECS_SERVICE,
    "aws-native:ecs:Service": _ECS_SERVICE,
    "aws:batch:JobDefinition": _BATCH_JOB,
    "aws-native:batch:JobDefinition": _BATCH_JOB,
    "aws:lightsail:ContainerServiceDeploymentVersion": _LIGHTSAIL_DEPLOYMENT,
    "aws-native:lightsail:Container": _LIGHTSAIL_DEPLOYMENT,
    "docker:index:Container": Kind(containers.docker_container, Role.CONTAINER),
    "docker:index:Service": Kind(containers.docker_service, Role.CONTAINER),
    "pulumi:providers:docker": Kind(containers.docker_provider, Role.CLIENT),
    "aws:cloudfront:Distribution": _CLOUDFRONT,
    "aws:cloudfront:MultitenantDistribution": _CLOUDFRONT,
    "aws-native:cloudfront:Distribution": _CLOUDFRONT,
    "aws:cloudfront:VpcOrigin": _VPC_ORIGIN,
    "aws-native:cloudfront:VpcOrigin": _VPC_ORIGIN,
    "aws:apigateway:Integration": _INTEGRATION,
    "aws:apigatewayv2:Integration": _INTEGRATION,
    "aws-native:apigateway:Method": _INTEGRATION,
    "aws-native:apigatewayv2:Integration": _INTEGRATION,
    "aws:apigateway:RestApi": _API,
    "aws:apigatewayv2:Api": _API,
    "aws-native:apigateway:RestApi": _API,
    "aws-native:apigatewayv2:Api": _API,
    "aws:verifiedaccess:Endpoint": _VERIFIED_ACCESS,
    "aws-native:ec2:VerifiedAccessEndpoint": _VERIFIED_ACCESS,
    "aws:vpclattice:ResourceConfiguration": _LATTICE_RESOURCE,
    "aws-native:vpclattice:ResourceConfiguration": _LATTICE_RESOURCE,
    "aws:globalaccelerator:CustomRoutingListener": _ACCELERATOR,
    "aws:globalaccelerator:CustomRoutingEndpointGroup": _CUSTOM_ROUTING,
    "aws:appmesh:VirtualNode": _MESH,
    "aws:appmesh:VirtualGateway": _MESH,
    "aws:appmesh:VirtualRouter": _MESH,
    "aws-native:appmesh:VirtualNode": _MESH,
    "aws-native:appmesh:VirtualGateway": _MESH,
    "aws-native:appmesh:VirtualRouter": _MESH,
    "aws:ec2:NetworkInterface": Kind(None, Role.INTERFACE),
    "aws-native:ec2:NetworkInterface": Kind(None, Role.INTERFACE),
    "aws:ec2:NetworkInterfaceAttachment": Kind(None, Role.INTERFACE_ATTACHMENT),
    "aws-native:ec2:NetworkInterfaceAttachment": Kind(None, Role.INTERFACE_ATTACHMENT),
    "aws:ec2:NetworkInterfaceSecurityGroupAttachment": Kind(None, Role.GROUP_ATTACHMENT),
    "aws:ec2:ManagedPrefixList": Kind(None, Role.PREFIX_LIST),
    "aws-native:ec2:PrefixList": Kind(None, Role.PREFIX_LIST),
    "aws:ec2:ManagedPrefixListEntry": Kind(None, Role.PREFIX_LIST_ENTRY),
    "aws:cloudcontrol:Resource": _DESCRIBING,
    "aws-native:index:ExtensionResource": _DESCRIBING,
    "aws:cloudformation:Stack": _DESCRIBING,
    "aws:cloudformation:StackSet": _DESCRIBING,
    "aws-native:cloudformation:Stack": _DESCRIBING,
    "aws-native:cloudformation:StackSet": _DESCRIBING,
}
"""All that is read. A new kind is one row here, and one in docs/policies.md."""

_NOTHING: Final = Role(0)
_READ: Final = Role.NETWORK | Role.MACHINE | Role.DOCUMENT | Role.CONTAINER | Role.CLIENT | Role.DESCRIBING


def kinds(role: Role) -> frozenset[str]:
    """The short forms of all kinds with a role."""
    return frozenset(short for short, kind in KINDS.items() if role in kind.roles)


@lru_cache(maxsize=4096)
def roles(token: str) -> Role:
    """The roles of a type token; none for a kind that is not in the table."""
    kind = KINDS.get(short_form(token))
    return _NOTHING if kind is None else kind.roles


@lru_cache(maxsize=4096)
def short_form(token: str) -> str:
    """A type token as Pulumi YAML writes it: `aws:ec2:Vpc` for `aws:ec2/vpc:Vpc`."""
    parts = token.split(":")
    return f"{parts[0]}:{parts[1].split('/')[0]}:{parts[2]}" if len(parts) == 3 else token


def read(token: str, properties: Any) -> Facts | None:
    """What a resource says; None for a kind that is not read. Never raises: what cannot be read is in the facts."""
    short = short_form(token)
    kind = KINDS.get(short)
    if kind is None or not kind.roles & _READ:
        return None
    facts, resource = Facts(), Value(properties)
    if kind.reader is None:
        _guarded(facts, kind.roles, resource, lambda: _described(short, resource, facts))
    else:
        _guarded(facts, kind.roles, resource, lambda r=kind.reader: r(resource, facts))
    return facts


def _described(short: str, resource: Value, facts: Facts) -> None:
    for found in described(short, resource):
        if isinstance(found, Doubt):
            _unread(facts, Role.DESCRIBING, found)
            continue
        kind = KINDS.get(found.type)
        if kind is None or kind.reader is None:
            continue
        if found.value.doubt:
            _unread(facts, kind.roles, found.value.doubt)
        else:
            _guarded(facts, kind.roles, found.value, lambda r=kind.reader, v=found.value: r(v, facts))


def _guarded(facts: Facts, of: Role, value: Value, run: Callable[[], None]) -> None:
    try:
        run()
    except ValueError as error:
        _unread(facts, of, networks.malformed(value, error))
    except Exception as error:
        # Whatever it is, it must neither end the pack nor pass; its text may repeat a secret.
        why = f"could not be read ({type(error).__name__})"
        _unread(facts, of, Doubt(value.where or "the resource", why, final=True))


def _unread(facts: Facts, of: Role, doubt: Doubt) -> None:
    """What could not be read, for those whom it concerns: where the kind is open, for all."""
    if of & (Role.NETWORK | Role.DESCRIBING):
        facts.unread.append(doubt)
    if of & (Role.MACHINE | Role.DOCUMENT | Role.DESCRIBING):
        facts.unread_machines.append(doubt)
    if of & Role.CONTAINER:
        facts.unread_containers.append(doubt)
    if of & Role.CLIENT:
        facts.unread_clients.append(doubt)
