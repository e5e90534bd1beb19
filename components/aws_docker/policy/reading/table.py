"""The one table of what is read: each resource kind, its reader, and its roles. docs/policies.md shows it.

Kinds are named as Pulumi YAML names them: `aws:ec2:SecurityGroup` stands for `aws:ec2/securityGroup:SecurityGroup`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Flag, auto
from functools import lru_cache
from typing import Any, Final, NamedTuple

from . import balancers, commands, containers, documents, forwarders, machines, networks
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
    BALANCER = auto()
    LISTENER = auto()
    """It listens for a load balancer."""
    TARGETS = auto()
    """A group of targets of a load balancer."""
    TARGET = auto()
    """It adds one target to such a group."""
    ENDPOINT_SERVICE = auto()
    """It publishes load balancers to other networks and accounts."""
    SENT = auto()
    """It sends a document to machines."""
    SENDABLE = auto()
    """A document that can be sent to machines."""
    METADATA = auto()
    """Its `metadataOptions` can be set."""
    DEFAULT = auto()
    """It stands where nothing is said."""


class Kind(NamedTuple):
    """A kind of resource."""

    reader: Reader | None
    """None where it is only joined with others, or described in text."""
    roles: Role
    judged: frozenset[str]
    """The properties that are judged."""


def _kind(reader: Reader | None, roles: Role, judged: str = "") -> Kind:
    return Kind(reader, roles, frozenset(judged.split()))


_LB_MODULES = ("lb", "alb", "applicationloadbalancing", "elasticloadbalancingv2")

_GROUP: Final = _kind(networks.inline_ingress, Role.NETWORK | Role.GROUP, "ingress securityGroupIngress")
_RULE: Final = _kind(
    networks.standalone_rule,
    Role.NETWORK | Role.RULE,
    "type protocol ipProtocol fromPort toPort cidrBlocks ipv6CidrBlocks cidrIpv4 cidrIpv6 cidrIp cidrIpV6 self "
    "prefixListIds prefixListId sourcePrefixListId sourceSecurityGroupId sourceSecurityGroupName "
    "referencedSecurityGroupId",
)
_ACL: Final = _kind(networks.network_acl, Role.NETWORK, "ingress")
_ACL_RULE: Final = _kind(
    networks.acl_rule,
    Role.NETWORK,
    "protocol fromPort toPort portRange cidrBlock ipv6CidrBlock ruleAction ruleNumber egress",
)
_LISTENER: Final = _kind(balancers.listener, Role.NETWORK | Role.LISTENER, "port protocol")
_TARGETS: Final = _kind(balancers.target_group, Role.NETWORK | Role.TARGETS, "port protocol targets config")
_TARGET: Final = _kind(balancers.attachment, Role.NETWORK | Role.TARGET, "port target")
_CLASSIC: Final = _kind(balancers.classic, Role.NETWORK, "listeners")
_ACCELERATOR: Final = _kind(balancers.accelerator, Role.NETWORK, "portRanges portOverrides")
_OF_INSTANCE: Final = (
    "userData userDataBase64 metadataOptions launchTemplate networkInterfaces vpcSecurityGroupIds securityGroups "
    "securityGroupIds"
)
_INSTANCE: Final = _kind(machines.instance, Role.MACHINE, _OF_INSTANCE)
_SETTABLE: Final = _kind(machines.instance, Role.MACHINE | Role.METADATA, _OF_INSTANCE)
_SPOT_FLEET: Final = _kind(
    machines.spot_fleet, Role.MACHINE, "launchSpecifications spotFleetRequestConfigData"
)
_DESCRIBING: Final = _kind(None, Role.DESCRIBING, "desiredState properties templateBody parameters")
_BALANCER: Final = _kind(None, Role.BALANCER)
_ENDPOINT_SERVICE: Final = _kind(None, Role.ENDPOINT_SERVICE, "networkLoadBalancerArns")
_CLOUDFRONT: Final = _kind(forwarders.cloudfront, Role.NETWORK, "origins distributionConfig")
_VPC_ORIGIN: Final = _kind(forwarders.vpc_origin, Role.NETWORK, "vpcOriginEndpointConfig")
_INTEGRATION: Final = _kind(forwarders.api_integration, Role.NETWORK, "uri integrationUri integration")
_API: Final = _kind(forwarders.api, Role.NETWORK, "body target")
_MESH: Final = _kind(forwarders.mesh, Role.NETWORK, "spec")
_LATTICE_RESOURCE: Final = _kind(forwarders.lattice_resource, Role.NETWORK, "portRanges")
_VERIFIED_ACCESS: Final = _kind(
    forwarders.verified_access, Role.NETWORK, "loadBalancerOptions networkInterfaceOptions cidrOptions"
)
_CUSTOM_ROUTING: Final = _kind(forwarders.custom_routing, Role.NETWORK, "destinationConfigurations")
_ECS_SERVICE: Final = _kind(forwarders.ecs_service, Role.NETWORK, "loadBalancers serviceConnectConfiguration")
_ECS_TASK: Final = _kind(containers.ecs_task, Role.CONTAINER, "containerDefinitions volumes networkMode")
_BATCH_JOB: Final = _kind(
    containers.batch_job, Role.CONTAINER, "containerProperties ecsProperties nodeProperties eksProperties"
)
_LIGHTSAIL_DEPLOYMENT: Final = _kind(
    containers.lightsail_deployment, Role.CONTAINER, "containers publicEndpoint containerServiceDeployment"
)
_SSM_DOCUMENT: Final = _kind(documents.ssm_document, Role.DOCUMENT | Role.SENDABLE, "content")
_ASSOCIATION: Final = _kind(documents.ssm_association, Role.DOCUMENT | Role.SENT, "name parameters")
_MAINTENANCE_TASK: Final = _kind(
    documents.maintenance_task, Role.DOCUMENT | Role.SENT, "taskArn taskInvocationParameters"
)
_IMAGE_COMPONENT: Final = _kind(documents.image_component, Role.DOCUMENT, "data uri")
_IMAGE_RECIPE: Final = _kind(
    documents.image_recipe, Role.DOCUMENT, "userDataBase64 additionalInstanceConfiguration"
)
_NOTEBOOK: Final = _kind(documents.notebook, Role.DOCUMENT, "onCreate onStart")
_COMMAND: Final = _kind(commands.command, Role.DOCUMENT)
_COPIED_FILE: Final = _kind(commands.copied_file, Role.DOCUMENT)


def _native_lightsail(resource: Value, facts: Facts) -> None:
    networks.public_ports(resource, facts)
    machines.lightsail_instance(resource, facts)


KINDS: Final[Mapping[str, Kind]] = {
    "aws:ec2:SecurityGroup": _GROUP,
    "aws:ec2:DefaultSecurityGroup": _kind(networks.inline_ingress, _GROUP.roles | Role.DEFAULT, "ingress"),
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
    "aws:lightsail:InstancePublicPorts": _kind(networks.public_ports, Role.NETWORK, "portInfos"),
    "aws:lightsail:Lb": _kind(balancers.lightsail, Role.NETWORK, "instancePort"),
    "aws-native:lightsail:LoadBalancer": _kind(balancers.lightsail, Role.NETWORK, "instancePort"),
    "aws:lightsail:Instance": _kind(machines.lightsail_instance, Role.MACHINE, "userData"),
    "aws-native:lightsail:Instance": _kind(
        _native_lightsail, Role.MACHINE | Role.NETWORK, "userData networking"
    ),
    "aws:ec2:Instance": _SETTABLE,
    "aws:ec2:LaunchTemplate": _kind(machines.instance, _SETTABLE.roles | Role.TEMPLATE, _OF_INSTANCE),
    "aws:ec2:LaunchConfiguration": _SETTABLE,
    "aws:ec2:SpotInstanceRequest": _SETTABLE,
    "aws:ec2:SpotFleetRequest": _SPOT_FLEET,
    "aws-native:ec2:Instance": _INSTANCE,
    "aws-native:ec2:LaunchTemplate": _kind(
        machines.native_template, Role.MACHINE | Role.TEMPLATE, "launchTemplateData"
    ),
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
    "aws:ecs:DaemonTaskDefinition": _kind(
        containers.ecs_daemon_task, Role.CONTAINER, "containerDefinitions volumes"
    ),
    "aws:ecs:ExpressGatewayService": _kind(containers.ecs_express, Role.CONTAINER, "primaryContainer"),
    "aws-native:ecs:ExpressGatewayService": _kind(containers.ecs_express, Role.CONTAINER, "primaryContainer"),
    "aws:ecs:Service": _ECS_SERVICE,
    "aws-native:ecs:Service": _ECS_SERVICE,
    "aws:batch:JobDefinition": _BATCH_JOB,
    "aws-native:batch:JobDefinition": _BATCH_JOB,
    "aws:lightsail:ContainerServiceDeploymentVersion": _LIGHTSAIL_DEPLOYMENT,
    "aws-native:lightsail:Container": _LIGHTSAIL_DEPLOYMENT,
    "docker:index:Container": _kind(
        containers.docker_container,
        Role.CONTAINER,
        "image command entrypoints envs ports mounts volumes networkMode",
    ),
    "docker:index:Service": _kind(containers.docker_service, Role.CONTAINER, "taskSpec endpointSpec"),
    "pulumi:providers:docker": _kind(containers.docker_provider, Role.CLIENT),
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
    "aws:ec2:NetworkInterface": _kind(None, Role.INTERFACE, "securityGroups groupSet"),
    "aws-native:ec2:NetworkInterface": _kind(None, Role.INTERFACE, "securityGroups groupSet"),
    "aws:ec2:NetworkInterfaceAttachment": _kind(None, Role.INTERFACE_ATTACHMENT),
    "aws-native:ec2:NetworkInterfaceAttachment": _kind(None, Role.INTERFACE_ATTACHMENT),
    "aws:ec2:NetworkInterfaceSecurityGroupAttachment": _kind(None, Role.GROUP_ATTACHMENT),
    **{f"aws:{module}:LoadBalancer": _BALANCER for module in _LB_MODULES},
    "aws-native:elasticloadbalancingv2:LoadBalancer": _BALANCER,
    "aws:ec2:VpcEndpointService": _ENDPOINT_SERVICE,
    "aws-native:ec2:VpcEndpointService": _ENDPOINT_SERVICE,
    "aws:ec2:ManagedPrefixList": _kind(None, Role.PREFIX_LIST, "entries"),
    "aws-native:ec2:PrefixList": _kind(None, Role.PREFIX_LIST, "entries"),
    "aws:ec2:ManagedPrefixListEntry": _kind(None, Role.PREFIX_LIST_ENTRY, "cidr"),
    "aws:cloudcontrol:Resource": _DESCRIBING,
    "aws-native:index:ExtensionResource": _DESCRIBING,
    "aws:cloudformation:Stack": _DESCRIBING,
    "aws:cloudformation:StackSet": _DESCRIBING,
    "aws-native:cloudformation:Stack": _DESCRIBING,
    "aws-native:cloudformation:StackSet": _DESCRIBING,
}
"""All that is read. A new kind is one row here, and one in docs/policies.md."""

_NOTHING: Final = Role(0)
READ: Final = Role.NETWORK | Role.MACHINE | Role.DOCUMENT | Role.CONTAINER | Role.CLIENT | Role.DESCRIBING
"""What is read by itself; all else is only joined."""
WAYS_IN: Final = Role.NETWORK | Role.CONTAINER | Role.DESCRIBING
"""What says who reaches a port."""
DOCUMENTS: Final = Role.MACHINE | Role.DOCUMENT | Role.DESCRIBING
"""What holds documents that machines run."""


def kinds(role: Role) -> frozenset[str]:
    """The short forms of all kinds with a role."""
    return frozenset(short for short, kind in KINDS.items() if role in kind.roles)


_READ_KINDS: Final = frozenset(short for short, kind in KINDS.items() if kind.roles & READ)


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


def ignored(token: str, paths: Iterable[str]) -> list[str]:
    """Of the paths whose changes a resource ignores, those to what is judged: `ingress`, `ingress[0]`, `*`."""
    kind = KINDS.get(short_form(token))
    if kind is None or not kind.judged:
        return []
    return [path for path in paths if path == "*" or re.split(r"[.\[]", path, maxsplit=1)[0] in kind.judged]


def read(token: str, properties: Any) -> Facts | None:
    """What a resource says; None for a kind that is not read. Never raises: what cannot be read is in the facts."""
    short = short_form(token)
    kind = KINDS.get(short)
    if kind is None or short not in _READ_KINDS:
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
    if of & (Role.MACHINE | Role.DESCRIBING):
        facts.unread_machines.append(doubt)
    if of & Role.DOCUMENT:
        facts.unread_documents.append(doubt)
    if of & Role.CONTAINER:
        facts.unread_containers.append(doubt)
    if of & Role.CLIENT:
        facts.unread_clients.append(doubt)
