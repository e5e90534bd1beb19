"""Decides what is said about a host that is allowed and perhaps unwise. Pure: component.py has Pulumi show it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ..core.expiry import EXPIRES_SOON
from .plan import Certificates, Common, Machine

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


def ending(
    plan: Certificates, *, leaves: Mapping[str, str], authorities: Mapping[str, str], now: datetime
) -> list[str]:
    """What to say of certificates that end soon, by their names in the stack and the provider's dates (RFC 3339)."""
    found: list[str] = []
    if soon := _soon(leaves, plan.validity_days, now):
        names, first = soon
        renewal = first - timedelta(days=plan.renew_before_days)
        hint = (
            f"`pulumi up` renews what ends within {plan.renew_before_days} days, from {renewal:%Y-%m-%d} on"
        )
        if not plan.renew_before_days:
            hint = "renew_before_days is 0: raise certificate_generation to renew them"
        found.append(f"{names}: {hint}")
    if soon := _soon(authorities, plan.ca_validity_days, now):
        names, _ = soon
        *_, last = plan.ca_generations
        hint = f"renew with an overlap by ca_generations {[last, last + 1]}"
        if len(plan.ca_generations) > 1:
            hint = f"once all clients have new bundles, end the old ones by ca_generations [{last}]"
        found.append(f"{names}: {hint} (docs/rotation.md)")
    return found


def _soon(dates: Mapping[str, str], validity_days: int, now: datetime) -> tuple[str, datetime] | None:
    """Those that end soon, as a clause, and when the first of them does."""
    # Of what is valid for less than twice as long, the last half.
    within = min(EXPIRES_SOON, timedelta(days=validity_days) / 2)
    ends = {name: datetime.fromisoformat(date).astimezone(UTC) for name, date in dates.items()}
    soon = sorted((end, name) for name, end in ends.items() if end < now + within)
    if not soon:
        return None
    said = [f"{name} {'ended' if end < now else 'ends'} on {end:%Y-%m-%d}" for end, name in soon]
    return ", ".join(said), soon[0][0]
