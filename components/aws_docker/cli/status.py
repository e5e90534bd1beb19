"""`aws-docker status`: what a stack's hosts say of themselves, beside what the stack intends."""

from typing import TYPE_CHECKING

from .errors import NotChecked, checking
from .options import Directory, Json, Profile, Stack
from .reporting import finish_statuses
from .stack import stack_export

if TYPE_CHECKING:
    from aws_docker.audit.host_status import Expected


def status(
    stack: Stack = None,
    cwd: Directory = None,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Say whether each of a stack's hosts has in force what the stack intends, without a login on any.

    aws-docker status --stack dev

    It reads the parameter that each host writes at changes (ssm:GetParameters) and whether its instance runs
    (ec2:DescribeInstances), and connects to no host.

    Ends with 0 where what is intended is in force, 1 where it is not, 2 where a host's word could not be read.
    """
    with checking():
        from aws_docker.audit import aws
        from aws_docker.audit.parameters import fetch_statuses

        hosts = expected(stack, cwd)
        statuses = fetch_statuses(aws.open_session(profile, hosts[0].region or None), hosts)
        finish_statuses("status", statuses, as_json)


def expected(stack: Stack, cwd: Directory, *, intended: bool = True) -> "list[Expected]":
    """The hosts of a stack, and what it intends for them, if that matters; raises NotChecked where it has none."""
    from aws_docker.audit.host_status import expected_hosts

    # What is intended is a secret: it holds the server's key. Only its digest is kept.
    hosts = expected_hosts(stack_export(stack, cwd, secrets=intended))
    if not hosts:
        raise NotChecked("the stack holds no Docker host; name another with --stack")
    return hosts
