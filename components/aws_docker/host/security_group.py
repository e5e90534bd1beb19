"""The host's security group: one ingress rule for each trusted source, to TCP 2376 and nothing else.

Which sources are acceptable is decided in networks.py; the host's own firewall says the same again (agent.py).
A group that a caller hands in is only ever named as a source, and never edited.
"""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from ..core.ports import DOCKER_TLS_PORT

# What a host needs: registries, Parameter Store, Session Manager and Amazon Linux's packages by HTTPS; Debian's and
# Ubuntu's package mirrors, whose indexes are signed, by HTTP. DNS, time and metadata need no rule: AWS answers them.
_EGRESS_PORTS = (443, 80)


def security_group(
    name: str, vpc_id: pulumi.Input[str], tags: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> aws.ec2.SecurityGroup:
    return aws.ec2.SecurityGroup(
        f"{name}-security-group",
        description=f"Docker host {name}: TCP {DOCKER_TLS_PORT} from trusted sources only",
        vpc_id=vpc_id,
        tags=tags,
        opts=opts,
    )


def egress_rules(
    name: str,
    group: aws.ec2.SecurityGroup,
    everything: bool,
    tags: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    rules: list[pulumi.Resource] = []
    for family, cidr in (("ipv4", "0.0.0.0/0"), ("ipv6", "::/0")):
        for port in (None,) if everything else _EGRESS_PORTS:
            rules.append(
                aws.vpc.SecurityGroupEgressRule(
                    f"{name}-egress-{port or 'all'}-{family}",
                    security_group_id=group.id,
                    ip_protocol="-1" if port is None else "tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=cidr if family == "ipv4" else None,
                    cidr_ipv6=cidr if family == "ipv6" else None,
                    tags=tags,
                    opts=opts,
                )
            )
    return rules


def ingress_rule(
    name: str,
    label: str,
    group: aws.ec2.SecurityGroup,
    tags: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
    *,
    cidr: pulumi.Input[str] | None = None,
    prefix_list_id: pulumi.Input[str] | None = None,
    source_group_id: pulumi.Input[str] | None = None,
) -> None:
    """Admits one source; `label` names it within the stack, so that adding a source never renumbers another."""
    ipv4 = ipv6 = None
    if cidr is not None:
        known = pulumi.Output.from_input(cidr)
        ipv4 = known.apply(lambda text: None if ":" in text else text)
        ipv6 = known.apply(lambda text: text if ":" in text else None)
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-from-{label}",
        security_group_id=group.id,
        description="Docker over mutual TLS",
        ip_protocol="tcp",
        from_port=DOCKER_TLS_PORT,
        to_port=DOCKER_TLS_PORT,
        cidr_ipv4=ipv4,
        cidr_ipv6=ipv6,
        prefix_list_id=prefix_list_id,
        referenced_security_group_id=source_group_id,
        tags=tags,
        opts=opts,
    )
