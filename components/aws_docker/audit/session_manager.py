"""Asks Session Manager to open a port forwarding session to an instance, and to end it.

This and nothing else of what is asked here changes anything in AWS. What a refusal means to whoever waits is the
command's to say; who may, is IAM's.
"""

from dataclasses import dataclass, field
from typing import Any, Final, cast

from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from ..core.errors import InvalidInput
from ..core.ports import DOCKER_TLS_PORT
from .aws import open_session

DOCUMENT: Final = "AWS-StartPortForwardingSession"

# Somebody sits and waits.
_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="aws-docker-tunnel",
)


@dataclass(frozen=True)
class Opened:
    """A session, and what AWS's plugin takes to carry it."""

    id: str
    region: str
    endpoint: str
    """Of the API that opened it."""
    asked: dict[str, Any]
    token: dict[str, str] = field(repr=False)
    """SessionId, TokenValue, StreamUrl: who has them is the session."""


@dataclass(frozen=True)
class Refusal:
    """Why there is none: AWS's code, empty where AWS was not reached, and its message."""

    code: str
    message: str


def client(profile: str | None, region: str | None) -> Any:
    """A client of Systems Manager's API. Raises InvalidInput for a profile that there is not, or without a region."""
    try:
        return open_session(profile, region).client("ssm", config=_CONFIG)
    except BotoCoreError as error:
        hint = "set AWS_REGION, or a region in the profile"
        raise InvalidInput("region", region, hint, f"({_plain(error)})") from None


def start(asking: Any, instance: str, port: int) -> Opened | Refusal:
    """Open a session from `port` of this machine's loopback to Docker's of the instance's."""
    wanted: dict[str, Any] = {
        "Target": instance,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [str(DOCKER_TLS_PORT)], "localPortNumber": [str(port)]},
        "Reason": "aws-docker tunnel",
    }
    try:
        answer = cast(dict[str, Any], asking.start_session(**wanted))
    except ClientError as error:
        return _refusal(error)
    except BotoCoreError as error:
        return Refusal("", _plain(error))
    token = {each: str(answer[each]) for each in ("SessionId", "TokenValue", "StreamUrl")}
    return Opened(token["SessionId"], asking.meta.region_name, asking.meta.endpoint_url, wanted, token)


def terminate(asking: Any, session: str) -> Refusal | None:
    """End a session; says why it could not be."""
    try:
        asking.terminate_session(SessionId=session)
    except ClientError as error:
        return _refusal(error)
    except BotoCoreError as error:
        return Refusal("", _plain(error))
    return None


def _refusal(error: ClientError) -> Refusal:
    said = cast(dict[str, Any], cast(Any, error).response.get("Error", {}))
    return Refusal(str(said.get("Code", "unknown")), _plain(said.get("Message", "")))


def _plain(said: object) -> str:
    return " ".join(str(said).split()).rstrip(".")[:300]
