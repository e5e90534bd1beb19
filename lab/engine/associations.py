"""What the audit asks and moto lacks: Systems Manager's associations, in memory.

They are kept as they were made; nothing is run by them.
"""

import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

_KEPT: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}


def _of(response: SimpleSystemManagerResponse) -> dict[str, dict[str, Any]]:
    return _KEPT.setdefault((response.current_account, response.region), {})


def _create_association(self: SimpleSystemManagerResponse) -> ActionResult:
    identity = str(uuid.uuid4())
    _of(self)[identity] = {
        "AssociationId": identity,
        **{
            name: self._get_param(name) for name in ("Name", "Parameters", "Targets") if self._get_param(name)
        },
    }
    return ActionResult({"AssociationDescription": _of(self)[identity]})


def _list_associations(self: SimpleSystemManagerResponse) -> ActionResult:
    shown = ("AssociationId", "Name", "Targets")
    listed = [{name: each[name] for name in shown if name in each} for each in _of(self).values()]
    return ActionResult({"Associations": listed})


def _describe_association(self: SimpleSystemManagerResponse) -> ActionResult:
    return ActionResult({"AssociationDescription": _of(self)[self._get_param("AssociationId")]})


def _delete_association(self: SimpleSystemManagerResponse) -> ActionResult:
    _of(self).pop(self._get_param("AssociationId"), None)
    return ActionResult({})


def extend() -> None:
    """Give moto the calls."""
    for call in (_create_association, _list_associations, _describe_association, _delete_association):
        setattr(SimpleSystemManagerResponse, call.__name__.removeprefix("_"), call)
