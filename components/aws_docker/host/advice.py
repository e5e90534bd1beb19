"""Decides what is said about a host that is allowed and perhaps unwise. Pure: component.py has Pulumi show it."""

from collections.abc import Sequence
from typing import Final

from .plan import Common, Machine

LEAST_MEMORY: Final = 1024
"""MiB. With less, a package manager was seen to run out of memory at first boot (Amazon Linux's dnf on t4g.nano)."""


def short_of_memory(*, instance_type: str, mebibytes: int | None) -> str | None:
    """What to say of a type with so much memory, or nothing; None: not told."""
    if mebibytes is None or mebibytes >= LEAST_MEMORY:
        return None
    return (
        f"instance_type {instance_type} has {mebibytes} MiB of memory: installing Docker takes more than that, and "
        f"the host may never become ready; choose one with at least {LEAST_MEMORY} MiB"
    )


def warnings(common: Common, machines: Sequence[Machine]) -> list[str]:
    """What whoever makes these machines should know."""
    system = common.system
    found: list[str] = []
    if common.in_user_data and common.served:
        found.append("key_delivery user-data: whoever can read the user-data can read the server's key")
    found += system.warnings
    if not common.served and not system.session_manager and common.ami_id is None:
        found.append(
            f"{system.family}'s image has no Session Manager agent: nobody can log in to this local host"
        )
    in_default_vpc = not common.vpc_id and not all(machine.subnet_id for machine in machines)
    if in_default_vpc and not common.assign_public_ip:
        found.append(
            "a default VPC's subnets have no way out without a public address, and the host must fetch packages: "
            "set assign_public_ip, or a subnet_id behind a NAT gateway"
        )
    return found
