"""`aws-docker stop`: puts a stack's hosts to sleep: their instances stop, and keep all but what runs."""

from typing import Annotated

import typer

from .errors import checking
from .options import Directory, Json, Profile, Stack
from .reporting import finish_statuses
from .start import Hosts


def stop(
    hosts: Hosts = None,
    stack: Stack = None,
    cwd: Directory = None,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds to wait at most; 0 only stops them.")] = 300,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Put a stack's hosts to sleep, whoever uses them: running containers end.

    aws-docker stop --stack dev

    It asks EC2 to stop them (ec2:StopInstances, ec2:DescribeInstances). Address, certificates and disks stay;
    `aws-docker start` wakes them.

    Ends with 0 where all are off, 1 where time is up, 2 where EC2 refused or could not be asked.
    """
    with checking():
        from .power import hosts_of, put_to_sleep

        statuses = put_to_sleep(hosts_of(stack, cwd, hosts or ()), profile, timeout)
        finish_statuses("stop", statuses, as_json)
