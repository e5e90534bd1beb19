"""Holds a component's outputs back until its hosts answer, where that was asked for. Never in a preview.

How a host is asked, and what its word or its silence means, is readiness.py's. The word is read as the stack reads
everything, by the component's provider: who runs `pulumi up` may have no other way to AWS.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

import pulumi
import pulumi_aws as aws

from ..core.standing import digest_of
from . import readiness, sleeping
from .certificates import Materials
from .children import DockerHostError
from .machine import Made
from .readiness import Client, HostRefused, NotInForce, NotReady

_Value = TypeVar("_Value")

_ASK_EVERY: Final = 30.0
"""Seconds between two questions to EC2 whether a machine that does not answer is asleep."""


def answered(
    component: pulumi.Resource, made: Made, materials: Materials, trusted: pulumi.Output[list[str]]
) -> pulumi.Output[None]:
    """Known once a machine has in force what it is told now, by its own word where it has one to write, and serves the
    first client at its endpoint with these materials.

    Raises DockerHostError from the output where it is not, after readiness.WAIT_SECONDS. A machine that sleeps is not
    waited for.
    """

    async def wait(known: dict[str, Any]) -> None:
        if pulumi.runtime.is_dry_run():
            return
        context = Client(known["authority"], known["certificate"], known["key"]).context()
        digest = digest_of(known["document"])

        asked = -_ASK_EVERY

        async def attempt() -> None:
            nonlocal asked
            try:
                if (word := _word(component, known["status"])) is not None:
                    readiness.check_word(word, instance=known["instance"], digest=digest)
                await asyncio.to_thread(readiness.ping, known["endpoint"], context, known["trusted"])
            except NotReady:
                if time.monotonic() < asked + _ASK_EVERY:
                    raise
                asked = time.monotonic()
                if not await sleeping.is_asleep(component, known["instance"]):
                    raise
                sleeping.say(component, known["endpoint"])

        def tell(seen: str) -> None:
            pulumi.log.info(f"waiting for {known['endpoint']}, {seen}", component)

        try:
            await readiness.until_ready(attempt, tell=tell)
        except NotReady as error:
            raise DockerHostError(_sentence(known["endpoint"], known["instance"], error)) from None

    # Not secret, although it saw the key: what waits for it would become secret, too.
    return pulumi.Output.unsecret(
        pulumi.Output.all(
            endpoint=made.endpoint,
            authority=materials.ca,
            certificate=materials.first_certificate,
            key=materials.first_key,
            trusted=trusted,
            instance=made.instance_id,
            # A changed one is on its way to the machine first.
            document=made.document,
            status=made.status,
        ).apply(wait)
    )


def _word(component: pulumi.Resource, parameter: str | None) -> str | None:
    """What stands in a host's status parameter; None where there is none, or it cannot be read: then the wire tells."""
    if parameter is None:
        return None
    try:
        read = aws.ssm.get_parameter(name=parameter, opts=pulumi.InvokeOptions(parent=component))
    except Exception as error:  # a failed call raises no narrower one
        pulumi.log.debug(f"{parameter} could not be read: {error}", component)
        return None
    return read.insecure_value


def _sentence(endpoint: str, instance: str, error: NotReady) -> str:
    if isinstance(error, HostRefused):
        return f"wait_until_ready: {endpoint} ({instance}) does not serve what this run intends: {error}"
    within = f"within {readiness.WAIT_SECONDS // 60} minutes"
    seen = (
        f"does not have in force {within} what this run intends"
        if isinstance(error, NotInForce)
        else f"did not answer over mutual TLS {within}"
    )
    return (
        f"wait_until_ready: {endpoint} {seen}: {error}. `aws ec2 get-console-output --latest --instance-id {instance}` "
        "shows what the host said, `aws-docker verify` what is in its way"
    )


def held(answers: Sequence[pulumi.Output[None]], value: pulumi.Output[_Value]) -> pulumi.Output[_Value]:
    """The same value, known once all have answered; at once where nobody is asked."""
    return pulumi.Output.all(value, *answers).apply(lambda known: known[0]) if answers else value


def held_materials(answers: Sequence[pulumi.Output[None]], materials: Materials) -> Materials:
    """The same materials, known once all have answered."""
    return replace(
        materials, **{each.name: held(answers, getattr(materials, each.name)) for each in fields(Materials)}
    )
