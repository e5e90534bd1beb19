"""A Docker host in a network that is already there, open to an office, a prefix list and the CI runners' group."""

import pulumi

from aws_docker import DockerHost, OperatingSystem

config = pulumi.Config()

build = DockerHost(
    "build",
    {
        "vpc_id": config.require("vpcId"),
        "subnet_id": config.require("subnetId"),
        "trusted_cidrs": ["203.0.113.0/24"],
        "trusted_prefix_list_ids": [config.require("officePrefixListId")],
        "trusted_security_group_ids": [config.require("runnersSecurityGroupId")],
        "assign_public_ip": True,
        "additional_hostnames": ["build.example.com"],
        "os": OperatingSystem.UBUNTU_24_04,
        "instance_type": "m7g.large",
        "data_volume_size": 200,
        "daemon_options": {
            "registry-mirrors": ["https://mirror.example.com"],
            "log-opts": {"max-size": "50m"},
        },
        "tags": {"team": "platform"},
    },
    # The data volume and the addresses outlive mistakes: nothing of this host is deleted by accident.
    pulumi.ResourceOptions(protect=config.get_bool("protect")),
)

pulumi.export("endpoint", build.endpoint)
pulumi.export("public_ip", build.public_ip)
pulumi.export("certificates_expire_at", build.certificates_expire_at)
