"""Hosts of every kind, made by the aws_docker that the configuration names: a release's archive, or this tree."""

import sys

import pulumi

config = pulumi.Config()
sys.path.insert(0, config.require("package"))

import aws_docker  # noqa: E402

hosts = {
    name: aws_docker.DockerHost(name, args)
    for name, args in {
        "local": {},
        "remote": {
            "trusted_cidrs": ["10.0.5.0/24", "2001:db8:7::/48"],
            "trusted_prefix_list_ids": [config.require("prefixList")],
            "trusted_security_group_ids": [config.require("group")],
            "clients": ["alice", "bob"],
            "assign_public_ip": True,
            "additional_hostnames": ["build.example.com"],
            "subnet_id": config.require("subnet"),
            "instance_type": "t4g.medium",
            "os": "ubuntu-24.04",
            "data_volume_size": 100,
            "daemon_options": {"registry-mirrors": ["https://mirror.example.com"], "icc": True},
            "allow_all_egress": True,
            "tags": {"team": "platform"},
        },
        "late": {
            "trusted_cidrs": pulumi.Output.from_input(["10.0.6.0/24"]),
            "vpc_id": config.require("vpc"),
            "os": "debian-12",
            "key_algorithm": "rsa-3072",
            "kms_key_id": config.require("key"),
            "root_volume_size": 40,
            "certificate_generation": 2,
        },
        "delivered": {
            "trusted_cidrs": ["10.0.5.0/24"],
            "key_delivery": "user-data",
            "os": "debian-13",
            "data_volume_size": 10,
        },
    }.items()
}
pulumi.export("made_by", aws_docker.__file__)
for name, host in hosts.items():
    pulumi.export(f"{name}_endpoint", host.endpoint)
    pulumi.export(f"{name}_certificates_expire_at", host.certificates_expire_at)
