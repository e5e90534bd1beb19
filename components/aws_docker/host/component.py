"""DockerHost: one EC2 instance whose Docker API answers to trusted sources over mutual TLS, and to nobody else.

This module says what exists, and in which order. What a host is, with every refusal, is decided in plan.py, and in
access.py once late values are known; what a host is told, in userdata.py; what it does with that, in agent.py.
"""

from collections.abc import Mapping
from typing import Optional

import pulumi

from . import advice, certificates, lookups, security_group, sleeping, waiting
from .arguments import DockerHostArgs
from .children import Children, DockerHostError, refusing
from .machine import Surroundings, machine, network_interface
from .plan import plan

__all__ = ["DockerHost", "DockerHostError"]


class DockerHost(pulumi.ComponentResource):
    """A Docker host on EC2 whose API is reachable on TCP 2376 by trusted sources over mutual TLS, or not at all."""

    endpoint: pulumi.Output[Optional[str]]
    """What clients connect to, e.g. `tcp://10.0.5.10:2376`. With `session_manager_tunnel` and no trusted source it is
    `tcp://127.0.0.1:2376`, which is served while `aws-docker tunnel` runs; none on a local-only host."""

    ca_material: pulumi.Output[Optional[str]]
    """The certificate (PEM) of the CA that signed the server's, while it is renewed the next one's too: clients'
    `ca.pem`."""

    cert_material: pulumi.Output[Optional[str]]
    """The first client's certificate (PEM): its `cert.pem`."""

    key_material: pulumi.Output[Optional[str]]
    """The first client's key (PEM), secret: its `key.pem`."""

    client_cert_materials: pulumi.Output[Mapping[str, str]]
    """Every client's certificate (PEM) by name."""

    client_key_materials: pulumi.Output[Mapping[str, str]]
    """Every client's key (PEM) by name, secret."""

    private_ip: pulumi.Output[str]
    """The private IPv4 address of the host's network interface, kept for the interface's life."""

    public_ip: pulumi.Output[Optional[str]]
    """The Elastic IP, if one was asked for."""

    instance_id: pulumi.Output[str]
    """The EC2 instance."""

    security_group_id: pulumi.Output[str]
    """The host's security group; further rules can be attached to it."""

    certificates_expire_at: pulumi.Output[Optional[str]]
    """When the first of the server's and clients' certificates expires, or of their CAs (RFC 3339)."""

    def __init__(
        self, name: str, args: DockerHostArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        host = refusing(plan)(name, args)
        super().__init__("aws-docker:index:DockerHost", name, {}, opts)
        for warning in advice.warnings(host.common, [host.machine]):
            pulumi.log.warn(warning, self)
        common = host.common
        children = Children(self, name, common.tags)

        subnet = lookups.subnet(children, host.machine.subnet_id, common.vpc_id)
        vpc_networks = lookups.vpc_networks(children, subnet)
        trusted = lookups.trusted(children, common.sources, vpc_networks)
        group = security_group.security_group(children, subnet.vpc_id)
        egress = security_group.egress_rules(children, group, common.allow_all_egress)
        security_group.ingress_rules(children, group, common.sources, common.published_ports, trusted)
        identity = certificates.identity(children, common.certificates) if common.served else None
        images = lookups.Images(children, common)
        around = Surroundings(trusted, vpc_networks, group, images, identity, egress)
        interface = network_interface(children, around, subnet)
        made = machine(children, host, around, subnet, interface)

        servers = [made.server] if made.server else []
        certificates.warn_of_ends(self, common.certificates, identity, servers)
        materials = certificates.materials(identity, servers)
        sleeping.tell(self, common, {name: made})
        answers = [waiting.answered(self, made, materials, trusted)] if common.wait_until_ready else []
        materials = waiting.held_materials(answers, materials)
        self.endpoint = waiting.held(answers, made.endpoint)
        self.ca_material = materials.ca
        self.cert_material = materials.first_certificate
        self.key_material = materials.first_key
        self.client_cert_materials = materials.certificates
        self.client_key_materials = materials.keys
        self.private_ip = made.private_ip
        self.public_ip = made.public_ip
        self.instance_id = made.instance_id
        self.security_group_id = group.id
        self.certificates_expire_at = materials.expire_at
        self.register_outputs({output: getattr(self, output) for output in DockerHost.__annotations__})
