"""Asks EC2 whether instances run, and, for the commands that say so, starts and stops them.

What their state means for a host is host_status.py's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, cast

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from .aws import client_of, why_not
from .host_status import Expected, Power

_PASSING: Final[Mapping[str, str]] = {
    "InsufficientInstanceCapacity": "EC2 has no room for this type in its zone at the moment",
    "SpotMaxPriceTooLow": "EC2 has no room at spot prices at the moment",
    "IncorrectSpotRequestState": "EC2 has stopped the spot instance itself, and starts it itself when it has room",
    # Between two of its states, as it was described a moment ago.
    "IncorrectInstanceState": "it is between two states",
    "IncorrectState": "it is between two states",
}
"""What EC2 has against it now, and may not have a moment later."""


class Refused(Exception):
    """EC2 refuses, or cannot be asked, and waiting will not help."""


def fetch_powers(asking: Any, instances: Sequence[str]) -> Iterator[tuple[str, Power]]:
    """What EC2 says, by a client of it, of those instances that there are; raises ClientError or BotoCoreError where it
    says nothing."""
    # By a filter: an id that is gone would fail the call for all.
    wanted = [{"Name": "instance-id", "Values": list(dict.fromkeys(instances))[:200]}]
    for page in asking.get_paginator("describe_instances").paginate(Filters=wanted):
        for each in (instance for found in page["Reservations"] for instance in found["Instances"]):
            yield (
                str(each["InstanceId"]),
                Power(
                    str(each["State"]["Name"]),
                    each["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                    str(each.get("StateReason", {}).get("Code", "")),
                ),
            )


def require_known(session: Any, host: Expected) -> None:
    """Raises Refused where EC2 cannot be asked of a host's instance, or knows it no more."""
    try:
        known = list(fetch_powers(client_of(session, "ec2", host.region), [host.instance]))
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"EC2 cannot be asked (ec2:DescribeInstances): {why_not(error)}") from None
    if not known:
        raise Refused(f"{host.name}: EC2 knows no instance {host.instance}; run `pulumi up --refresh`")


def switch(session: Any, host: Expected, action: Literal["start", "stop"]) -> str:
    """Starts or stops a host's instance; a clause with what EC2 has against it at the moment, if anything.

    Raises Refused.
    """
    asking = client_of(session, "ec2", host.region)
    call = asking.start_instances if action == "start" else asking.stop_instances
    try:
        call(InstanceIds=[host.instance])
    except (ClientError, BotoCoreError) as error:
        code = str(cast(Any, error).response["Error"]["Code"]) if isinstance(error, ClientError) else ""
        if code in _PASSING:
            return f"{_PASSING[code]} ({code})"
        raise Refused(f"{host.name}: ec2:{action.title()}Instances failed: {why_not(error)}") from None
    return ""
