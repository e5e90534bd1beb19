"""Says in a run which hosts are asleep: what has changed is in force on them when they wake. Nothing waits for one.

What has a host sleep is agent.py's; how it is woken, the command's (cli/start.py).
"""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from .machine import Made
from .plan import Common


async def is_asleep(component: pulumi.Resource, instance: str) -> bool:
    """Whether an instance is off; where EC2 does not say so, it is not."""
    try:
        found = aws.ec2.get_instances_output(
            filters=[{"name": "instance-id", "values": [instance]}],
            instance_state_names=["stopping", "stopped"],
            opts=pulumi.InvokeOptions(parent=component),
        )
        return instance in (await found.ids.future() or ())
    except Exception:  # whoever may make a stack may ask; and where not, only the hint is missing
        return False


def say(component: pulumi.Resource, name: str) -> None:
    """What is said of a host that is asleep."""
    pulumi.log.info(
        f"{name} is asleep: what has changed for it is in force when it wakes. `aws-docker start` wakes it",
        component,
    )


def tell(component: pulumi.Resource, common: Common, made: Mapping[str, Made]) -> None:
    """Says it of each host that is asleep in a run; where a run waits for its hosts, waiting.py does."""
    if common.wait_until_ready or not (common.stop_when_idle_minutes or common.spot):
        return

    async def look(name: str, instance: str) -> None:
        if not pulumi.runtime.is_dry_run() and await is_asleep(component, instance):
            say(component, name)

    for name, each in made.items():
        each.instance_id.apply(lambda instance, name=name: look(name, instance))
