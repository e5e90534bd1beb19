"""Several Docker hosts for CI, by name: taking one away touches no other, because nothing is counted.

Each host has CAs and client certificates of its own: who may use one may not use the next.
"""

import pulumi

from aws_docker import DockerHost

config = pulumi.Config()
instance_types: dict[str, str] = config.require_object("hosts")

hosts = {
    name: DockerHost(
        name,
        {
            "trusted_cidrs": ["10.0.5.0/24"],
            "clients": ["ci"],
            "subnet_id": config.require("subnetId"),
            "instance_type": instance_type,
            "data_volume_size": 100,
            "tags": {"fleet": "ci"},
        },
    )
    for name, instance_type in instance_types.items()
}

pulumi.export("endpoints", {name: host.endpoint for name, host in hosts.items()})
pulumi.export("ca_materials", {name: host.ca_material for name, host in hosts.items()})
pulumi.export("cert_materials", {name: host.cert_material for name, host in hosts.items()})
pulumi.export("key_materials", {name: host.key_material for name, host in hosts.items()})
