"""One Docker host, from configuration: this is what `pulumi up` at the root of the repository makes."""

from typing import cast

import pulumi

from aws_docker import DockerHost, DockerHostArgs, OperatingSystem

config = pulumi.Config()
args: DockerHostArgs = {"trusted_cidrs": config.get_object("trustedCidrs") or []}
if clients := config.get_object("clients"):
    args["clients"] = clients
if os := config.get("os"):
    args["os"] = cast(OperatingSystem, os)  # DockerHost checks it
if subnet_id := config.get("subnetId"):
    args["subnet_id"] = subnet_id
if (assign_public_ip := config.get_bool("assignPublicIp")) is not None:
    args["assign_public_ip"] = assign_public_ip
if (wait_until_ready := config.get_bool("waitUntilReady")) is not None:
    args["wait_until_ready"] = wait_until_ready
if generation := config.get_int("certificateGeneration"):
    args["certificate_generation"] = generation
if (renew_before_days := config.get_int("renewBeforeDays")) is not None:
    args["renew_before_days"] = renew_before_days
if minutes := config.get_int("stopWhenIdleMinutes"):
    args["stop_when_idle_minutes"] = minutes
if (spot := config.get_bool("spot")) is not None:
    args["spot"] = spot

host = DockerHost("docker", args)

pulumi.export("endpoint", host.endpoint)
pulumi.export("ca_material", host.ca_material)
pulumi.export("cert_material", host.cert_material)
pulumi.export("key_material", host.key_material)
pulumi.export("client_cert_materials", host.client_cert_materials)
pulumi.export("client_key_materials", host.client_key_materials)
pulumi.export("private_ip", host.private_ip)
pulumi.export("public_ip", host.public_ip)
pulumi.export("instance_id", host.instance_id)
pulumi.export("security_group_id", host.security_group_id)
pulumi.export("certificates_expire_at", host.certificates_expire_at)
