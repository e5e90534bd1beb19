"""The host's security group: one ingress rule for each trusted source to TCP 2376, one to each of the ports that
containers may publish to them, and nothing else.

Which sources are acceptable is decided in trust.py; the host's own firewall says the same again (agent.py).
A group that a caller hands in is only ever named as a source, and never edited.
"""

from collections.abc import Sequence
from typing import Any, cast

import pulumi
import pulumi_aws as aws

from ..core.ports import DOCKER_TLS_PORT
from ..core.trust import trusted_networks
from .children import Children
from .plan import Sources
from .published import bounds

# What a host needs: registries, Parameter Store, Session Manager and Amazon Linux's packages by HTTPS; Debian's and
# Ubuntu's package mirrors, whose indexes are signed, by HTTP. DNS, time and metadata need no rule: AWS answers them.
_EGRESS_PORTS = (443, 80)


def security_group(children: Children, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
    return aws.ec2.SecurityGroup(
        children.named("security-group"),
        description=f"Docker host {children.name}: TCP {DOCKER_TLS_PORT} from trusted sources only",
        vpc_id=vpc_id,
        tags=children.tagged("security-group"),
        opts=children.options(),
    )


def egress_rules(children: Children, group: aws.ec2.SecurityGroup, everything: bool) -> list[pulumi.Resource]:
    return [
        aws.vpc.SecurityGroupEgressRule(
            children.named(f"egress-{port or 'all'}-{family}"),
            security_group_id=group.id,
            ip_protocol="-1" if port is None else "tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr if family == "ipv4" else None,
            cidr_ipv6=cidr if family == "ipv6" else None,
            tags=children.tagged("egress"),
            opts=children.options(),
        )
        for family, cidr in (("ipv4", "0.0.0.0/0"), ("ipv6", "::/0"))
        for port in ((None,) if everything else _EGRESS_PORTS)
    ]


def ingress_rules(
    children: Children,
    group: aws.ec2.SecurityGroup,
    sources: Sources,
    published: Sequence[str],
    trusted: pulumi.Output[list[str]],
) -> None:
    """Admits each source, once `trusted` says that all may be. A rule is named after its source where that is known,
    so that another source never renames it."""

    def rule(label: str, **source: Any) -> None:
        docker = (DOCKER_TLS_PORT, DOCKER_TLS_PORT)
        _ingress_rule(children, f"from-{label}", group, docker, "Docker over mutual TLS", **source)
        for ports in published:
            name = f"published-{ports}-from-{label}"
            _ingress_rule(children, name, group, bounds(ports), "What containers publish", **source)

    networks = sources.networks
    if isinstance(networks, pulumi.Output):
        # How many there are is not known before the Output is: the rules appear with `up`, not in the preview.
        pulumi.Output.all(networks, trusted).apply(
            lambda both: [rule(_label(cidr), cidr=cidr) for cidr in both[1][: len(both[0])]]
        )
    else:
        for index, cidr in enumerate(cast(Sequence[pulumi.Input[str]], networks)):
            label = _label(str(trusted_networks([cidr])[0])) if isinstance(cidr, str) else f"source-{index}"
            rule(label, cidr=trusted.apply(lambda known, index=index: known[index]))
    for index, prefix_list in enumerate(sources.prefix_lists):
        label = prefix_list if isinstance(prefix_list, str) else f"prefix-list-{index}"
        # Waits for the entries to be judged.
        rule(label, prefix_list_id=pulumi.Output.all(prefix_list, trusted).apply(lambda both: both[0]))
    for index, source in enumerate(sources.security_groups):
        rule(source if isinstance(source, str) else f"group-{index}", source_group_id=source)


def _ingress_rule(
    children: Children,
    name: str,
    group: aws.ec2.SecurityGroup,
    ports: tuple[int, int],
    description: str,
    *,
    cidr: pulumi.Input[str] | None = None,
    prefix_list_id: pulumi.Input[str] | None = None,
    source_group_id: pulumi.Input[str] | None = None,
) -> None:
    ipv4 = ipv6 = None
    if cidr is not None:
        known = pulumi.Output.from_input(cidr)
        ipv4 = known.apply(lambda text: None if ":" in text else text)
        ipv6 = known.apply(lambda text: text if ":" in text else None)
    aws.vpc.SecurityGroupIngressRule(
        children.named(name),
        security_group_id=group.id,
        description=description,
        ip_protocol="tcp",
        from_port=ports[0],
        to_port=ports[1],
        cidr_ipv4=ipv4,
        cidr_ipv6=ipv6,
        prefix_list_id=prefix_list_id,
        referenced_security_group_id=source_group_id,
        tags=children.tagged("source"),
        opts=children.options(),
    )


def _label(cidr: str) -> str:
    # A URN is split at "::", which IPv6 networks hold.
    return cidr.replace("/", "-").replace(":", "_")
