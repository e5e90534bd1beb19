"""One Docker host for several people and CI: a certificate for each, taken back by taking the name away."""

import pulumi

from aws_docker import DockerHost

config = pulumi.Config()

shared = DockerHost(
    "shared",
    {
        "trusted_cidrs": ["10.0.5.0/24"],
        "clients": config.get_object("clients") or ["alice", "bob", "ci"],
        "subnet_id": config.require("subnetId"),
    },
)

pulumi.export("endpoint", shared.endpoint)
pulumi.export("ca_material", shared.ca_material)
pulumi.export("client_cert_materials", shared.client_cert_materials)
pulumi.export("client_key_materials", shared.client_key_materials)
