"""What a fleet has more where it is a Swarm: what its members share, what each may do, and in which order they go."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from aws_docker import DockerFleet, DockerHostError
from aws_docker.core.ports import SWARM_PORTS
from aws_docker.core.standing import digest_of
from aws_docker.host import members, membership, userdata
from aws_docker.host.container_networks import container_address_pools, overlay_pool
from aws_docker.policy import docker_host_exposure, docker_no_secret_in_user_data, docker_swarm_members_only
from aws_docker.policy.testing import Resource, analyze, analyze_stack

from .conftest import Stack

FIVE: dict[str, Any] = {
    "instance_types": dict.fromkeys("abcvw", "t3.medium"),
    "trusted_cidrs": ["10.0.5.0/24"],
    "swarm_managers": ["c", "a", "b"],
}


class Words:
    """What stands in the members' status parameters, each time that one is read; the last from then on."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}

    def __call__(self, name: str) -> str:
        told = self.of.get(name, [userdata.STATUS_AT_FIRST])
        return told.pop(0) if len(told) > 1 else told[0]


@pytest.fixture(autouse=True)
def words(stack: Stack) -> Words:
    stack.cloud.status = said = Words()
    return said


def swarm(stack: Stack, **args: Any) -> Stack:
    stack.run(lambda: DockerFleet("ci", {**FIVE, **args}))  # pyright: ignore[reportArgumentType]
    return stack


def host_settings(stack: Stack, host: str) -> dict[str, Any]:
    text = gzip.decompress(base64.b64decode(stack[f"ci-{host}-instance"]["userDataBase64"])).decode()
    line = next(line for line in text.splitlines() if line.strip().startswith('{"install"'))
    return json.loads(line)


def document(stack: Stack, host: str) -> dict[str, Any]:
    return json.loads(stack[f"ci-{host}-configuration"]["value"])


def test_what_the_members_share(stack: Stack) -> None:
    swarm(stack)
    rules = [f"{protocol}-{port}" for protocol, port in SWARM_PORTS]
    assert {name for name in stack.resources if name.startswith("ci-swarm-")} == {
        "ci-swarm-security-group",
        *(f"ci-swarm-{way}-{rule}" for way in ("from", "to") for rule in rules),
        "ci-swarm-manager-token",
        "ci-swarm-worker-token",
        "ci-swarm-program",
    }
    for name in stack.resources:
        if name.startswith(("ci-swarm-from-", "ci-swarm-to-")):
            rule = stack[name]
            assert (
                rule["securityGroupId"] == rule["referencedSecurityGroupId"] == "ci-swarm-security-group-id"
            )
            assert not {"cidrIpv4", "cidrIpv6", "prefixListId"} & rule.keys()
    for host in "abcvw":
        groups = stack[f"ci-{host}-interface"]["securityGroups"]
        assert groups == ["ci-security-group-id", "ci-swarm-security-group-id"]


def test_the_policies_say_nothing_of_it(stack: Stack) -> None:
    """Nor where somebody else's rule would be one too many."""
    swarm(stack)
    config = {"trustedCidrs": FIVE["trusted_cidrs"]}
    said = {
        name: outcome.text
        for name, made in stack.resources.items()
        if (
            outcome := analyze(
                [docker_swarm_members_only, docker_no_secret_in_user_data], made.type, made.inputs
            )
        ).text
    }
    assert said == {}
    resources = [
        Resource(made.type, name, {"id": f"{name}-id", **made.inputs})
        for name, made in stack.resources.items()
    ]
    assert "Swarm" not in analyze_stack(docker_host_exposure, resources, config=config).text
    rule = {**stack["ci-swarm-from-udp-4789"], "cidrIpv4": "0.0.0.0/0"}
    assert analyze(docker_swarm_members_only, stack.resources["ci-swarm-from-udp-4789"].type, rule).at(
        "mandatory"
    )


def test_a_fleet_without_managers_has_nothing_of_it(stack: Stack) -> None:
    swarm(stack, swarm_managers=None)
    assert not [name for name in stack.resources if "swarm" in name]
    assert "swarm" not in host_settings(stack, "a")
    assert "swarm" not in document(stack, "a")
    assert document(stack, "a")["daemon"]["live-restore"] is True
    assert stack.outputs("ci")["manager_endpoints"] == {}


