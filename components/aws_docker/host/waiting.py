"""Holds a component's outputs back until its host answers, where that was asked for. Never in a preview.

How a host is asked, and what its silence means, is readiness.py's.
"""

import asyncio
from dataclasses import fields, replace
from typing import Any, TypeVar

import pulumi

from . import readiness
from .certificates import Materials
from .children import DockerHostError
from .readiness import Client, NotReady

_Value = TypeVar("_Value")


def until_ready(
    component: pulumi.Resource,
    endpoint: pulumi.Output[str | None],
    materials: Materials,
    trusted: pulumi.Output[list[str]],
    instance_id: pulumi.Output[str],
    document: pulumi.Output[str],
) -> tuple[pulumi.Output[str | None], Materials]:
    """The same endpoint and materials, known once the first client is served with them.

    Raises DockerHostError from the outputs where it is not, after readiness.WAIT_SECONDS.
    """

    async def wait(known: dict[str, Any]) -> None:
        if pulumi.runtime.is_dry_run():
            return
        context = Client(known["authority"], known["certificate"], known["key"]).context()

        async def attempt() -> None:
            await asyncio.to_thread(readiness.ping, known["endpoint"], context, known["trusted"])

        def tell(seen: str) -> None:
            pulumi.log.info(f"waiting for {known['endpoint']}, {seen}", component)

        try:
            await readiness.until_ready(attempt, tell=tell)
        except NotReady as error:
            raise DockerHostError(
                f"wait_until_ready: {known['endpoint']} did not answer over mutual TLS within "
                f"{readiness.WAIT_SECONDS // 60} minutes: {error}. `aws ec2 get-console-output --latest --instance-id "
                f"{known['instance']}` shows what the host said, `aws-docker verify` what is in its way"
            ) from None

    # Not secret, although it saw the key: what waits for it would become secret, too.
    answered = pulumi.Output.unsecret(
        pulumi.Output.all(
            endpoint=endpoint,
            authority=materials.ca,
            certificate=materials.first_certificate,
            key=materials.first_key,
            trusted=trusted,
            instance=instance_id,
            # A changed one is on its way to the host first.
            document=document,
        ).apply(wait)
    )

    def held(value: pulumi.Output[_Value]) -> pulumi.Output[_Value]:
        return pulumi.Output.all(answered, value).apply(lambda both: both[1])

    return held(endpoint), replace(
        materials, **{each.name: held(getattr(materials, each.name)) for each in fields(Materials)}
    )
