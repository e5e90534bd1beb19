"""Policies for Pulumi: no Docker daemon on AWS is exposed, whoever wrote the program.

Each policy can be put into a pack of one's own; `rules()` is all of them. docs/policies.md says what they read.

    from pulumi_policy import PolicyPack
    from aws_docker.policy import rules
    PolicyPack("docker-exposure", policies=rules())
"""

from .docker_2375_between_group_members import docker_2375_between_group_members
from .docker_2376_trusted_sources_only import docker_2376_trusted_sources_only
from .docker_host_exposure import docker_host_exposure
from .docker_ignored_changes import docker_ignored_changes
from .docker_instance_metadata import docker_instance_metadata
from .docker_no_2375 import docker_no_2375
from .docker_no_secret_in_user_data import docker_no_secret_in_user_data
from .docker_no_unauthenticated_listener import docker_no_unauthenticated_listener
from .docker_provider_mutual_tls import docker_provider_mutual_tls
from .docker_swarm_members_only import docker_swarm_members_only
from .rule import ResourceRule, StackRule

_RULES: tuple[ResourceRule | StackRule, ...] = (
    docker_no_2375,
    docker_2375_between_group_members,
    docker_2376_trusted_sources_only,
    docker_swarm_members_only,
    docker_no_unauthenticated_listener,
    docker_no_secret_in_user_data,
    docker_instance_metadata,
    docker_host_exposure,
    docker_provider_mutual_tls,
    docker_ignored_changes,
)


def rules() -> list[ResourceRule | StackRule]:
    """All policies, as `PolicyPack(policies=…)` takes them."""
    return list(_RULES)


__all__ = [
    "docker_2375_between_group_members",
    "docker_2376_trusted_sources_only",
    "docker_host_exposure",
    "docker_ignored_changes",
    "docker_instance_metadata",
    "docker_no_2375",
    "docker_no_secret_in_user_data",
    "docker_no_unauthenticated_listener",
    "docker_provider_mutual_tls",
    "docker_swarm_members_only",
    "rules",
]
