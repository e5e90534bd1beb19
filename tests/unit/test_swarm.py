"""The Swarm's program where it needs no host: who begins, whatever dies in between; what it admits, and what it is."""

import base64
import gzip
import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from aws_docker.core.ports import SWARM_PORTS
from aws_docker.core.standing import digest_of
from aws_docker.host import swarm as program
from aws_docker.host import userdata

SWARM: dict[str, Any] = {
    "managers": ["a", "b", "c"],
    "members": {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "w": "10.0.0.4"},
    "tokens": {"manager": "manager-token", "worker": "worker-token"},
    "claim": "claim",
    "pool": "172.22.0.0/16",
}


class World:
    """A Parameter Store and the Swarms that have begun, for members that come and go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.parameters = {"manager-token": "-", "worker-token": "-"}
        self.begun: list[str] = []
        self.left = 0
        self.joined: list[dict[str, Any]] = []
        monkeypatch.setattr(program, "OWNER", folder / "owner")
        monkeypatch.setattr(program, "ask", self.dockerd)
        self.silent: set[str] = set()
        monkeypatch.setattr(program, "answers", lambda address: address not in self.silent)

    def parameter_store(self, action: str, Name: str, **more: Any) -> dict[str, Any]:
        if action == "GetParameter":
            if Name not in self.parameters:
                raise OSError("ssm answered 400 ParameterNotFound")
            return {"Parameter": {"Value": self.parameters[Name]}}
        if Name in self.parameters and not more["Overwrite"]:
            raise OSError("ssm answered 400 ParameterAlreadyExists")
        self.parameters[Name] = more["Value"]
        return {}

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)

    def dockerd(self, method: str, path: str, body: Any = None) -> Any:
        if path == "/swarm/init":
            self.begun.append(body["AdvertiseAddr"])
        elif path == "/swarm/join":
            self.joined.append(body)
        elif path.startswith("/swarm/leave"):
            self.left += 1
        elif path == "/swarm":
            return {"JoinTokens": {"Manager": "SWMTKN-1-m", "Worker": "SWMTKN-1-w"}}
        return None

    def member(self, name: str, instance: str) -> tuple[program.Member, dict[str, Any]]:
        made = program.Member(self)
        made.instance = instance
        return made, {**SWARM, "name": name, "address": SWARM["members"][name]}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return World(monkeypatch, tmp_path)


def begins(world: World, name: str, instance: str) -> bool:
    member, swarm = world.member(name, instance)
    before = len(world.begun)
    try:
        member.enter(swarm)
    except program.Later:
        return False
    return len(world.begun) > before


def publish(world: World, name: str, instance: str, cluster: str, *, leads: bool = True) -> None:
    member, swarm = world.member(name, instance)
    member.publish(swarm, cluster, leads)


def test_one_begins_and_the_others_join(world: World) -> None:
    assert begins(world, "b", "i-b")
    assert not begins(world, "a", "i-a")
    assert not begins(world, "w", "i-w")
    publish(world, "b", "i-b", "one")
    assert world.parameters["manager-token"] == "SWMTKN-1-m"
    assert not begins(world, "a", "i-a")
    assert not begins(world, "w", "i-w")
    assert [each["JoinToken"] for each in world.joined] == ["SWMTKN-1-m", "SWMTKN-1-w"]
    assert world.joined[0]["RemoteAddrs"] == ["10.0.0.2:2377", "10.0.0.3:2377"]
    assert world.begun == ["10.0.0.2"]


def test_it_joins_by_managers_that_answer_and_waits_while_none_does(world: World) -> None:
    assert begins(world, "a", "i-a")
    publish(world, "a", "i-a", "cluster-a")
    world.silent = {"10.0.0.1", "10.0.0.3"}
    member, told = world.member("b", "i-b")
    with pytest.raises(program.Later, match="answers"):
        member.enter(told)
    assert world.joined == []
    world.silent = {"10.0.0.3"}
    member.enter(told)
    assert [each["RemoteAddrs"] for each in world.joined] == [["10.0.0.1:2377"]]


def test_it_dies_after_its_claim_or_before_its_tokens_are_out(world: World) -> None:
    assert begins(world, "b", "i-b")
    # Nobody has had a token: its own name goes on, and no other.
    assert not begins(world, "a", "i-a")
    assert begins(world, "b", "i-b2")
    publish(world, "b", "i-b2", "two")
    claim = json.loads(world.parameters["claim"])
    assert claim == {"name": "b", "instance": "i-b2", "cluster": "two"}


def test_once_it_has_begun_nobody_begins_again_even_without_tokens(world: World) -> None:
    begins(world, "b", "i-b")
    publish(world, "b", "i-b", "one")
    world.parameters |= {"manager-token": "-", "worker-token": "-"}
    for name, instance in (("b", "i-b"), ("b", "i-b2"), ("a", "i-a")):
        assert not begins(world, name, instance)
    assert len(world.begun) == 1
    # Whoever leads puts them out again.
    publish(world, "c", "i-c", "one")
    assert world.parameters["worker-token"] == "SWMTKN-1-w"


def test_a_manager_of_another_swarm_leaves_it(world: World) -> None:
    begins(world, "b", "i-b")
    publish(world, "b", "i-b", "one")
    with pytest.raises(program.Later, match="not this fleet's"):
        publish(world, "a", "i-a", "stray")
    assert world.left == 1
    assert world.parameters["manager-token"] == "SWMTKN-1-m"


def test_nor_does_one_lead_that_another_has_claimed(world: World) -> None:
    begins(world, "b", "i-b")
    with pytest.raises(program.Later, match="not this fleet's"):
        publish(world, "b", "i-before", "stray")
    assert world.parameters["manager-token"] == "-"


def test_a_claim_that_somebody_took_away_is_put_back_and_no_swarm_left(world: World) -> None:
    begins(world, "b", "i-b")
    publish(world, "b", "i-b", "one")
    del world.parameters["claim"]
    publish(world, "a", "i-a", "one", leads=False)
    assert "claim" not in world.parameters
    publish(world, "c", "i-c", "one")
    assert json.loads(world.parameters["claim"])["cluster"] == "one"
    assert world.left == 0


def test_what_is_admitted_is_the_core_s_table() -> None:
    incoming, forwarded = program.rules({**SWARM, "name": "a", "address": "10.0.0.1"}, {"10.0.0.1": "ens5"})
    ports = ", ".join(map(str, sorted({port for _, port in SWARM_PORTS})))
    assert (
        f'iifname "ens5" ip saddr {{ 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 }} ip daddr 10.0.0.1 '
        f"meta l4proto {{ tcp, udp }} th dport {{ {ports} }} accept\n" in incoming
    )
    assert incoming.endswith(f"meta l4proto {{ tcp, udp }} th dport {{ {ports} }} drop\n")
    assert forwarded.count(f"{{ {ports} }} drop\n") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "10.0.0.1 accept; drop"},
        {"members": {"a": "10.0.0.1", "b": "10.0.0.0/8"}},
        {"members": {"a": "10.0.0.9"}},
        {"tokens": {}},
        {"members": {}},
    ],
)
def test_a_document_that_is_no_members_is_refused(wrong: dict[str, Any]) -> None:
    program.read({**SWARM, "name": "a", "address": "10.0.0.1"})
    with pytest.raises((ValueError, KeyError)):
        program.read({**SWARM, "name": "a", "address": "10.0.0.1", **wrong})


def taken(packed: str, digest: str, folder: Path) -> list[Any]:
    """What the program that stands for the Swarm's does with what its parameter holds."""
    installed: list[Any] = []

    @lru_cache(maxsize=1)
    def member() -> dict[str, Callable[[], None]]:
        return {"install": lambda: installed.append("installed")}

    names: dict[str, Any] = {
        "parameter_store": lambda action, Name: {"Parameter": {"Value": packed}},
        "digest_of": digest_of,
        "member": member,
        "Path": Path,
        "AGENT": str(folder / "dockerhost"),
    }
    exec(files("aws_docker.host").joinpath("taker.py").read_text(), names)
    names["take"]({"swarm": ["the-program", digest]})
    return installed


def test_the_program_is_taken_where_it_is_the_one_that_user_data_names(tmp_path: Path) -> None:
    packed = userdata.swarm_program()
    assert len(taken(packed, digest_of(packed), tmp_path)) == 1
    source = files("aws_docker.host").joinpath("swarm.py").read_text()
    there = (tmp_path / "dockerhost-swarm").read_text()
    assert there == userdata.installed(source), "run `make agent`"


def test_another_program_is_not_taken(tmp_path: Path) -> None:
    other = base64.b64encode(gzip.compress(b"import os")).decode()
    with pytest.raises(ValueError, match="the-program holds another program"):
        taken(other, digest_of(userdata.swarm_program()), tmp_path)
    assert list(tmp_path.iterdir()) == []
