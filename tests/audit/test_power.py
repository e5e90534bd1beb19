"""Hosts that sleep, on an embedded AWS: how they stand, how they are woken and put to sleep, and what it takes to be
allowed to."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from aws_docker.audit.host_status import INTERRUPTED, Power, Standing, beside, judge_status
from aws_docker.cli import wait as waiting
from lab.engine.cloud import Cloud
from tests.audit.test_status import HOST, INTENDED, OLDER, state, word
from tests.conftest import ROOT
from tests.unit.stand import Api, Stand, api, stand

__all__ = ["api", "stand"]

STARTED = "2026-11-25T09:00:00Z"
"""Before the word was written; `LATER`, after it."""
LATER = "2026-11-25T11:00:00Z"


@pytest.mark.parametrize(
    ("text", "power", "standing", "evidence", "final"),
    [
        (word(), Power("running", STARTED), Standing.READY, "what the stack intends is in force", False),
        # What it wrote before it was stopped is no word of now.
        (word(), Power("running", LATER), Standing.UNDER_WAY, f"starting: EC2 started it at {LATER}", False),
        (word("closed"), Power("running", LATER), Standing.UNDER_WAY, "starting: ", False),
        (word("asleep"), Power("running", LATER), Standing.UNDER_WAY, "starting: ", False),
        (
            word("asleep", reason="nobody"),
            Power("running", STARTED),
            Standing.ASLEEP,
            "it goes to sleep",
            False,
        ),
        (word(), Power("pending", LATER), Standing.UNDER_WAY, "EC2 starts it", False),
        (
            word("asleep", reason="nobody used Docker"),
            Power("stopped", STARTED),
            Standing.ASLEEP,
            "asleep: nobody used Docker",
            True,
        ),
        (word(), Power("stopped", STARTED), Standing.ASLEEP, "asleep: EC2 has stopped it", True),
        (word(), Power("stopping", STARTED), Standing.ASLEEP, "asleep: EC2 stops it", True),
        (
            word("asleep", document=OLDER),
            Power("stopped", STARTED),
            Standing.ASLEEP,
            "asleep: EC2 has stopped it; what has changed is in force when it wakes",
            True,
        ),
        (
            word("interrupted"),
            Power("stopped", STARTED, INTERRUPTED),
            Standing.ASLEEP,
            "asleep: EC2 has taken the spot instance",
            True,
        ),
        (
            word("interrupted", reason="at 18:02"),
            Power("running", STARTED),
            Standing.FAILED,
            "interrupted",
            False,
        ),
        (word(), Power("terminated", STARTED), Standing.FAILED, "EC2 has terminated it", True),
        (None, Power("stopped", STARTED), Standing.ASLEEP, "asleep: EC2 has stopped it", True),
        # Who may not ask EC2 has the host's own word.
        (word(), None, Standing.READY, "what the stack intends is in force", False),
    ],
)
def test_what_ec2_says_beside_the_hosts_word(
    text: str | None, power: Power | None, standing: Standing, evidence: str, final: bool
) -> None:
    status = beside(judge_status(HOST, text), power)
    assert (status.standing, status.final) == (standing, final)
    assert status.evidence.startswith(evidence)
    assert status.power == (power.state if power else "")


def test_the_word_of_an_instance_before_this_one_is_none_of_its_own() -> None:
    status = beside(judge_status(HOST, word("asleep", instance="i-0999")), Power("stopped", STARTED))
    assert status.evidence == "asleep: EC2 has stopped it"


# --- The commands ---------------------------------------------------------------------------------------------------


class Fleet:
    """Instances in the cloud, and the words of the hosts on them."""

    def __init__(self, cloud: Cloud, stand: Stand, *names: str) -> None:
        self.ec2, self.ssm = cloud.client("ec2"), cloud.client("ssm")
        image = self.ec2.describe_images()["Images"][0]["ImageId"]
        made = self.ec2.run_instances(ImageId=image, MinCount=len(names), MaxCount=len(names))
        self.ids = dict(zip(names, (each["InstanceId"] for each in made["Instances"]), strict=True))
        text = json.dumps(state(*names, component="DockerFleet"))
        for name, instance in self.ids.items():
            text = text.replace(f"i-{name}", instance)
        # The stand's commands ask in the region that the state names.
        self.export = json.loads(text.replace("eu-central-1", cloud.region))
        stand.answer({"export": self.export})

    def say(self, name: str, how: str = "ready", **fields: Any) -> None:
        said = word(how, instance=self.ids[name], at="2099-01-01T00:00:00Z", **fields)
        self.ssm.put_parameter(Name=f"{name}-status-1a2b", Value=said, Type="String", Overwrite=True)

    def stop(self, *names: str) -> None:
        self.ec2.stop_instances(InstanceIds=[self.ids[name] for name in names])

    def powers(self) -> dict[str, str]:
        found = self.ec2.describe_instances(InstanceIds=list(self.ids.values()))["Reservations"]
        states = {i["InstanceId"]: i["State"]["Name"] for each in found for i in each["Instances"]}
        return {name: states[instance] for name, instance in self.ids.items()}

    def remove(self) -> None:
        self.ec2.terminate_instances(InstanceIds=list(self.ids.values()))
        for name in self.ids:
            self.ssm.delete_parameter(Name=f"{name}-status-1a2b")


Pause = Callable[[Callable[[], object]], None]


@pytest.fixture
def fleet(cloud: Cloud, stand: Stand) -> Iterator[Fleet]:
    stand.environment |= {**cloud.environment, "AWS_EC2_METADATA_DISABLED": "true"}
    made = Fleet(cloud, stand, "fleet-a", "fleet-b")
    for name in made.ids:
        made.say(name)
    yield made
    made.remove()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """What happens while a command waits between two looks."""

    def set_to(happen: Callable[[], object]) -> None:
        monkeypatch.setattr(waiting, "pause", lambda _: happen())

    set_to(lambda: None)
    return set_to


def test_start_wakes_what_is_off_and_returns_when_it_serves(
    stand: Stand, fleet: Fleet, meanwhile: Pause
) -> None:
    fleet.say("fleet-a", "asleep", reason="nobody used Docker for 30 minutes")
    fleet.stop("fleet-a")
    # The machine is on at once, and says so a moment later.
    looks: list[int] = []
    meanwhile(lambda: (looks.append(1), fleet.say("fleet-a") if len(looks) == 3 else None))
    done = stand.aws_docker("start", "--json")
    assert (done.status, len(looks)) == (0, 3)
    report = json.loads(done.out)
    assert (report["command"], [each["standing"] for each in report["hosts"]]) == ("start", ["ready"] * 2)
    assert fleet.powers() == {"fleet-a": "running", "fleet-b": "running"}
    # No secret of the stack is read for it.
    assert (stand.home / "asked").read_text() == "--non-interactive stack export\n"
    assert "fleet-a: " in done.err


def test_start_and_stop_take_hosts_by_name(stand: Stand, fleet: Fleet, meanwhile: Pause) -> None:
    assert stand.aws_docker("stop", "b").status == 0
    assert fleet.powers() == {"fleet-a": "running", "fleet-b": "stopped"}
    fleet.stop("fleet-a")
    fleet.say("fleet-b")
    assert stand.aws_docker("start", "fleet-b").status == 0
    assert fleet.powers() == {"fleet-a": "stopped", "fleet-b": "running"}
    done = stand.aws_docker("start", "c")
    assert done.status == 2
    assert "'c' is no host; there are: fleet-a, fleet-b" in done.err


def test_time_is_up(stand: Stand, fleet: Fleet, meanwhile: Pause) -> None:
    fleet.say("fleet-a", "asleep")
    done = stand.aws_docker("start", "a", "--timeout", "1", "--json")
    assert done.status == 1


def test_a_host_that_is_still_stopping_is_started_once_it_has_stopped(
    stand: Stand, fleet: Fleet, meanwhile: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.stop("fleet-a")
    refusals = iter(["IncorrectInstanceState", "InsufficientInstanceCapacity"])
    call = BaseClient._make_api_call  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]

    def refusing(self: Any, operation: str, given: Any) -> Any:
        if operation == "StartInstances" and (code := next(refusals, "")):
            raise ClientError({"Error": {"Code": code, "Message": "not now"}}, operation)
        return call(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", refusing)
    done = stand.aws_docker("start", "a")
    assert done.status == 0
    assert "it is between two states (IncorrectInstanceState)" in done.err
    assert (
        "EC2 has no room for this type in its zone at the moment (InsufficientInstanceCapacity)" in done.err
    )


def test_who_may_not_is_told_what_it_takes(
    stand: Stand, fleet: Fleet, meanwhile: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.stop("fleet-a")
    call = BaseClient._make_api_call  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]
    denied = {"StartInstances"}

    def denying(self: Any, operation: str, given: Any) -> Any:
        if operation in denied:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation)
        return call(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", denying)
    done = stand.aws_docker("start", "a")
    assert done.status == 2
    assert "fleet-a: ec2:StartInstances failed: AWS refuses it (UnauthorizedOperation)" in done.err
    denied.add("DescribeInstances")
    done = stand.aws_docker("start", "a")
    assert done.status == 2
    assert "EC2 cannot be asked (ec2:DescribeInstances)" in done.err


def test_status_and_wait_know_that_a_host_sleeps(stand: Stand, fleet: Fleet, meanwhile: Pause) -> None:
    fleet.stop("fleet-a", "fleet-b")
    fleet.say("fleet-b", "asleep", document=OLDER, reason="nobody used Docker for 30 minutes")
    for command in ("status", "wait"):
        done = stand.aws_docker(command, "--json")
        assert done.status == 1
        first, second = json.loads(done.out)["hosts"]
        assert (first["standing"], first["instance_state"], first["evidence"]) == (
            "asleep",
            "stopped",
            "asleep: EC2 has stopped it",
        )
        assert second["evidence"].endswith("for 30 minutes; what has changed is in force when it wakes")
        assert second["hint"] == "`aws-docker start` wakes it"
    assert INTENDED in done.out


def test_env_wakes_the_host_first(stand: Stand, fleet: Fleet, meanwhile: Pause, api: Api) -> None:
    export = json.loads(json.dumps(fleet.export).replace("10.0.5.10", "127.0.0.1"))
    stand.answer({"export": export, "output": api.outputs})
    fleet.stop("fleet-a", "fleet-b")
    done = stand.aws_docker("env", "--start", "--shell", "sh")
    assert done.status == 0
    assert f"DOCKER_HOST={api.outputs['endpoint']}" in done.out.replace('"', "").replace("'", "")
    assert fleet.powers() == {"fleet-a": "running", "fleet-b": "running"}


def test_env_that_cannot_wake_it_leaves_no_daemon_selected(
    stand: Stand, fleet: Fleet, meanwhile: Pause, api: Api
) -> None:
    stand.answer({"export": fleet.export, "output": api.outputs})
    done = stand.aws_docker("env", "--start", "--shell", "sh")
    assert done.status == 2
    assert "no instance of the stack has the address 127.0.0.1" in done.err
    assert "false" in done.out


# --- Who may wake hosts, and nothing else ---------------------------------------------------------------------------

POLICY = re.compile(r"```json\n(\{.*?\n\})\n```", re.S)


def policies() -> list[dict[str, Any]]:
    return [json.loads(each) for each in POLICY.findall((ROOT / "docs/sleep.md").read_text())]


def actions(policy: dict[str, Any]) -> set[str]:
    found = [each["Action"] for each in policy["Statement"]]
    return {action for each in found for action in ([each] if isinstance(each, str) else each)}


@pytest.mark.parametrize(("command", "more"), [("start", set[str]()), ("stop", {"ec2:StopInstances"})])
def test_the_policy_in_the_document_is_exactly_what_the_command_asks(
    stand: Stand,
    fleet: Fleet,
    meanwhile: Pause,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    more: set[str],
) -> None:
    asked: set[str] = set()
    call = BaseClient._make_api_call  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]

    def noting(self: Any, operation: str, given: Any) -> Any:
        asked.add(f"{self.meta.service_model.service_name}:{operation}")
        return call(self, operation, given)

    if command == "start":
        fleet.stop("fleet-a")
    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    assert stand.aws_docker(command, "a").status == 0
    (waking,) = policies()
    allowed = actions(waking)
    assert asked == (allowed - {"ec2:StartInstances"} | more if more else allowed)


def test_the_policy_wakes_these_hosts_alone() -> None:
    (waking,) = policies()
    for statement in waking["Statement"]:
        assert statement["Effect"] == "Allow"
        if statement["Action"] == "ec2:DescribeInstances":
            continue  # IAM knows no resource for it
        assert statement["Resource"] != "*"
        if statement["Action"] == "ec2:StartInstances":
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/Name": "build"}}
