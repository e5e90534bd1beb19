"""A Docker Swarm: three managers and as many workers as there are names. Services go on when a machine is lost.

Members join by themselves. `docker --context production stack deploy -c stack.yml web` then deploys stack.yml.
"""

import pulumi

from aws_docker import DockerFleet

config = pulumi.Config()

managers = ["manager-a", "manager-b", "manager-c"]
workers: dict[str, str] = config.require_object("workers")

swarm = DockerFleet(
    "production",
    {
        # Managers hold the Swarm's state. Small ones do, where services are kept away from them: see stack.yml.
        "instance_types": {**dict.fromkeys(managers, "t4g.small"), **workers},
        "swarm_managers": managers,
        "trusted_cidrs": ["10.0.5.0/24"],
        "clients": ["operator"],
        "subnet_ids": config.require_object("subnetIds"),
        "tags": {"swarm": "production"},
    },
)

pulumi.export("endpoint", swarm.endpoint)
pulumi.export("manager_endpoints", swarm.manager_endpoints)
pulumi.export("ca_material", swarm.ca_material)
pulumi.export("cert_material", swarm.cert_material)
pulumi.export("key_material", swarm.key_material)
