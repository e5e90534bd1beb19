"""`aws-docker start`: wakes a stack's hosts, and returns when they serve."""

from typing import Annotated

import typer

from .errors import checking
from .options import Directory, Json, Profile, Stack
from .reporting import finish_statuses

Hosts = Annotated[list[str] | None, typer.Argument(help="Which hosts; without a name, all of the stack.")]


def start(
    hosts: Hosts = None,
    stack: Stack = None,
    cwd: Directory = None,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds to wait at most; 0 only starts them.")] = 600,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Wake a stack's hosts, and wait until they serve.

    aws-docker start --stack dev && docker --context dev ps

    It asks EC2 to start what is stopped (ec2:StartInstances, ec2:DescribeInstances), and reads what each host then
    writes of itself (ssm:GetParameters); where that cannot be read, it asks the host over mutual TLS. No secret of the
    stack is needed. docs/sleep.md has the policy for who may wake hosts and nothing else.

    Ends with 0 where all serve, 1 where time is up, 2 where EC2 refused or could not be asked.
    """
    with checking():
        from .power import hosts_of, wake

        statuses = wake(hosts_of(stack, cwd, hosts or ()), stack, cwd, profile, timeout)
        finish_statuses("start", statuses, as_json)
