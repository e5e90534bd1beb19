"""A container on the new host, in the same program: the host's outputs are the Docker provider's inputs.

A first `pulumi up` creates the host, which then installs Docker for a minute or two. Set `containers` to true and
run `pulumi up` again, from a trusted address, when `docker version` answers.
"""

import pulumi
import pulumi_docker as docker

from aws_docker import DockerHost

config = pulumi.Config()

build = DockerHost(
    "build", {"trusted_cidrs": config.require_object("trustedCidrs"), "assign_public_ip": True}
)

if config.get_bool("containers"):
    remote = docker.Provider(
        "remote",
        host=build.endpoint,
        ca_material=build.ca_material,
        cert_material=build.cert_material,
        key_material=build.key_material,
    )
    web = docker.Container(
        "web",
        image="nginx:1.29",
        ports=[{"internal": 80, "external": 8080, "ip": "127.0.0.1"}],
        opts=pulumi.ResourceOptions(provider=remote),
    )
    pulumi.export("container", web.name)

pulumi.export("endpoint", build.endpoint)
