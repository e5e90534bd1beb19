"""What is asked of the account before a host is made: its subnet and VPC, whom prefix lists stand for, its image.

What was chosen from several is kept in the stack: a subnet or an image that comes later must not replace the host.
"""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from . import access, advice, placement
from .children import Children, once_known
from .plan import Common, Machine, Sources
from .reading import is_late


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


def fleet_subnets(
    children: Children,
    hosts: Sequence[tuple[Children, Machine]],
    vpc_id: pulumi.Input[str] | None,
) -> list[pulumi.Output[aws.ec2.GetSubnetResult]]:
    """A subnet for each host, in turn; each keeps the one that it was made in, whoever comes or goes beside it."""
    named = [machine.subnet_id for _, machine in hosts if machine.subnet_id is not None]
    if named:
        within = vpc_id or aws.ec2.get_subnet_output(id=named[0], opts=children.asking).vpc_id
        turns = [pulumi.Output.from_input(subnet_id) for subnet_id in named]
    else:
        within, offered = _offered_subnets(children, vpc_id)
        turns = [
            once_known(placement.spread_subnet, subnets=offered, vpc=within, position=position)
            for position in range(len(hosts))
        ]
    found: list[pulumi.Output[aws.ec2.GetSubnetResult]] = []
    for (host, _), turn in zip(hosts, turns, strict=True):
        kept = aws.ec2.get_subnet_output(id=_kept_subnet(host, turn, within), opts=children.asking)
        checked = once_known(placement.check_vpc, subnet=kept.id, lies_in=kept.vpc_id, vpc=within)
        found.append(pulumi.Output.all(kept, checked).apply(lambda both: both[0]))
    return found


def _chosen_subnet(children: Children, vpc_id: pulumi.Input[str] | None) -> pulumi.Output[str]:
    within, offered = _offered_subnets(children, vpc_id)
    return _kept_subnet(children, once_known(placement.first_subnet, subnets=offered, vpc=within), within)


def _offered_subnets(
    children: Children, vpc_id: pulumi.Input[str] | None
) -> tuple[pulumi.Input[str], pulumi.Output[list[str]]]:
    """The VPC, and its subnets that a host may stand in."""
    within = aws.ec2.get_vpc_output(default=True, opts=children.asking).id if vpc_id is None else vpc_id
    # The SDK's types do not say that the values may be Outputs.
    filters: list[Any] = [{"name": "vpc-id", "values": [within]}]
    if vpc_id is None:
        filters.append({"name": "default-for-az", "values": ["true"]})
    return within, aws.ec2.get_subnets_output(filters=filters, opts=children.asking).ids


def _kept_subnet(
    children: Children, chosen: pulumi.Output[str], within: pulumi.Input[str]
) -> pulumi.Output[str]:
    return pulumi.Stash(
        children.named("subnet"),
        input=chosen,
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


class Images:
    """The images that machines start from. What is the same for several is asked once."""

    def __init__(self, children: Children, common: Common) -> None:
        self._children = children
        self._named = common.ami_id
        self._system = common.system
        self._architectures: dict[str, pulumi.Output[str]] = {}

    def image(self, children: Children, machine: Machine) -> pulumi.Input[str]:
        """The image that was named, or the one that was the publisher's newest when the machine was first made."""
        if self._named is not None:
            return self._named
        architecture = self._architecture(machine.instance_type)
        newest = aws.ssm.get_parameter_output(
            name=architecture.apply(self._system.image_parameter.format), opts=self._children.asking
        )
        return pulumi.Stash(
            children.named("image"),
            input=newest.insecure_value,
            opts=children.options(
                ignore_changes=["input"],
                replacement_trigger=architecture.apply(lambda name: f"{self._system.os.value} {name}"),
            ),
        ).output

    def _architecture(self, instance_type: pulumi.Input[str]) -> pulumi.Output[str]:
        if isinstance(instance_type, str) and instance_type in self._architectures:
            return self._architectures[instance_type]
        kind = aws.ec2.get_instance_type_output(instance_type=instance_type, opts=self._children.asking)
        once_known(advice.short_of_memory, instance_type=instance_type, mebibytes=kind.memory_size).apply(
            lambda warning: pulumi.log.warn(warning, self._children.parent) if warning else None
        )
        architecture = kind.supported_architectures.apply(self._system.architecture)
        if isinstance(instance_type, str):
            self._architectures[instance_type] = architecture
        return architecture
