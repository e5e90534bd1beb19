"""A Docker host that nobody reaches over the network: no TCP listener, no ingress rule, no certificate.

People log in by Session Manager: aws ssm start-session --target "$(pulumi stack output instance_id)"
"""

import pulumi

from aws_docker import DockerHost

config = pulumi.Config()

# The subnet needs a way out (a NAT gateway) for packages, Parameter Store and Session Manager.
private = DockerHost("private", {"subnet_id": config.require("subnetId")})

pulumi.export("instance_id", private.instance_id)
