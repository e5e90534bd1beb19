"""A container on the new host, in the same program and the same `pulumi up`.

The host installs Docker for a minute or two; `wait_until_ready` holds its outputs back until it answers over mutual
TLS. Whoever runs `pulumi up` must therefore be a trusted source.
"""

from typing import cast

import pulumi
import pulumi_docker as docker

from aws_docker import DockerHost, DockerHostArgs, OperatingSystem

config = pulumi.Config()
assign_public_ip = config.get_bool("assignPublicIp")
args: DockerHostArgs = {
    "trusted_cidrs": config.require_object("trustedCidrs"),
    "assign_public_ip": True if assign_public_ip is None else assign_public_ip,
    "wait_until_ready": True,
}
if os := config.get("os"):
    args["os"] = cast(OperatingSystem, os)  # DockerHost checks it
if options := config.get_object("daemonOptions"):
    args["daemon_options"] = options

build = DockerHost("build", args)

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
