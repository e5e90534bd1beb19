"""Several Docker hosts for CI, of both architectures, with one identity: one client bundle reaches all of them.

Names are all there is: to add a host, or to take one away, touches no other.
"""

import pulumi

from aws_docker import DockerFleet

config = pulumi.Config()

fleet = DockerFleet(
    "ci",
    {
        "instance_types": config.require_object("hosts"),
        "trusted_cidrs": ["10.0.5.0/24"],
        "clients": ["ci"],
        "subnet_ids": config.require_object("subnetIds"),
        "data_volume_size": 100,
        "tags": {"fleet": "ci"},
    },
)

pulumi.export("endpoints", fleet.endpoints)
pulumi.export("ca_material", fleet.ca_material)
pulumi.export("cert_material", fleet.cert_material)
pulumi.export("key_material", fleet.key_material)
