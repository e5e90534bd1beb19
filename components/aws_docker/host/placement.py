"""Decides where a host stands, once the account's subnets are known. Pure."""

from collections.abc import Sequence

from ..core.errors import InvalidInput


def first_subnet(*, subnets: Sequence[str], vpc: str) -> str:
    """The subnet for a host whose caller names none: always the same of several. Raises InvalidInput for none."""
    if not subnets:
        raise InvalidInput("subnet_id", "none", f"{vpc} has no subnet to choose: name one")
    return min(subnets)


def check_vpc(*, subnet: str, lies_in: str, vpc: str) -> None:
    """Raises InvalidInput for a subnet of another VPC than the one that was named."""
    if lies_in != vpc:
        hint = f"it lies in {lies_in}: name a subnet of {vpc}, or leave vpc_id out"
        raise InvalidInput("subnet_id", subnet, hint)


def spread_subnet(*, subnets: Sequence[str], vpc: str, position: int) -> str:
    """The subnet for one of several machines, which take them in turn. Raises InvalidInput for none."""
    if not subnets:
        raise InvalidInput("subnet_ids", "none", f"{vpc} has no subnet to choose: name some")
    return sorted(subnets)[position % len(subnets)]