def test_tokens_are_encrypted_and_left_to_the_managers(stack: Stack) -> None:
    swarm(stack)
    for kind in ("manager", "worker"):
        token = stack.resources[f"ci-swarm-{kind}-token"]
        assert token.inputs["type"] == "SecureString"
        assert token.inputs["value"] == membership.NOT_YET
        assert token.request.ignoreChanges == ["value"]


def test_a_member_is_told_who_they_are(stack: Stack) -> None:
    swarm(stack)
    told = document(stack, "a")
    address = "172.31.5.10"
    assert told["swarm"] == {
        "name": "a",
        "address": address,
        "managers": ["a", "b", "c"],
        "members": dict.fromkeys("abcvw", address),
        "tokens": {"manager": "ci-swarm-manager-token", "worker": "ci-swarm-worker-token"},
        "claim": "ci-swarm-manager-token-claim",
        "pool": "172.22.0.0/16",
    }
    assert told["daemon"]["live-restore"] is False
    told = document(stack, "w")["swarm"]
    assert told["tokens"] == {"worker": "ci-swarm-worker-token"}
    assert not {"claim", "pool", "key"} & told.keys()


def allowed(stack: Stack, host: str, action: str) -> set[str]:
    found: set[str] = set()
    for statement in json.loads(stack[f"ci-{host}-role-policy"]["policy"])["Statement"]:
        actions, resources = (
            [each] if isinstance(each, str) else each for each in (statement["Action"], statement["Resource"])
        )
        if action in actions:
            found |= {each.rsplit("/", 1)[-1] for each in resources}
    return found


def test_only_managers_read_the_managers_token(stack: Stack) -> None:
    swarm(stack)
    manager, worker, program = (f"ci-swarm-{name}" for name in ("manager-token", "worker-token", "program"))
    assert allowed(stack, "a", "ssm:GetParameter") == {
        "ci-a-configuration",
        program,
        manager,
        worker,
        f"{manager}-claim",
    }
    assert allowed(stack, "a", "ssm:PutParameter") == {"ci-a-status", manager, worker, f"{manager}-claim"}
    assert allowed(stack, "w", "ssm:GetParameter") == {"ci-w-configuration", program, worker}
    assert allowed(stack, "w", "ssm:PutParameter") == {"ci-w-status"}


def test_with_a_key_of_the_callers_tokens_are_under_it(stack: Stack) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/0a1b"
    swarm(stack, kms_key_id=key)
    assert stack["ci-swarm-manager-token"]["keyId"] == key
    assert document(stack, "a")["swarm"]["key"] == key
    assert allowed(stack, "a", "kms:Encrypt") == {"0a1b"}
    assert allowed(stack, "w", "kms:Encrypt") == set()
    for host, tokens in (("a", ["manager", "worker"]), ("w", ["worker"])):
        statement = json.loads(stack[f"ci-{host}-role-policy"]["policy"])["Statement"][-1]
        arns = statement["Condition"]["StringEquals"]["kms:EncryptionContext:PARAMETER_ARN"]
        assert [arn.rsplit("/", 1)[1] for arn in arns] == [f"ci-swarm-{token}-token" for token in tokens]


def test_the_program_is_known_by_its_digest(stack: Stack) -> None:
    swarm(stack)
    parameter, digest = host_settings(stack, "w")["swarm"]
    assert parameter == "ci-swarm-program"
    assert stack["ci-swarm-program"]["value"] == userdata.swarm_program()
    assert digest == digest_of(userdata.swarm_program())


def test_managers_are_put_out(stack: Stack) -> None:
    swarm(stack)
    outputs = stack.outputs("ci")
    assert set(outputs["manager_endpoints"]) == {"a", "b", "c"}
    swarm(stack, swarm_managers=["v"])
    assert outputs["endpoint"] == outputs["manager_endpoints"]["a"]


def word(host: str, state: str = "ready", instance: str | None = None) -> str:
    return json.dumps(
        {"version": 1, "state": state, "reason": "so", "instance": instance or f"ci-{host}-instance-id"}
    )


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_seconds(attempts: int) -> None:
        monkeypatch.setattr(members, "_WAIT_SECONDS", attempts)
        monkeypatch.setattr(members, "_PAUSE_SECONDS", 1)

    return set_seconds


