"""DockerFleet: several Docker hosts with one identity, so that one client bundle reaches all of them.

This module says what exists; names are all that says which hosts there are. Every decision is plan.py's or access.py's,
and each machine is made as a DockerHost's is (machine.py).
"""

from collections.abc import Mapping

import pulumi

from . import advice, certificates, lookups, members, security_group, sleeping, waiting
from .arguments import DockerFleetArgs
from .certificates import by_name
from .children import Children, refusing
from .machine import Surroundings, machine, network_interface
from .plan import fleet_plan


class DockerFleet(pulumi.ComponentResource):
    """Docker hosts on EC2 that serve the same clients: one server CA, one set of client certificates, one security
    group. Each host is reachable as a DockerHost is, or not at all."""

    endpoints: pulumi.Output[Mapping[str, str]]
    """What clients connect to, by host, e.g. `tcp://10.0.5.10:2376`; `tcp://127.0.0.1:2376` where a tunnel alone leads
    there, and empty where nobody is trusted."""

    endpoint: pulumi.Output[str | None]
    """The first host's by name; in a Swarm, the first manager's."""

    manager_endpoints: pulumi.Output[Mapping[str, str]]
    """The endpoints of a Swarm's managers, by host: any of them takes commands. Empty without a Swarm."""

    ca_material: pulumi.Output[str | None]
    """The certificate (PEM) of the CA that signed every server's, while it is renewed the next one's too: clients'
    `ca.pem`."""

    cert_material: pulumi.Output[str | None]
    """The first client's certificate (PEM): its `cert.pem`."""

    key_material: pulumi.Output[str | None]
    """The first client's key (PEM), secret: its `key.pem`."""

    client_cert_materials: pulumi.Output[Mapping[str, str]]
    """Every client's certificate (PEM) by name."""

    client_key_materials: pulumi.Output[Mapping[str, str]]
    """Every client's key (PEM) by name, secret."""

    private_ips: pulumi.Output[Mapping[str, str]]
    """The private IPv4 address of each host's network interface, kept for the interface's life."""

    public_ips: pulumi.Output[Mapping[str, str]]
    """Each host's Elastic IP, if they were asked for."""

    instance_ids: pulumi.Output[Mapping[str, str]]
    """The EC2 instances by host."""

    security_group_id: pulumi.Output[str]
    """The security group of all hosts; further rules can be attached to it."""

    certificates_expire_at: pulumi.Output[str | None]
    """When the first of the servers' and clients' certificates expires, or of their CAs (RFC 3339)."""

    def __init__(self, name: str, args: DockerFleetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        fleet = refusing(fleet_plan)(name, args)
        super().__init__("aws-docker:index:DockerFleet", name, {}, opts)
        common = fleet.common
        for warning in advice.warnings(common, fleet.machines):
            pulumi.log.warn(warning, self)
        children = Children(self, name, common.tags)
        hosts = {
            each.name.removeprefix(f"{name}-"): (Children(self, each.name, common.tags), each)
            for each in fleet.machines
        }

        subnets = lookups.fleet_subnets(children, list(hosts.values()), common.vpc_id)
        vpc_networks = lookups.vpc_networks(children, subnets[0])
        trusted = lookups.trusted(children, common.sources, vpc_networks)
        group = security_group.security_group(children, subnets[0].vpc_id)
        egress = security_group.egress_rules(children, group, common.allow_all_egress)
        security_group.ingress_rules(children, group, common.sources, common.published_ports, trusted)
        identity = certificates.identity(children, common.certificates) if common.served else None
        images = lookups.Images(children, common)
        among = members.group(children, subnets[0].vpc_id) if common.managers else None
        around = Surroundings(trusted, vpc_networks, group, images, identity, egress, among)
        interfaces = {
            host: network_interface(own, around, subnet)
            for (host, (own, _)), subnet in zip(hosts.items(), subnets, strict=True)
        }
        addresses = {host: interface.private_ip for host, interface in interfaces.items()}
        swarm = members.shared(children, common, addresses) if among else None
        made = {
            host: machine(
                own,
                fleet.host(each),
                around,
                subnet,
                interfaces[host],
                members.Member(swarm, host) if swarm else None,
            )
            for (host, (own, each)), subnet in zip(hosts.items(), subnets, strict=True)
        }

        servers = [each.server for each in made.values() if each.server]
        certificates.warn_of_ends(self, common.certificates, identity, servers)
        materials = certificates.materials(identity, servers)
        sleeping.tell(self, common, {f"{name}-{host}": each for host, each in made.items()})
        asked = made.values() if common.wait_until_ready else ()
        answers = [waiting.answered(self, each, materials, trusted) for each in asked]
        materials = waiting.held_materials(answers, materials)
        first = made[min(common.managers, default=next(iter(made)))]
        self.endpoint = waiting.held(answers, first.endpoint)
        self.endpoints = waiting.held(answers, by_name({host: each.endpoint for host, each in made.items()}))
        self.manager_endpoints = waiting.held(
            answers, by_name({host: made[host].endpoint for host in sorted(common.managers)})
        )
        self.ca_material = materials.ca
        self.cert_material = materials.first_certificate
        self.key_material = materials.first_key
        self.client_cert_materials = materials.certificates
        self.client_key_materials = materials.keys
        self.private_ips = by_name({host: each.private_ip for host, each in made.items()})
        self.public_ips = by_name({host: each.public_ip for host, each in made.items()})
        self.instance_ids = by_name({host: each.instance_id for host, each in made.items()})
        self.security_group_id = group.id
        self.certificates_expire_at = materials.expire_at
        self.register_outputs({output: getattr(self, output) for output in DockerFleet.__annotations__})
