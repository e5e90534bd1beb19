"""What a Swarm's members share: a security group of their own, join tokens, their program; and whose turn it is.

What a member is told and may do is membership.py's. Members are replaced one after the other: a quorum that is lost
takes nothing any more.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from ..core.ports import SWARM_PORTS
from . import membership, role, userdata
from .children import Children, DockerHostError
from .plan import Common

_WAIT_SECONDS: Final = 600
_PAUSE_SECONDS: Final = 5


@dataclass(frozen=True)
class Shared:
    """The Swarm's own, and who is in it."""

    managers: tuple[str, ...]
    addresses: Mapping[str, pulumi.Output[str]]
    program: aws.ssm.Parameter
    manager_token: aws.ssm.Parameter
    worker_token: aws.ssm.Parameter
    asking: pulumi.InvokeOptions
    before: "list[tuple[str, aws.ec2.Instance, aws.ssm.Parameter]]" = field(
        default_factory=lambda: list[tuple[str, aws.ec2.Instance, aws.ssm.Parameter]]()
    )
    """The members that have been made so far, in their order."""


def group(children: Children, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
    """The members' security group, to which only they belong: its rules name itself."""
    made = aws.ec2.SecurityGroup(
        children.named("swarm-security-group"),
        description=f"Swarm {children.name}: among its members only",
        vpc_id=vpc_id,
        tags=children.tagged("swarm-security-group"),
        opts=children.options(),
    )
    for protocol, port in SWARM_PORTS:
        label = f"{protocol}-{port}"
        rule: dict[str, Any] = {
            "security_group_id": made.id,
            "referenced_security_group_id": made.id,
            "description": "Among the Swarm's members",
            "ip_protocol": protocol,
            "from_port": port,
            "to_port": port,
            "tags": children.tagged("swarm"),
            "opts": children.options(),
        }
        aws.vpc.SecurityGroupIngressRule(children.named(f"swarm-from-{label}"), **rule)
        aws.vpc.SecurityGroupEgressRule(children.named(f"swarm-to-{label}"), **rule)
    return made


def shared(children: Children, common: Common, addresses: Mapping[str, pulumi.Output[str]]) -> Shared:
    """The parameters that members meet in."""

    def token(kind: str) -> aws.ssm.Parameter:
        return aws.ssm.Parameter(
            children.named(f"swarm-{kind}-token"),
            description=f"With this a {kind} joins the Swarm {children.name}",
            type="SecureString",
            key_id=role.ACCOUNT_KEY if common.kms_key_id is None else common.kms_key_id,
            value=membership.NOT_YET,
            tags=children.tagged(f"swarm-{kind}-token"),
            # Managers write it.
            opts=children.options(ignore_changes=["value"]),
        )

    program = aws.ssm.Parameter(
        children.named("swarm-program"),
        description=f"What the members of the Swarm {children.name} run beside Docker",
        type="String",
        tier="Intelligent-Tiering",
        value=userdata.swarm_program(),
        tags=children.tagged("swarm-program"),
        opts=children.options(),
    )
    return Shared(common.managers, addresses, program, token("manager"), token("worker"), children.asking)


@dataclass(frozen=True)
class Member:
    """One of them."""

    shared: Shared
    name: str

    def told(self, key: pulumi.Input[str] | None) -> dict[str, Any]:
        """What membership.py's `told` takes, but for where overlay networks lie."""
        return {
            "name": self.name,
            "managers": list(self.shared.managers),
            "addresses": dict(self.shared.addresses),
            "manager_token": self.shared.manager_token.name,
            "worker_token": self.shared.worker_token.name,
            "key": key,
        }

    def statements(self, key: pulumi.Input[str] | None) -> pulumi.Output[list[dict[str, Any]]]:
        """What its role may do for the Swarm."""
        return pulumi.Output.all(
            program=self.shared.program.arn,
            manager_token=self.shared.manager_token.arn,
            worker_token=self.shared.worker_token.arn,
            key=key,
        ).apply(lambda arns: membership.statements(manages=self.name in self.shared.managers, **arns))

    def made(self, instance: aws.ec2.Instance, status: aws.ssm.Parameter) -> None:
        """The next member waits for this one."""
        self.shared.before.append((self.name, instance, status))

    def in_turn(self, status: aws.ssm.Parameter, user_data: pulumi.Output[str]) -> pulumi.Output[str]:
        """The user-data, known once the members before this one are in the Swarm, where this one has been: else two
        were replaced at a time.

        It does not depend on them as the engine sees it, which would replace this member with them, and first.
        """
        before = list(self.shared.before)
        if pulumi.runtime.is_dry_run() or not before:
            return user_data

        async def turn() -> None:
            if "instance" not in await self._status(status):
                return
            for name, instance, other in before:
                await self._in(name, await instance.id.future(), other)

        return pulumi.Output.all(user_data, pulumi.Output.from_input(turn())).apply(lambda both: both[0])

    async def _in(self, name: str, instance: str | None, status: aws.ssm.Parameter) -> None:
        told: dict[str, Any] = {}
        for _ in range(_WAIT_SECONDS // _PAUSE_SECONDS):
            told = await self._status(status)
            if told.get("instance") == instance and told.get("state") in ("ready", "waiting"):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise DockerHostError(
            f"swarm_managers: '{name}' is not in the Swarm ({told.get('state')}: {told.get('reason')}), so "
            f"'{self.name}' is left as it is: bring '{name}' back first; `aws-docker status` shows all of them"
        )

    async def _status(self, parameter: aws.ssm.Parameter) -> dict[str, Any]:
        name = await parameter.name.future()
        found: Any = await pulumi.runtime.invoke_async(
            "aws:ssm/getParameter:getParameter", {"name": name}, self.shared.asking
        )
        return json.loads(found["insecureValue"])
