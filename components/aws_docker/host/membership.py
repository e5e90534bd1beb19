"""Decides what a Swarm is made of: who manages it, what each member is told, and what its role may do for it. Pure.

What a member makes of it is swarm.py's; which ports are open among members, the core's table's (ports.py).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ..core.errors import InvalidInput

COUNTS: Final = (1, 3, 5, 7)
"""How many managers there may be (Docker, "Administer and maintain a swarm": an odd number, and at most seven)."""

NOT_YET: Final = "-"
"""What stands in a join token's parameter before there is a Swarm."""


def check_managers(managers: Sequence[str], hosts: Collection[str]) -> None:
    """Raises InvalidInput for managers that no Swarm should have."""
    argument = "swarm_managers"
    for name in managers:
        if name not in hosts:
            raise InvalidInput(
                argument, name, f"name some of {', '.join(sorted(hosts))}", "is no host's name"
            )
        if managers.count(name) > 1:
            raise InvalidInput(argument, name, "name each manager once", "is named twice")
    if len(managers) not in COUNTS:
        hint = (
            "name 1, 3, 5 or 7: an even number bears no more losses than one fewer, and more than 7 are slow"
        )
        raise InvalidInput(argument, ", ".join(managers) or "[]", hint, f"names {len(managers)} managers")


def claim_name(manager_token: str) -> str:
    """The parameter by which the first manager is chosen: whoever makes it begins the Swarm. Or its ARN, from the
    token's."""
    return f"{manager_token}-claim"


def told(
    *,
    name: str,
    managers: Sequence[str],
    addresses: Mapping[str, str],
    pool: str | None,
    manager_token: str,
    worker_token: str,
    key: str | None = None,
) -> dict[str, Any]:
    """The part of a member's configuration document that is about the Swarm. A worker is told of no manager's token."""
    tokens = {"worker": worker_token}
    document: dict[str, Any] = {
        "name": name,
        "address": addresses[name],
        "managers": sorted(managers),
        "members": dict(addresses),
        "tokens": tokens,
    }
    if name in managers:
        tokens["manager"] = manager_token
        document |= {"claim": claim_name(manager_token), "pool": pool}
        if key is not None:
            document["key"] = key
    return document


def statements(
    *, manages: bool, program: str, manager_token: str, worker_token: str, key: str | None
) -> list[dict[str, Any]]:
    """What a member's role may do besides what every host's may, by the parameters' ARNs: read its token and the
    members' program; a manager reads and writes both tokens, and makes the claim."""
    written = [manager_token, worker_token] if manages else []
    read = [program, *(written or [worker_token])]
    found: list[dict[str, Any]] = []
    if manages:
        claim = claim_name(manager_token)
        found.append({"Action": "ssm:PutParameter", "Resource": [*written, claim]})
        read.append(claim)
    found.append({"Action": "ssm:GetParameter", "Resource": read})
    if key is not None:
        # Parameter Store API, "AWS KMS encryption for SecureString parameters": Encrypt where one is written.
        actions = ["kms:Decrypt", "kms:Encrypt"] if manages else ["kms:Decrypt"]
        only = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": written or [worker_token]}}
        found.append({"Action": actions, "Resource": key, "Condition": only})
    return found
