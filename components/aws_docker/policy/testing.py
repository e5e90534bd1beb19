"""A kit for testing policies with what the engine really passes, without the engine.

Tests that call a policy with plain dicts pass where the engine fails: it passes proxies that are neither dict nor list,
floats for all numbers, secrets in clear, and values that raise when they are not known yet. Here every call goes
through the policy SDK's own service, by the messages that the engine sends. It works with any policy:

    from pulumi_policy import Secret
    from aws_docker.policy.testing import UNKNOWN, analyze

    outcome = analyze(my_policy, "aws:ec2/instance:Instance", {"ami": UNKNOWN, "userData": Secret("…")})
    assert [v.level for v in outcome.violations] == ["mandatory"]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, Policy, Secret, proxy
from pulumi_policy import policy as sdk
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY

UNKNOWN: Final[str] = proxy.UNKNOWN_STRING_VALUE
"""A value that a preview does not know yet: the only mark that Python, Node.js and YAML programs send."""

_LEVELS: Final = {0: "advisory", 1: "mandatory", 2: "disabled", 3: "remediate"}


class Violation(NamedTuple):
    """One finding, as the engine shows it."""

    policy: str
    urn: str
    """Empty for the resource that was analysed, and for a stack as a whole."""
    message: str
    level: str


@dataclass(frozen=True)
class Outcome:
    """What policies said."""

    violations: tuple[Violation, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict[str, str])
    """Reasons, by policy."""

    @property
    def text(self) -> str:
        return "\n".join(violation.message for violation in self.violations)

    def at(self, level: str) -> tuple[Violation, ...]:
        """The violations at this level."""
        return tuple(each for each in self.violations if each.level == level)


@dataclass(frozen=True)
class Resource:
    """A resource of a stack. `depends` says for a property which resources (by name) its value comes from."""

    type: str
    name: str
    properties: Mapping[str, Any]
    depends: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    parent: str | None = None

    @property
    def urn(self) -> str:
        return urn(self.type, self.name)


def urn(type: str, name: str) -> str:  # noqa: A002 (Pulumi's own word)
    """The URN that a resource has in this kit."""
    return f"urn:pulumi:test::test::{type}::{name}"


def analyze(
    policies: Policy | Iterable[Policy],
    type: str,  # noqa: A002
    properties: Mapping[str, Any],
    *,
    name: str = "resource",
    config: Mapping[str, Any] | None = None,
    level: EnforcementLevel | None = None,
    ignore_changes: Sequence[str] = (),
) -> Outcome:
    """What policies say about one resource's inputs. `config` and `level` are set for each of them."""
    request = _request(type, name, properties)
    request.options.ignoreChanges.extend(ignore_changes)
    return _outcome(_service(policies, config, level).Analyze(request, None))


def analyze_stack(
    policies: Policy | Iterable[Policy],
    resources: Iterable[Resource],
    *,
    config: Mapping[str, Any] | None = None,
    level: EnforcementLevel | None = None,
) -> Outcome:
    """What policies say about a stack's resources."""
    listed = list(resources)
    urns = {each.name: each.urn for each in listed}
    sent: list[analyzer_pb2.AnalyzerResource] = []
    for each in listed:
        depends = {key: [urns[name] for name in names] for key, names in each.depends.items()}
        resource = analyzer_pb2.AnalyzerResource(
            type=each.type,
            urn=each.urn,
            name=each.name,
            parent=urns[each.parent] if each.parent else "",
            dependencies=sorted({target for targets in depends.values() for target in targets}),
        )
        resource.properties.update(_marked(each.properties))
        for key, targets in depends.items():
            resource.propertyDependencies[key].urns.extend(targets)
        sent.append(resource)
    request = analyzer_pb2.AnalyzeStackRequest(resources=sent)
    return _outcome(_service(policies, config, level).AnalyzeStack(request, None))


def remediate(
    policy: Policy,
    type: str,  # noqa: A002
    properties: Mapping[str, Any],
    *,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """The inputs as a policy changes them, secrets and unknowns included; None where it changes nothing."""
    request = _request(type, "resource", properties)
    answer = _service(policy, config, EnforcementLevel.REMEDIATE).Remediate(request, None)
    for each in answer.remediations:
        if each.diagnostic:
            raise AssertionError(each.diagnostic)
        return cast(dict[str, Any], _plain(each.properties))
    return None


def _service(
    policies: Policy | Iterable[Policy], config: Mapping[str, Any] | None, level: EnforcementLevel | None
) -> Any:
    listed = [policies] if isinstance(policies, Policy) else list(policies)
    servicer: Any = vars(sdk)["_PolicyAnalyzerServicer"]
    service = servicer("test", "0.0.1", listed, EnforcementLevel.MANDATORY)
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for each in listed:
        wanted = level or each.enforcement_level or EnforcementLevel.MANDATORY
        set_to = request.policyConfig[each.name]
        set_to.enforcementLevel = cast(Any, next(k for k, v in _LEVELS.items() if v == wanted.value))
        set_to.properties.update(dict(config or {}))
    service.Configure(request, None)
    return service


def _outcome(response: Any) -> Outcome:
    return Outcome(
        tuple(
            Violation(each.policyName, each.urn, each.message, _LEVELS[each.enforcementLevel])
            for each in response.diagnostics
        ),
        {each.policy_name: each.reason for each in response.not_applicable},
    )


def _request(token: str, name: str, properties: Mapping[str, Any]) -> analyzer_pb2.AnalyzeRequest:
    request = analyzer_pb2.AnalyzeRequest(type=token, urn=urn(token, name), name=name)
    request.properties.update(_marked(properties))
    return request


def _marked(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": _marked(value.value)}
    if isinstance(value, Mapping):
        return {name: _marked(each) for name, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list | tuple):
        return [_marked(each) for each in cast(Sequence[Any], value)]
    return value


def _plain(value: Any) -> Any:
    # Of protobuf's Struct and ListValue, which are a Mapping and a Sequence.
    if isinstance(value, Mapping):
        items = cast(Mapping[str, Any], value)
        if SPECIAL_SIG_KEY in items and items[SPECIAL_SIG_KEY] == SPECIAL_SECRET_SIG:
            return Secret(_plain(items["value"]))
        return {name: _plain(items[name]) for name in items}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in cast(Sequence[Any], value)]
    return value
