"""Asks AWS about who is asking: the identity, AWS's clock, and from which address it was seen. Judges nothing.

For `aws-docker doctor`: somebody sits and waits, so that nothing is tried more than twice.
"""

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from .aws import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_SECONDS: Final = 15
_CONFIG: Final = Config(
    connect_timeout=_SECONDS,
    read_timeout=_SECONDS,
    retries={"total_max_attempts": 2},
    user_agent_extra="aws-docker-doctor",
)


@dataclass(frozen=True)
class Caller:
    """Who AWS says is asking."""

    arn: str | None
    problem: str
    """Why there is no ARN."""
    region: str | None
    """Where commands ask that name no region."""
    date: "datetime | None"
    """AWS's clock, from its answer, which may be a refusal."""


def caller(profile: str | None) -> Caller:
    """The identity of a profile's credentials, by the one call that every identity may make."""
    region = open_session(profile).region_name
    answer: Mapping[str, Any] = {}
    arn, problem = None, ""
    try:
        answer = _client(profile, "sts").get_caller_identity()
        arn = str(answer["Arn"])
    except ClientError as error:
        answer = cast(Any, error).response
        problem = f"AWS refuses them ({_code(error)})"
    except BotoCoreError as error:
        problem = " ".join(str(error).split()).rstrip(".")
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return Caller(arn, problem, region, parsedate_to_datetime(date) if date else None)


def prefix_list_networks(profile: str | None, region: str, prefix_list: str) -> list[str] | None:
    """A managed prefix list's networks; none where AWS does not tell."""
    try:
        pages = _client(profile, "ec2", region).get_paginator("get_managed_prefix_list_entries")
        found = pages.paginate(PrefixListId=prefix_list)
        return [str(entry["Cidr"]) for page in found for entry in page["Entries"]]
    except (BotoCoreError, ClientError):
        return None


def addresses_seen(profile: str | None, region: str) -> tuple[list[str], str]:
    """From where CloudTrail noted these credentials' last calls, the newest first; or why it does not say."""
    try:
        credentials = open_session(profile).get_credentials()
        if credentials is None:
            return [], "there are no credentials to look CloudTrail's notes up by"
        wanted = {"AttributeKey": "AccessKeyId", "AttributeValue": credentials.access_key}
        client = _client(profile, "cloudtrail", region)
        events = client.lookup_events(LookupAttributes=[wanted], MaxResults=20)["Events"]
    except ClientError as error:
        return [], f"which address AWS sees is in CloudTrail, which refuses to say ({_code(error)})"
    except BotoCoreError as error:
        return [], " ".join(str(error).split())
    seen = [str(json.loads(event["CloudTrailEvent"]).get("sourceIPAddress", "")) for event in events]
    return seen, "CloudTrail has noted no call of these credentials yet: it is some minutes late"


def _client(profile: str | None, service: str, region: str | None = None) -> Any:
    session = open_session(profile, region)
    return session.client(service, region_name=session.region_name or "us-east-1", config=_CONFIG)


def _code(error: Exception) -> str:
    return str(cast(Any, error).response["Error"].get("Code", "unknown"))
