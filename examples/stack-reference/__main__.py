"""A Docker host in the network that another stack has made, open to the networks which that stack names.

What the other stack exports is not known before it is read: a network that may not be trusted is refused then, before
the security group or the host would be made.
"""

import pulumi

from aws_docker import DockerHost

config = pulumi.Config()
network = pulumi.StackReference(config.require("networkStack"))

build = DockerHost(
    "build",
    {
        "vpc_id": network.require_output("vpc_id"),
        "subnet_id": network.require_output("subnet_id"),
        "trusted_cidrs": network.require_output("runner_cidrs"),
    },
)

pulumi.export("endpoint", build.endpoint)
pulumi.export("ca_material", build.ca_material)
pulumi.export("cert_material", build.cert_material)
pulumi.export("key_material", build.key_material)
