"""The provider's configuration, and AWS as the resources reach it: clients, tags, missing things."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from lab.engine.providers.plugin import Inputs, Kind, Refused

_STRUCTURED = (
    "endpoints",
    "defaultTags",
    "assumeRoles",
    "ignoreTags",
    "allowedAccountIds",
    "forbiddenAccountIds",
)


class Api:
    """What `aws.Provider` is configured with. Only services with an endpoint are reached: never the real AWS."""

    def __init__(self, configuration: Inputs) -> None:
        for name in _STRUCTURED:
            if isinstance(configuration.get(name), str):
                configuration[name] = json.loads(configuration[name])
        if not configuration.get("region"):
            raise Refused("invalid AWS Region: set it with `pulumi config set aws:region`")
        self.region: str = configuration["region"]
        self._endpoints: dict[str, str] = {}
        for endpoints in configuration.get("endpoints") or []:
            self._endpoints.update(endpoints)
        self._keys = {
            "aws_access_key_id": configuration.get("accessKey"),
            "aws_secret_access_key": configuration.get("secretKey"),
            "aws_session_token": configuration.get("token"),
        }
        self.default_tags: dict[str, str] = (configuration.get("defaultTags") or {}).get("tags") or {}
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._identity: dict[str, str] = {}
        if str(configuration.get("skipCredentialsValidation")).lower() != "true":
            self.identity()

    def client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                if service not in self._endpoints:
                    raise Refused(
                        f"the stand-in aws provider reaches no real AWS: give aws:endpoints an address for {service}"
                    )
                import boto3
                from botocore.config import Config

                self._clients[service] = boto3.client(
                    service,
                    region_name=self.region,
                    endpoint_url=self._endpoints[service],
                    config=Config(retries={"max_attempts": 3}, read_timeout=30),
                    **self._keys,
                )
            return self._clients[service]

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    @property
    def iam(self) -> Any:
        return self.client("iam")

    @property
    def ssm(self) -> Any:
        return self.client("ssm")

    def identity(self) -> dict[str, str]:
        if not self._identity:
            self._identity = self.client("sts").get_caller_identity()
        return self._identity

    def arn(self, service: str, resource: str, regional: bool = True) -> str:
        region = self.region if regional else ""
        return f"arn:aws:{service}:{region}:{self.identity()['Account']}:{resource}"

    def all_tags(self, inputs: Inputs) -> dict[str, str]:
        """A resource's tags with the provider's default tags."""
        return {**self.default_tags, **{k: v for k, v in (inputs.get("tags") or {}).items() if v is not None}}

    def tag_specification(self, resource_type: str, inputs: Inputs) -> dict[str, Any]:
        """The argument `TagSpecifications` of EC2's creating calls; nothing where there are no tags."""
        tags = as_tags(self.all_tags(inputs))
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": tags}]} if tags else {}

    def read_tags(self, tags: Iterable[dict[str, str]] | None, state: Inputs) -> dict[str, Any]:
        """The properties `tags` (without the provider's own) and `tagsAll`."""
        found = {tag["Key"]: tag["Value"] for tag in tags or [] if not tag["Key"].startswith("aws:")}
        given = state.get("tags") or {}
        own = {k: v for k, v in found.items() if k in given or self.default_tags.get(k) != v}
        return {"tags": own, "tagsAll": found}

    def retag(self, identity: str, state: Inputs, inputs: Inputs) -> None:
        """Makes an EC2 resource's tags what they shall be."""
        was, wanted = state.get("tagsAll") or {}, self.all_tags(inputs)
        if gone := [{"Key": key} for key in was if key not in wanted]:
            self.ec2.delete_tags(Resources=[identity], Tags=gone)
        if new := {k: v for k, v in wanted.items() if was.get(k) != v}:
            self.ec2.create_tags(Resources=[identity], Tags=as_tags(new))


class AwsKind(Kind):
    """A resource of AWS."""

    provider: Api
    computed = frozenset({"region"})

    @property
    def api(self) -> Api:
        return self.provider


def as_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def present(**arguments: Any) -> dict[str, Any]:
    """The arguments that have a value: botocore knows no None."""
    return {name: value for name, value in arguments.items() if value is not None}


def found(ask: Callable[[], Any], *missing: str) -> Any:
    """The answer, or None where AWS says by one of these error codes that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in missing or code.endswith((".NotFound", "NotFound")):
            return None
        raise


def one(ask: Callable[[], Any], key: str, *missing: str) -> dict[str, Any] | None:
    """The first thing in the answer's list `key`; None where there is none."""
    answer = found(ask, *missing)
    return answer[key][0] if answer and answer[key] else None


def same_json(first: Any, second: Any) -> bool:
    """Whether two JSON texts say the same; AWS gives policies back reformatted."""
    try:
        return _canonical(json.loads(first)) == _canonical(json.loads(second))
    except (TypeError, ValueError):
        return False


def _canonical(value: Any) -> Any:
    """IAM reads a list of one as its one member, and ignores the order of lists."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=repr)
        return items[0] if len(items) == 1 else items
    return value