def test_a_member_is_not_touched_before_the_one_ahead_is_back(
    stack: Stack, words: Words, short: Callable[[int], None]
) -> None:
    short(2)
    for host in "abcvw":
        words.of[f"ci-{host}-status"] = [word(host)]
    swarm(stack)
    assert "ci-w-instance" in stack.resources

    # Another instance of a's, which is not in the Swarm yet: b stays what it is.
    words.of["ci-a-status"] = [word("a", instance="i-before")]
    with pytest.raises(
        DockerHostError, match=r"'a' is not in the Swarm \(ready: so\), so '.' is left as it is"
    ):
        swarm(stack)
    assert "ci-b-instance" not in stack.resources
    words.of["ci-a-status"] = [word("a", "joining")]
    with pytest.raises(DockerHostError, match=r"'a' is not in the Swarm \(joining: so\)"):
        swarm(stack)

    # It comes while it is waited for.
    words.of["ci-a-status"] = [word("a", "joining"), word("a")]
    swarm(stack)
    assert "ci-b-instance" in stack.resources


def test_members_that_have_never_been_one_come_at_once(
    stack: Stack, words: Words, short: Callable[[int], None]
) -> None:
    short(1)
    swarm(stack)  # nobody has written a status
    words.of["ci-b-status"] = [word("b")]
    with pytest.raises(DockerHostError, match="'a' is not in the Swarm"):
        swarm(stack)


def test_to_the_engine_no_member_depends_on_another(stack: Stack) -> None:
    """Else it would replace all of them with one, and take all away first."""
    swarm(stack)
    for host in "abcvw":
        others = {f"ci-{other}-instance" for other in "abcvw"} - {f"ci-{host}-instance"}
        assert not others & stack.resources[f"ci-{host}-instance"].depends_on


def test_nothing_is_asked_in_a_preview(stack: Stack, words: Words) -> None:
    stack.preview = True
    words.of["ci-b-status"] = ["no JSON"]
    swarm(stack)


def test_overlay_networks_lie_apart_from_everything() -> None:
    avoid = ["10.0.0.0/8", "172.17.0.0/16"]
    bridge, pools = container_address_pools(avoid)
    pool = overlay_pool(avoid)
    assert pool == "172.23.0.0/16"
    assert bridge == "172.18.0.1/16"
    assert [each["base"] for each in pools] == [f"172.{n}.0.0/16" for n in (19, 20, 21, 22)]
    assert (
        overlay_pool(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/11"]) == "100.122.0.0/16"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"swarm_managers": ["a", "b"]},
            "swarm_managers: 'a, b' names 2 managers; name 1, 3, 5 or 7: an even number bears no more losses than one "
            "fewer, and more than 7 are slow",
        ),
        (
            {"swarm_managers": ["a", "b", "x"]},
            "swarm_managers: 'x' is no host's name; name some of a, b, c, v, w",
        ),
        (
            {"swarm_managers": ["a", "b", "a"]},
            "swarm_managers: 'a' is named twice; name each manager once",
        ),
        (
            {"swarm_managers": ["a"], "key_delivery": "user-data"},
            "key_delivery: 'user-data' gives a Swarm's members no role; deliver by Parameter Store: a member reads its "
            "join token there, with its role",
        ),
        (
            {"swarm_managers": ["a"], "daemon_options": {"live-restore": True}},
            "daemon_options.live-restore: True is not to be had in a Swarm; leave it out, or take swarm_managers away",
        ),
        (
            {"stop_when_idle_minutes": 60},
            "stop_when_idle_minutes: 60 would stop a Swarm's managers; leave it out: the managers c, a, b have to be "
            "there for the others",
        ),
        (
            {"spot": True},
            "spot: True would leave a Swarm's managers to EC2; leave it out: EC2 may stop several managers at once, "
            "and with them the Swarm",
        ),
        (
            {"swarm_managers": ["a"], "instance_types": {"a": "t3.medium", "swarm-b": "t3.medium"}},
            "instance_types: 'swarm-b' is refused; choose another name: so is what the Swarm's members share called",
        ),
    ],
)
def test_refusals(stack: Stack, args: dict[str, Any], message: str) -> None:
    with pytest.raises(DockerHostError) as refused:
        swarm(stack, **args)
    assert str(refused.value) == message
    assert stack.resources == {}
