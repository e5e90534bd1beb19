"""A Docker host without an open port: no ingress rule, no public address, mutual TLS on its loopback alone.

aws-docker tunnel -- docker ps          # who may open it, IAM says: docs/tunnel.md
aws-docker tunnel -- bash               # a shell in which every Docker client works
"""

import pulumi

from aws_docker import DockerHost

config = pulumi.Config()

build = DockerHost(
    "build",
    {
        "session_manager_tunnel": True,
        "clients": ["alice", "ci"],
        "subnet_id": config.require("subnetId"),
    },
)

pulumi.export("endpoint", build.endpoint)
pulumi.export("instance_id", build.instance_id)
pulumi.export("ca_material", build.ca_material)
pulumi.export("cert_material", build.cert_material)
pulumi.export("key_material", build.key_material)
pulumi.export("client_cert_materials", build.client_cert_materials)
pulumi.export("client_key_materials", build.client_key_materials)
