"""One machine: its address, its certificate, what it is told, its role, its volumes, its instance.

The address comes before the certificate, and both outlive the instance. This module decides nothing: what is served
is access.py's, what the role allows role.py's, what the machine does with it agent.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pulumi
import pulumi_aws as aws

from . import access, certificates, lookups, role, userdata
from .children import Children, once_known, waiting
from .members import Member
from .plan import Common, HostPlan

# Only such a request can stop an instance and start it again, by us or by EC2. The provider cancels it before it
# terminates the instance (terraform-provider-aws 5.86, #41206): else EC2 would start another.
_SPOT: Final[aws.ec2.InstanceInstanceMarketOptionsArgsDict] = {
    "market_type": "spot",
    "spot_options": {"spot_instance_type": "persistent", "instance_interruption_behavior": "stop"},
}


@dataclass(frozen=True)
class Surroundings:
    """What machines of one component share: who connects, by which certificates, through which security group."""

    trusted: pulumi.Output[list[str]]
    vpc_networks: pulumi.Output[list[str]]
    group: aws.ec2.SecurityGroup
    images: lookups.Images
    identity: certificates.Identity | None
    """None where nobody connects."""
    before_instance: Sequence[pulumi.Resource]
    """What an instance waits for: without egress it could not set itself up."""
    members: aws.ec2.SecurityGroup | None = None
    """The group of a Swarm's members."""


@dataclass(frozen=True)
class Made:
    """A machine, as its component puts it out."""

    endpoint: pulumi.Output[str | None]
    private_ip: pulumi.Output[str]
    public_ip: pulumi.Output[str | None]
    instance_id: pulumi.Output[str]
    document: pulumi.Output[str]
    """What it is told, known once that stands where it looks."""
    status: pulumi.Output[str] | None
    """The parameter that it writes its word to; None where it has no role to write with."""
    server: certificates.Leaf | None


def network_interface(
    children: Children, around: Surroundings, subnet: pulumi.Output[aws.ec2.GetSubnetResult]
) -> aws.ec2.NetworkInterface:
    """What has a machine's address."""
    return aws.ec2.NetworkInterface(
        children.named("interface"),
        subnet_id=subnet.id,
        security_groups=[group.id for group in (around.group, around.members) if group],
        ipv6_address_count=around.trusted.apply(lambda known: 1 if access.needs_ipv6(known) else None),
        description=f"Docker host {children.name}",
        tags=children.tagged("interface"),
        opts=children.options(),
    )


def machine(
    children: Children,
    plan: HostPlan,
    around: Surroundings,
    subnet: pulumi.Output[aws.ec2.GetSubnetResult],
    interface: aws.ec2.NetworkInterface,
    member: Member | None = None,
) -> Made:
    """The machine that has this address; and a member of a Swarm, if it is one."""
    common = plan.common
    ipv6 = waiting(
        once_known(
            access.ipv6_addresses,
            trusted=around.trusted,
            found=interface.ipv6_addresses,
            preview=pulumi.runtime.is_dry_run(),
        )
    )
    before: list[pulumi.Resource] = [*around.before_instance]
    public: aws.ec2.Eip | None = None
    if common.assign_public_ip:
        public = aws.ec2.Eip(
            children.named("ip"), domain="vpc", tags=children.tagged("ip"), opts=children.options()
        )
        before.append(
            aws.ec2.EipAssociation(
                children.named("ip-association"),
                allocation_id=public.allocation_id,
                network_interface_id=interface.id,
                opts=children.options(),
            )
        )
    public_ip = pulumi.Output.from_input(public.public_ip if public else None)
    server = _server(children, common, around.identity, interface, ipv6, public) if around.identity else None
    document = once_known(
        partial(
            access.document,
            engines=common.engines,
            disk=common.docker_disk,
            upkeep=common.upkeep,
            tunnel=common.tunnel,
        ),
        trusted=around.trusted,
        private_ip=interface.private_ip,
        ipv6=ipv6,
        vpc_networks=around.vpc_networks,
        options=common.daemon_options,
        server_key=server.key_pem if server else "",
        server_certificate=server.certificate_pem if server else "",
        member=member.told(common.kms_key_id) if member else None,
        client_authorities=around.identity.client_authorities if around.identity else [],
        published=common.published_ports,
        stop_when_idle_minutes=common.stop_when_idle_minutes,
    )
    instance, told, status = _instance(
        children, plan, around.images, subnet, interface, document, before, member
    )
    return Made(
        endpoint=once_known(
            partial(access.endpoint, tunnel=common.tunnel),
            trusted=around.trusted,
            private_ip=interface.private_ip,
            public_ip=public_ip,
            ipv6=ipv6,
        )
        if server
        else pulumi.Output.from_input(None),
        private_ip=interface.private_ip,
        public_ip=public_ip,
        instance_id=instance.id,
        document=told,
        status=status,
        server=server,
    )


def _server(
    children: Children,
    common: Common,
    identity: certificates.Identity,
    interface: aws.ec2.NetworkInterface,
    ipv6: pulumi.Output[list[str]],
    public: aws.ec2.Eip | None,
) -> certificates.Leaf:
    addresses = once_known(
        access.server_addresses,
        private_ip=interface.private_ip,
        ipv6=ipv6,
        public_ip=public.public_ip if public else None,
    )
    names = once_known(
        access.server_names,
        given=common.certificates.hostnames,
        private=interface.private_dns_name,
        public=public.public_dns if public else None,
    )
    return certificates.server(children, common.certificates, identity, addresses, names)


