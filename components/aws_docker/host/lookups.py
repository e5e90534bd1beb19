"""What is asked of the account before a host is made: its subnet and VPC, whom prefix lists stand for, its image.

What was chosen from several is kept in the stack: a subnet or an image that comes later must not replace the host.
"""

from typing import Any

import pulumi
import pulumi_aws as aws

from . import access, advice, placement
from .children import Children, once_known
from .plan import Machine, Sources
from .reading import is_late
from .systems import System


def subnet(
    children: Children, subnet_id: pulumi.Input[str] | None, vpc_id: pulumi.Input[str] | None
) -> pulumi.Output[aws.ec2.GetSubnetResult]:
    """The subnet that was named, or the one that was first chosen of the VPC's."""
    chosen = _chosen_subnet(children, vpc_id) if subnet_id is None else subnet_id
    found = aws.ec2.get_subnet_output(id=chosen, opts=children.asking)
    if vpc_id is None:
        return found
    checked = once_known(placement.check_vpc, subnet=found.id, lies_in=found.vpc_id, vpc=vpc_id)
    return pulumi.Output.all(found, checked).apply(lambda both: both[0])


def _chosen_subnet(children: Children, vpc_id: pulumi.Input[str] | None) -> pulumi.Output[str]:
    within = aws.ec2.get_vpc_output(default=True, opts=children.asking).id if vpc_id is None else vpc_id
    # The SDK's types do not say that the values may be Outputs.
    filters: list[Any] = [{"name": "vpc-id", "values": [within]}]
    if vpc_id is None:
        filters.append({"name": "default-for-az", "values": ["true"]})
    found = aws.ec2.get_subnets_output(filters=filters, opts=children.asking)
    return pulumi.Stash(
        children.named("subnet"),
        input=once_known(placement.first_subnet, subnets=found.ids, vpc=within),
        opts=children.options(ignore_changes=["input"], replacement_trigger=within),
    ).output


def vpc_networks(
    children: Children, subnet: pulumi.Output[aws.ec2.GetSubnetResult]
) -> pulumi.Output[list[str]]:
    """The IPv4 networks of the subnet's VPC."""
    vpc = aws.ec2.get_vpc_output(id=subnet.vpc_id, opts=children.asking)
    return vpc.cidr_block_associations.apply(lambda blocks: [block.cidr_block for block in blocks])


def trusted(
    children: Children, sources: Sources, vpc_networks: pulumi.Output[list[str]]
) -> pulumi.Output[list[str]]:
    """Every trusted network, judged again now that all values are known: the given ones come first."""
    found = [
        aws.ec2.get_managed_prefix_list_output(id=each, opts=children.asking) for each in sources.prefix_lists
    ]
    entries = [each.entries.apply(lambda listed: [entry.cidr for entry in listed]) for each in found]
    return once_known(
        access.trusted,
        networks=sources.networks,
        listed=entries,
        members=vpc_networks if sources.security_groups else [],
        needed=is_late(sources.networks),
    )


def image(children: Children, system: System, machine: Machine) -> pulumi.Input[str]:
    """The image that was named, or the one that was the publisher's newest when the host was first made."""
    if machine.ami_id is not None:
        return machine.ami_id
    kind = aws.ec2.get_instance_type_output(instance_type=machine.instance_type, opts=children.asking)
    once_known(advice.short_of_memory, instance_type=machine.instance_type, mebibytes=kind.memory_size).apply(
        lambda warning: pulumi.log.warn(warning, children.parent) if warning else None
    )
    architecture = kind.supported_architectures.apply(system.architecture)
    newest = aws.ssm.get_parameter_output(
        name=architecture.apply(system.image_parameter.format), opts=children.asking
    )
    return pulumi.Stash(
        children.named("image"),
        input=newest.insecure_value,
        opts=children.options(
            ignore_changes=["input"],
            replacement_trigger=architecture.apply(lambda name: f"{system.os.value} {name}"),
        ),
    ).output
