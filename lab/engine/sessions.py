"""What `aws-docker tunnel` asks and moto lacks: Session Manager's sessions, in memory.

Nothing is carried by them: that is for the lab's plugin, which is let in by a session that is open, and by its token.
A caller who is a user of the account's IAM may do what his own policies say; everybody else is the account's root.
Sources: AWS Systems Manager API (StartSession, TerminateSession), and "Additional sample IAM policies for Session
Manager".
"""

import fnmatch
import json
import re
import secrets
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.ssm.responses import SimpleSystemManagerResponse

DOCUMENT = "AWS-StartPortForwardingSession"
DISCONNECTED = "agent"
"""The tag of an instance whose agent is `disconnected`."""

_SESSIONS: dict[str, dict[str, Any]] = {}
_PORT = re.compile(r"[1-9][0-9]{0,4}")


def _start_session(self: SimpleSystemManagerResponse) -> ActionResult:
    target, document = self._get_param("Target"), self._get_param("DocumentName")
    instances = ec2_backends[self.current_account][self.region].all_instances()
    instance = next((each for each in instances if each.id == target), None)
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()} if instance else {}
    of_it = {f"ssm:resourceTag/{key}": value for key, value in tags.items()}
    arn = f"arn:aws:ec2:{self.region}:{self.current_account}:instance/{target}"
    # Which document, is checked for those whose policies ask for it, and where one is named.
    document_arn = f"arn:aws:ssm:{self.region}::document/{document}"
    for resource in (arn, document_arn):
        _authorise(self, "ssm:StartSession", resource, of_it)
    if instance is None or instance.state != "running" or tags.get(DISCONNECTED) == "disconnected":
        raise JsonRESTError("TargetNotConnected", f"{target} is not connected.")
    parameters = self._get_param("Parameters") or {}
    if document != DOCUMENT:
        raise JsonRESTError("InvalidDocument", f"Document with name {document} does not exist.")
    if set(parameters) != {"portNumber", "localPortNumber"} or not all(
        len(values) == 1 and _PORT.fullmatch(values[0]) for values in parameters.values()
    ):
        raise JsonRESTError("InvalidParameters", "The parameters do not fit the document.")
    name = f"{_caller(self)[0]}-{secrets.token_hex(9)[:17]}"
    _SESSIONS[name] = {
        "SessionId": name,
        "Target": target,
        "Status": "Connected",
        "Owner": _caller(self)[1],
        "DocumentName": document,
        "Reason": self._get_param("Reason"),
        "TokenValue": secrets.token_urlsafe(48),
    }
    stream = f"wss://ssmmessages.{self.region}.amazonaws.com/v1/data-channel/{name}?role=publish_subscribe"
    token = _SESSIONS[name]["TokenValue"]
    return ActionResult({"SessionId": name, "TokenValue": token, "StreamUrl": stream})


def _terminate_session(self: SimpleSystemManagerResponse) -> ActionResult:
    name = self._get_param("SessionId")
    session = _SESSIONS.get(name, {})
    arn = f"arn:aws:ssm:{self.region}:{self.current_account}:session/{name}"
    _authorise(
        self,
        "ssm:TerminateSession",
        arn,
        {"ssm:resourceTag/aws:ssmmessages:session-id": session.get("Owner", "")},
    )
    if name in _SESSIONS:
        _SESSIONS[name]["Status"] = "Terminated"
    return ActionResult({"SessionId": name})


def _describe_sessions(self: SimpleSystemManagerResponse) -> ActionResult:
    active = {"Active": ("Connected",), "History": ("Terminated",)}[self._get_param("State")]
    hidden = ("TokenValue",)
    listed = [
        {name: value for name, value in each.items() if name not in hidden}
        for each in _SESSIONS.values()
        if each["Status"] in active
    ]
    return ActionResult({"Sessions": listed})


def _resume_session(self: SimpleSystemManagerResponse) -> ActionResult:
    """In AWS a new token; here how the lab's plugin asks whether what it was given is good."""
    session = _SESSIONS.get(self._get_param("SessionId"))
    if session is None or session["Status"] != "Connected":
        raise JsonRESTError("DoesNotExistException", "The session is over.")
    return ActionResult({"SessionId": session["SessionId"], "TokenValue": session["TokenValue"]})


def _caller(self: SimpleSystemManagerResponse) -> tuple[str, str, list[dict[str, Any]] | None]:
    """Name, id and policies' statements; None for those whom nothing is refused."""
    for user in iam_backends[self.current_account]["aws"].users.values():
        if any(key.access_key_id == self.access_key for key in user.access_keys):
            documents = [
                json.loads(text) if isinstance(text, str) else text for text in user.policies.values()
            ]
            return user.name, user.id, [each for text in documents for each in text["Statement"]]
    return "root", self.current_account, None


def _authorise(
    self: SimpleSystemManagerResponse, action: str, resource: str, context: dict[str, str]
) -> None:
    name, identity, statements = _caller(self)
    if statements is None:
        return

    def filled(value: Any) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        return [text.replace("${aws:userid}", identity).replace("${aws:username}", name) for text in texts]

    def met(operator: str, key: str, value: Any) -> bool:
        if (operator, key) == ("BoolIfExists", "ssm:SessionDocumentAccessCheck"):
            return True  # It adds a check, which is always made here.
        if operator not in ("StringEquals", "StringLike"):
            raise NotImplementedError(operator)
        return key in context and any(fnmatch.fnmatchcase(context[key], each) for each in filled(value))

    for statement in statements:
        conditions = statement.get("Condition", {})
        if (
            statement["Effect"] == "Allow"
            and any(fnmatch.fnmatchcase(action, each) for each in filled(statement["Action"]))
            and any(fnmatch.fnmatchcase(resource, each) for each in filled(statement["Resource"]))
            and all(met(op, key, value) for op, keys in conditions.items() for key, value in keys.items())
        ):
            return
    user = f"arn:aws:iam::{self.current_account}:user/{name}"
    raise JsonRESTError(
        "AccessDeniedException",
        f"User: {user} is not authorized to perform: {action} on resource: {resource} because no "
        "identity-based policy allows it",
    )


def extend() -> None:
    """Give moto the calls."""
    for call in (_start_session, _terminate_session, _describe_sessions, _resume_session):
        setattr(SimpleSystemManagerResponse, call.__name__.removeprefix("_"), call)
