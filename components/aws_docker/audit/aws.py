"""Fetches what AWS says of a region, read-only. Judges nothing: facts.py reads the answers.

Every list is followed to its last page, every call is tried again with backoff, and what is refused or throttled all
the same is reported as unchecked. docs/audit.md names the calls; a test compares.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from ..core.addresses import AddressSet
from ..core.errors import InvalidInput
from .facts import (
    GONE,
    RegionFacts,
    prefix_lists_of,
    read_acls,
    read_instances,
    read_interfaces,
    read_peerings,
    read_rules,
    read_subnets,
    read_tables,
)
from .findings import Unchecked

_Found = TypeVar("_Found")

Session = Any
"""A boto3 session, which has no types."""
Progress = Callable[[str, int, int], None]
"""Told what is fetched, how many are done, and of how many."""

_AT_ONCE: Final = 8
_ATTEMPTS: Final = 8
_PAGE: Final = 1_000
_CONFIG: Final = Config(
    retries={"mode": "standard", "max_attempts": _ATTEMPTS},
    max_pool_connections=_AT_ONCE + 8,
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="aws-docker-audit",
)

# The lists without which nothing can be said of a region. "Filters" would save nothing: all of it may matter.
_LISTS: Final = {
    "instances": ("describe_instances", "Reservations"),
    "interfaces": ("describe_network_interfaces", "NetworkInterfaces"),
    "rules": ("describe_security_group_rules", "SecurityGroupRules"),
    "acls": ("describe_network_acls", "NetworkAcls"),
    "tables": ("describe_route_tables", "RouteTables"),
    "subnets": ("describe_subnets", "Subnets"),
    "peerings": ("describe_vpc_peering_connections", "VpcPeeringConnections"),
}


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
        identity = _client(session, "sts", session.region_name or "us-east-1").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        hint = "log in (`aws sso login`, AWS_PROFILE) or set AWS_ACCESS_KEY_ID"
        raise InvalidInput("credentials", _reason(error), hint, "is what AWS says") from None
    return Account(identity["Account"], session, identity["Arn"].split(":")[1])


def assume(base: Account, account: str, role: str, external_id: str | None = None) -> Account | Unchecked:
    """The same in another account, by a role there."""
    arn = role if role.startswith("arn:") else f"arn:{base.partition}:iam::{account}:role/{role}"
    wanted = {"ExternalId": external_id} if external_id else {}
    try:
        client = _client(base.session, "sts", base.session.region_name or "us-east-1")
        granted = client.assume_role(RoleArn=arn, RoleSessionName="aws-docker-audit", **wanted)["Credentials"]
    except (ClientError, BotoCoreError) as error:
        return Unchecked(f"account {account}", f"{arn} cannot be assumed: {_reason(error)}.")
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
        client = _client(account.session, "ec2", account.session.region_name or "us-east-1")
        return sorted(each["RegionName"] for each in client.describe_regions()["Regions"])
    except (ClientError, BotoCoreError) as error:
        return Unchecked(f"account {account.id}", f"its regions cannot be listed: {_reason(error)}.")


def fetch(
    account: Account, region: str, progress: Progress | None = None
) -> tuple[RegionFacts | None, list[Unchecked]]:
    """What AWS says of a region, and what it would not say; no facts where too little could be read."""
    where = f"account {account.id}, region {region}"
    unchecked: list[Unchecked] = []
    client = _client(account.session, "ec2", region)

    def advance(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{region}: {what}", done, total)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=region) as pool:
        lists = {name: pool.submit(_all_pages, client, *asked) for name, asked in _LISTS.items()}
        answers: dict[str, list[Any]] = {}
        for done, (name, future) in enumerate(lists.items()):
            advance(name, done, len(lists))
            try:
                answers[name] = future.result()
            except (ClientError, BotoCoreError) as error:
                unchecked.append(Unchecked(where, f"{_LISTS[name][0]}: {_reason(error)}."))
        if unchecked:
            return None, unchecked
        try:
            interfaces = read_interfaces(answers["interfaces"])
            groups = {group for each in interfaces if each.instance for group in each.groups}
            rules = read_rules(answers["rules"], account.id, groups)
            tables = read_tables(answers["tables"])
            lists_named = sorted(prefix_lists_of(rules, tables))
            prefix_lists = _each(
                pool,
                _prefix_list,
                client,
                lists_named,
                lambda each: f"prefix list {each}, {where}",
                unchecked,
            )
            ids = [
                each["InstanceId"]
                for reservation in answers["instances"]
                for each in reservation["Instances"]
                if each["State"]["Name"] not in GONE
            ]
            user_data = _each(
                pool,
                _user_data,
                client,
                ids,
                lambda each: f"user-data of {each}, {where}",
                unchecked,
                lambda done: advance("user-data", done, len(ids)),
            )
            facts = RegionFacts(
                account.id,
                region,
                account.partition,
                read_instances(answers["instances"], {i: data for i, data in user_data.items() if data}),
                interfaces,
                rules,
                read_acls(answers["acls"]),
                tables,
                read_subnets(answers["subnets"]),
                prefix_lists,
                read_peerings(answers["peerings"]),
            )
        except (KeyError, ValueError) as error:
            reason = f"AWS's answer cannot be read: {type(error).__name__} {error}."
            return None, [*unchecked, Unchecked(where, reason)]
    return facts, unchecked


def _each(
    pool: ThreadPoolExecutor,
    fetch_one: Callable[[Any, str], _Found],
    client: Any,
    names: Sequence[str],
    subject: Callable[[str], str],
    unchecked: list[Unchecked],
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, _Found]:
    """One call for each name; what fails is unchecked."""
    futures: dict[str, Future[_Found]] = {name: pool.submit(fetch_one, client, name) for name in names}
    found: dict[str, _Found] = {}
    for done, (name, future) in enumerate(futures.items(), 1):
        try:
            found[name] = future.result()
        except ClientError as error:
            if not _gone(error):
                unchecked.append(Unchecked(subject(name), f"{_reason(error)}."))
        except BotoCoreError as error:
            unchecked.append(Unchecked(subject(name), f"{_reason(error)}."))
        advance(done)
    return found


def _client(session: Session, service: str, region: str) -> Any:
    return session.client(service, region_name=region, config=_CONFIG)


def _all_pages(client: Any, operation: str, key: str) -> list[Any]:
    # Pages as large as EC2 gives them: fewer calls, and fewer that are throttled.
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": _PAGE})
    return [each for page in pages for each in page[key]]


def _prefix_list(client: Any, identity: str) -> AddressSet:
    pages = client.get_paginator("get_managed_prefix_list_entries").paginate(PrefixListId=identity)
    return AddressSet.of([entry["Cidr"] for page in pages for entry in page["Entries"]])


def _user_data(client: Any, instance: str) -> bytes:
    answer = client.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    attribute: Mapping[str, Any] = answer.get("UserData") or {}
    value: str = attribute.get("Value", "")
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError):
        return value.encode()


def _gone(error: ClientError) -> bool:
    """Whether what was asked for has gone since it was listed."""
    return cast(Any, error).response["Error"]["Code"] == "InvalidInstanceID.NotFound"


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


def _reason(error: Exception) -> str:
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
