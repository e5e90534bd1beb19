"""Asks AWS, read-only: whose credentials these are, in which regions, and why it says no. Judges nothing.

Every call is tried again with backoff, and what is refused or throttled all the same is reported as unchecked. What is
asked of a region is fetching.py's to know.
"""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from ..core.errors import InvalidInput
from .findings import Unchecked

_Found = TypeVar("_Found")

Session = Any
"""A boto3 session, which has no types."""
Progress = Callable[[str, int, int], None]
"""Told what is fetched, how many are done, and of how many."""

AT_ONCE: Final = 8
_ATTEMPTS: Final = 8
_PAGE: Final = 1_000
_CONFIG: Final = Config(
    retries={"mode": "standard", "max_attempts": _ATTEMPTS},
    max_pool_connections=AT_ONCE + 8,
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="aws-docker-audit",
)


@dataclass(frozen=True)
class Account:
    """An account, and how to ask it."""

    id: str
    session: Session = field(repr=False)
    partition: str = "aws"


def open_session(profile: str | None = None, region: str | None = None) -> Session:
    """A session of a profile, which may be an SSO one. Raises InvalidInput for a profile that there is not."""
    try:
        # The AWS CLI and the other SDKs follow AWS_REGION; boto3 knows AWS_DEFAULT_REGION only.
        region = region or os.environ.get("AWS_REGION")
        return cast(Any, boto3).Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise InvalidInput(
            "profile", profile, "`aws configure list-profiles` names those there are", f"({error})"
        ) from None


def identify(session: Session) -> Account:
    """The account that a session's credentials are of. Raises InvalidInput where there are none that AWS takes."""
    try:
        identity = client_of(session, "sts", session.region_name or "us-east-1").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        hint = "log in (`aws sso login`, AWS_PROFILE) or set AWS_ACCESS_KEY_ID"
        raise InvalidInput("credentials", why_not(error), hint, "is what AWS says") from None
    return Account(identity["Account"], session, identity["Arn"].split(":")[1])


def assume(base: Account, account: str, role: str, external_id: str | None = None) -> Account | Unchecked:
    """The same in another account, by a role there."""
    arn = role if role.startswith("arn:") else f"arn:{base.partition}:iam::{account}:role/{role}"
    wanted = {"ExternalId": external_id} if external_id else {}
    try:
        asking = client_of(base.session, "sts", base.session.region_name or "us-east-1")
        granted = asking.assume_role(RoleArn=arn, RoleSessionName="aws-docker-audit", **wanted)["Credentials"]
    except (ClientError, BotoCoreError) as error:
        return Unchecked(f"account {account}", f"{arn} cannot be assumed: {why_not(error)}.")
    session = cast(Any, boto3).Session(
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
        region_name=base.session.region_name,
    )
    return Account(account, session, base.partition)


def enabled_regions(account: Account) -> Sequence[str] | Unchecked:
    """The regions that an account has enabled."""
    try:
        asking = client_of(account.session, "ec2", account.session.region_name or "us-east-1")
        return sorted(each["RegionName"] for each in asking.describe_regions()["Regions"])
    except (ClientError, BotoCoreError) as error:
        return Unchecked(f"account {account.id}", f"its regions cannot be listed: {why_not(error)}.")


def one_by_one(
    pool: ThreadPoolExecutor,
    fetch_one: Callable[[Any, str], _Found],
    asking: Any,
    names: Sequence[str],
    subject: Callable[[str], str],
    unchecked: list[Unchecked],
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, _Found]:
    """One call for each name; what fails is unchecked."""
    futures: dict[str, Future[_Found]] = {name: pool.submit(fetch_one, asking, name) for name in names}
    found: dict[str, _Found] = {}
    for done, (name, future) in enumerate(futures.items(), 1):
        try:
            found[name] = future.result()
        except ClientError as error:
            if not _gone(error):
                unchecked.append(Unchecked(subject(name), f"{why_not(error)}."))
        except BotoCoreError as error:
            unchecked.append(Unchecked(subject(name), f"{why_not(error)}."))
        advance(done)
    return found


def client_of(session: Session, service: str, region: str) -> Any:
    """A client of boto3's, with retries and time limits; in the session's own region where none is known."""
    return session.client(service, region_name=region or session.region_name, config=_CONFIG)


def _gone(error: ClientError) -> bool:
    """Whether what was asked for has gone since it was listed."""
    return cast(Any, error).response["Error"]["Code"] in _GONE


_GONE: Final = frozenset(
    {
        "InvalidInstanceID.NotFound",
        "InvalidDocument",
        "AssociationDoesNotExist",
        "ClusterNotFoundException",
    }
)
_REFUSALS: Final = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_NOT_ENABLED: Final = frozenset(
    {"AuthFailure", "OptInRequired", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_THROTTLED: Final = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"}
)


_CONTROL_POLICY: Final = re.compile(
    r"with an explicit deny in a service control policy|because no service control policy allows"
)


def _by_the_organisation(error: ClientError) -> bool:
    """Whether an organisation closes it to the account, whatever its policies allow (IAM, "Access denied messages")."""
    return _CONTROL_POLICY.search(str(cast(Any, error).response["Error"].get("Message", ""))) is not None


def why_not(error: Exception) -> str:
    """Why AWS said no, and what to do; without the request, which may hold what is secret."""
    if not isinstance(error, ClientError):
        return " ".join(str(error).split()).rstrip(".")
    code = str(cast(Any, error).response["Error"].get("Code", "unknown"))
    if code in _REFUSALS and _by_the_organisation(error):
        return (
            f"an organisation's service control policy denies it ({code}); where the region is closed on purpose, "
            "name it with --skip-region"
        )
    if code in _REFUSALS:
        return f"AWS refuses it ({code}); allow the actions that docs/audit.md lists"
    if code in _THROTTLED:
        return f"AWS throttles it ({code}), after {_ATTEMPTS} attempts; run it again, or on fewer regions at once"
    if code in _NOT_ENABLED:
        return (
            f"AWS does not know these credentials there ({code}); is the region enabled, and are they valid?"
        )
    message = str(cast(Any, error).response["Error"].get("Message", "")).strip().rstrip(".")
    return f"{code}: {message}"
