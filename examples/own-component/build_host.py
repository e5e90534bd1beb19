"""BuildHost: what every build host of this company is, so that a team has one thing to say: who uses it."""

from collections.abc import Sequence

import pulumi

from aws_docker import DockerHost, OperatingSystem

COMPANY_NETWORKS = ["10.0.0.0/8", "2001:db8:7::/48"]


class BuildHost(pulumi.ComponentResource):
    """A Docker host for builds, open to the company's own networks."""

    endpoint: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        clients: Sequence[str],
        subnet_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("acme:index:BuildHost", name, {}, opts)
        host = DockerHost(
            f"{name}-host",
            {
                "trusted_cidrs": COMPANY_NETWORKS,
                "clients": clients,
                "subnet_id": subnet_id,
                "os": OperatingSystem.DEBIAN_12,
                "instance_type": "c7i.xlarge",
                "data_volume_size": 200,
                "certificate_validity_days": 90,
                "daemon_options": {
                    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 4096, "Hard": 8192}}
                },
                "tags": {"cost-center": "builds", "service": name},
            },
            # Provider, protection and transforms reach the host through its parent.
            pulumi.ResourceOptions(parent=self),
        )
        self.endpoint = host.endpoint
        self.client_key_materials = host.client_key_materials
        self.client_cert_materials = host.client_cert_materials
        self.ca_material = host.ca_material
        self.register_outputs({"endpoint": self.endpoint})
