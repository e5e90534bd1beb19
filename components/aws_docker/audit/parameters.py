"""Fetches what hosts write of themselves from Parameter Store: by `ssm:GetParameters`, and nothing is decrypted. Beside
it, whether their instances run, by `ec2:DescribeInstances`: where that is not allowed, their own word is all there is.

host_status.py says what the answers mean.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, cast

from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from .host_status import Expected, HostStatus, Power, beside, judge_status
from .power import fetch_powers

_MOST: Final = 10  # that GetParameters takes at once
_SECONDS: Final = 10


def fetch_statuses(session: Any, hosts: Sequence[Expected]) -> list[HostStatus]:
    """What each host's parameter says now, by a boto3 session; what could not be read is unknown, with the reason."""
    read: dict[tuple[str, str], str] = {}
    problems: dict[tuple[str, str], str] = {}
    for region in dict.fromkeys(host.region for host in hosts):
        names = list(
            dict.fromkeys(host.parameter for host in hosts if host.region == region and host.parameter)
        )
        for start in range(0, len(names), _MOST):
            some = names[start : start + _MOST]
            try:
                answer = _client(session, "ssm", region).get_parameters(Names=some, WithDecryption=False)
            except (ClientError, BotoCoreError) as error:
                problems |= {(region, name): _reason(error) for name in some}
                continue
            read |= {(region, each["Name"]): each["Value"] for each in answer["Parameters"]}
            problems |= {(region, name): "there is no such parameter" for name in answer["InvalidParameters"]}
    powers: dict[tuple[str, str], Power] = {}
    for region in dict.fromkeys(host.region for host in hosts):
        instances = [host.instance for host in hosts if host.region == region]
        with suppress(ClientError, BotoCoreError):
            found = fetch_powers(_client(session, "ec2", region), instances)
            powers |= {(region, instance): power for instance, power in found}
    return [beside(_status(host, read, problems), powers.get((host.region, host.instance))) for host in hosts]


def _status(
    host: Expected, read: dict[tuple[str, str], str], problems: dict[tuple[str, str], str]
) -> HostStatus:
    if host.parameter is None:
        return judge_status(
            host, None, "it writes no status: with keys delivered in user-data it has no role to do so with"
        )
    place = (host.region, host.parameter)
    return judge_status(
        host, read.get(place), f"its status in {host.parameter} could not be read: {problems.get(place, '')}"
    )


def _client(session: Any, service: str, region: str) -> Any:
    # Of less patience than the audit's: where AWS cannot be asked, the host still can.
    config = Config(
        connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return session.client(service, region_name=region or session.region_name, config=config)


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        response = cast(Any, error).response
        problem = response["Error"]
        return f"{problem.get('Code', 'error')}: {problem.get('Message', '')}".rstrip(": .")
    return " ".join(str(error).split()).rstrip(".")
