"""Fetches what AWS says of a region, read-only. Judges nothing: facts.py and workloads.py read the answers.

Every list is followed to its last page, and what is refused or throttled is reported as unchecked. docs/audit.md names
the calls; a test compares.
"""

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from ..core.addresses import AddressSet
from .aws import AT_ONCE, Account, client_of, one_by_one, why_not
from .documents import OF_AWS, READ, takes_commands
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
from .workloads import Association, Document, TaskDefinition, Workloads

Progress = Callable[[str, int, int], None]
"""Told what is fetched, how many are done, and of how many."""

_PAGE: Final = 1_000
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


def fetch(
    account: Account, region: str, progress: Progress | None = None
) -> tuple[RegionFacts | None, list[Unchecked]]:
    """What AWS says of a region, and what it would not say; no facts where too little could be read."""
    where = f"account {account.id}, region {region}"
    unchecked: list[Unchecked] = []
    client = client_of(account.session, "ec2", region)

    def advance(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{region}: {what}", done, total)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=region) as pool:
        lists = {name: pool.submit(_all_pages, client, *asked) for name, asked in _LISTS.items()}
        answers: dict[str, list[Any]] = {}
        for done, (name, future) in enumerate(lists.items()):
            advance(name, done, len(lists))
            try:
                answers[name] = future.result()
            except (ClientError, BotoCoreError) as error:
                unchecked.append(Unchecked(where, f"{_LISTS[name][0]}: {why_not(error)}."))
        if unchecked:
            return None, unchecked
        try:
            interfaces = read_interfaces(answers["interfaces"])
            groups = {group for each in interfaces if each.instance for group in each.groups}
            rules = read_rules(answers["rules"], account.id, groups)
            tables = read_tables(answers["tables"])
            lists_named = sorted(prefix_lists_of(rules, tables))
            prefix_lists = one_by_one(
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
            user_data = one_by_one(
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


# --- What else starts Docker ---------------------------------------------------------------------------------------

_AT_A_TIME: Final = 100
"""Tasks that DescribeTasks takes."""


def fetch_workloads(account: Account, region: str) -> tuple[Workloads, list[Unchecked]]:
    """The documents, associations and task definitions of a region, and what AWS would not say of them."""
    unchecked: list[Unchecked] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"{region} workloads") as pool:
        tasks = pool.submit(_tasks, account, region)
        documents, associations = _documents(account, region, pool, unchecked)
        found, more = tasks.result()
    unchecked += more
    return Workloads(account.id, region, account.partition, documents, associations, found), unchecked


def _documents(
    account: Account, region: str, pool: ThreadPoolExecutor, unchecked: list[Unchecked]
) -> tuple[tuple[Document, ...], tuple[Association, ...]]:
    where = f"account {account.id}, region {region}"
    ssm = client_of(account.session, "ssm", region)
    try:
        filters = [{"Key": "Owner", "Values": ["Self"]}]
        listed = _listed(ssm, "list_documents", "DocumentIdentifiers", Filters=filters)
        orders = _listed(ssm, "list_associations", "Associations")
    except (ClientError, BotoCoreError) as error:
        unchecked.append(Unchecked(f"documents of Systems Manager, {where}", f"{why_not(error)}."))
        return (), ()
    names = [each["Name"] for each in listed if each.get("DocumentType") in READ]
    used = [each["Name"] for each in orders if not OF_AWS.fullmatch(each["Name"])]
    kinds = {each["Name"]: each.get("DocumentType") for each in listed}
    names += [name for name in used if kinds.get(name, "Command") in READ]
    contents = one_by_one(
        pool, _document, ssm, [*dict.fromkeys(names)], lambda name: f"document {name}, {where}", unchecked
    )
    asked = [
        each["AssociationId"]
        for each in orders
        if not OF_AWS.fullmatch(each["Name"]) or takes_commands(each["Name"])
    ]
    given = one_by_one(
        pool, _parameters, ssm, asked, lambda identity: f"association {identity}, {where}", unchecked
    )
    return (
        tuple(Document(name, content) for name, content in contents.items()),
        tuple(
            Association(each["AssociationId"], each["Name"], given.get(each["AssociationId"], {}))
            for each in orders
        ),
    )


def _document(ssm: Any, name: str) -> str:
    return ssm.get_document(Name=name)["Content"]


def _parameters(ssm: Any, association: str) -> Mapping[str, Sequence[str]]:
    described = ssm.describe_association(AssociationId=association)["AssociationDescription"]
    return described.get("Parameters") or {}


def _tasks(account: Account, region: str) -> tuple[tuple[TaskDefinition, ...], list[Unchecked]]:
    """The newest task definition of each family, and those of which tasks run now."""
    where = f"account {account.id}, region {region}"
    unchecked: list[Unchecked] = []
    ecs = client_of(account.session, "ecs", region)
    try:
        families = _listed(ecs, "list_task_definition_families", "families", status="ACTIVE")
        running = Counter(
            each["taskDefinitionArn"]
            for cluster in _listed(ecs, "list_clusters", "clusterArns")
            for each in _running(ecs, cluster)
        )
    except (ClientError, BotoCoreError) as error:
        return (), [Unchecked(f"task definitions of ECS, {where}", f"{why_not(error)}.")]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"{region} tasks") as pool:

        def describe(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
            return one_by_one(
                pool, _task, ecs, names, lambda name: f"task definition {name}, {where}", unchecked
            )

        newest = {
            task["taskDefinitionArn"]: task
            for task in describe(families).values()
            if task.get("status") != "INACTIVE"
        }
        older = describe([arn for arn in running if arn not in newest])
    return (
        tuple(
            TaskDefinition(arn, arn in newest, running[arn], task)
            for arn, task in {**newest, **older}.items()
        ),
        unchecked,
    )


def _running(ecs: Any, cluster: str) -> Iterator[Mapping[str, Any]]:
    arns = _listed(ecs, "list_tasks", "taskArns", cluster=cluster, desiredStatus="RUNNING")
    for first in range(0, len(arns), _AT_A_TIME):
        yield from ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + _AT_A_TIME])["tasks"]


def _task(ecs: Any, name: str) -> Mapping[str, Any]:
    return ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]


def _listed(asking: Any, operation: str, key: str, **wanted: Any) -> list[Any]:
    return [each for page in asking.get_paginator(operation).paginate(**wanted) for each in page[key]]
