"""Decides what a host's role may do. Pure.

It may read the parameter with its configuration, write the one with its status, be reached by Session Manager, and
nothing else, but for what a Swarm's member needs: that is membership.py's.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

ACCOUNT_KEY: Final = "alias/aws/ssm"
"""The account's own key for parameters, whose policy lets whoever may read a parameter decrypt it."""

# The managed policy AmazonSSMManagedInstanceCore would let the host read every parameter of the account.
_SESSION_MANAGER: Final = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


def _policy(*statements: dict[str, Any]) -> str:
    allowed = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


ASSUME_ROLE_POLICY: Final = _policy(
    {"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
"""Who may take the role: EC2, for the instance."""


def policy(*, parameter: str, status: str, key: str | None, member: Sequence[dict[str, Any]] = ()) -> str:
    """What the role allows, with the parameters' ARNs, and the KMS key's where it is not the account's own; and what a
    Swarm's member has besides (membership.py)."""
    statements: list[dict[str, Any]] = [
        {"Action": "ssm:GetParameter", "Resource": parameter},
        {"Action": "ssm:PutParameter", "Resource": status},
        {"Action": _SESSION_MANAGER, "Resource": "*"},
    ]
    if key is not None:
        only = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameter}}
        statements.append({"Action": "kms:Decrypt", "Resource": key, "Condition": only})
    return _policy(*statements, *member)