def _instance(
    children: Children,
    plan: HostPlan,
    images: lookups.Images,
    subnet: pulumi.Output[aws.ec2.GetSubnetResult],
    interface: aws.ec2.NetworkInterface,
    document: pulumi.Output[str],
    before: list[pulumi.Resource],
    member: Member | None,
) -> tuple[aws.ec2.Instance, pulumi.Output[str], pulumi.Output[str] | None]:
    """The instance; the document that it is told, known once that stands where it looks; where it writes its word."""
    common, machine = plan.common, plan.machine
    volume = (
        _data_volume(children, common, common.data_volume_size, subnet) if common.data_volume_size else None
    )
    parameter: aws.ssm.Parameter | None = None
    status: aws.ssm.Parameter | None = None
    profile: aws.iam.InstanceProfile | None = None
    if not common.in_user_data:
        parameter = aws.ssm.Parameter(
            children.named("configuration"),
            description=f"What Docker host {children.name} serves, its server key included",
            type="SecureString",
            # Standard, and so free, up to 4 KiB.
            tier="Intelligent-Tiering",
            # Always said: the provider takes one that is not said for no change, and the parameter would keep a key
            # that the role may not use any more.
            key_id=role.ACCOUNT_KEY if common.kms_key_id is None else common.kms_key_id,
            value=document,
            tags=children.tagged("configuration"),
            opts=children.options(),
        )
        status = aws.ssm.Parameter(
            children.named("status"),
            description=f"What Docker host {children.name} says of itself",
            type="String",
            # Made once it is known that the host will be: the document waits for the sources to be judged.
            value=pulumi.Output.unsecret(document.apply(lambda _: userdata.STATUS_AT_FIRST)),
            tags=children.tagged("status"),
            # The host writes it.
            opts=children.options(ignore_changes=["value"]),
        )
        profile, policy = _profile(children, common, parameter, status, member)
        before.append(policy)
    user_data = once_known(
        userdata.user_data,
        os=common.system.os,
        parameter=parameter.name if parameter else None,
        document=document if common.in_user_data else None,
        volume_id=volume.id if volume else None,
        status=status.name if status else None,
        swarm=member.shared.program.name if member else None,
        spot=common.spot,
    ).apply(userdata.encoded)
    instance = aws.ec2.Instance(
        children.named("instance"),
        ami=images.image(children, machine),
        instance_type=machine.instance_type,
        primary_network_interface={"network_interface_id": interface.id},
        iam_instance_profile=profile.name if profile else None,
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "disabled",
        },
        root_block_device={
            "volume_type": "gp3",
            "volume_size": common.root_volume_size,
            "encrypted": True,
            "kms_key_id": common.kms_key_id,
            "tags": children.tagged("root"),
        },
        user_data_base64=member.in_turn(status, user_data) if member and status else user_data,
        user_data_replace_on_change=True,
        # EC2's own default for what starts from a volume, and said where a host relies on it.
        instance_initiated_shutdown_behavior="stop" if common.stop_when_idle_minutes else None,
        instance_market_options=_SPOT if common.spot else None,
        tags={"Name": children.name, **children.tags},
        # The interface and the data volume can be with one instance at a time. EC2 gives a spot instance no other type.
        opts=children.options(
            depends_on=before,
            delete_before_replace=True,
            replace_on_changes=["instanceType"] if common.spot else None,
        ),
    )
    if volume is not None:
        aws.ec2.VolumeAttachment(
            children.named("data-attachment"),
            device_name="/dev/sdf",
            volume_id=volume.id,
            instance_id=instance.id,
            stop_instance_before_detaching=True,
            opts=children.options(delete_before_replace=True),
        )
    if member and status:
        member.made(instance, status)
    return instance, parameter.value if parameter else document, status.name if status else None


def _data_volume(
    children: Children, common: Common, size: int, subnet: pulumi.Output[aws.ec2.GetSubnetResult]
) -> aws.ebs.Volume:
    return aws.ebs.Volume(
        children.named("data"),
        availability_zone=subnet.availability_zone,
        size=size,
        type="gp3",
        encrypted=True,
        kms_key_id=common.kms_key_id,
        tags=children.tagged("data"),
        opts=children.options(),
    )


def _profile(
    children: Children,
    common: Common,
    parameter: aws.ssm.Parameter,
    status: aws.ssm.Parameter,
    member: Member | None,
) -> tuple[aws.iam.InstanceProfile, aws.iam.RolePolicy]:
    own = aws.iam.Role(
        children.named("role"),
        assume_role_policy=role.ASSUME_ROLE_POLICY,
        tags=children.tagged("role"),
        opts=children.options(),
    )
    policy = aws.iam.RolePolicy(
        children.named("role-policy"),
        role=own.name,
        policy=once_known(
            role.policy,
            parameter=parameter.arn,
            status=status.arn,
            key=common.kms_key_id,
            member=member.statements(common.kms_key_id) if member else (),
        ),
        opts=children.options(),
    )
    profile = aws.iam.InstanceProfile(
        children.named("profile"), role=own.name, tags=children.tagged("profile"), opts=children.options()
    )
    return profile, policy
