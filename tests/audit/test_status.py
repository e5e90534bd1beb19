"""What hosts say of themselves, beside what a stack intends: judged, read from an embedded AWS, and waited for."""

import datetime
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aws_docker.audit.findings import Exit
from aws_docker.audit.host_status import (
    Expected,
    HostStatus,
    Standing,
    exit_of,
    expected_hosts,
    judge_status,
)
from aws_docker.audit.notices import notices
from aws_docker.cli import wait as waiting
from lab.engine.cloud import Cloud
from tests.unit.stand import Api, Stand, api, stand

__all__ = ["api", "stand"]

DOCUMENT = '{"trusted": ["10.0.5.0/24"], "server_key": "-----BEGIN PRIVATE KEY-----"}'
INTENDED = hashlib.sha256(DOCUMENT.encode()).hexdigest()
OLDER = hashlib.sha256(b"older").hexdigest()
HOST = Expected("build", "i-0123", "eu-central-1", "build-status-1a2b", frozenset({"10.0.5.10"}), INTENDED)


def word(state: str = "ready", **fields: Any) -> str:
    """A host's word, as its program writes it."""
    known = {
        "version": 1,
        "state": state,
        "reason": "",
        "document": INTENDED,
        "refused": "",
        "engine": "26.1.5+dfsg1",
        "certificate_expires_at": "2027-11-25T10:42:52Z",
        "instance": "i-0123",
        "at": "2026-11-25T10:42:52Z",
    }
    return json.dumps(known | fields)


# --- Judged ---------------------------------------------------------------------------------------------------------

FIRST = '{"version":1,"state":"pending","reason":"the host has not written its state yet"}'
NEW = {"instance": "i-0999"}
REFUSED = {"document": OLDER, "refused": INTENDED, "reason": "dockerd: unable to configure: bad mirror"}


@pytest.mark.parametrize(
    ("text", "standing", "evidence", "final"),
    [
        (word(), Standing.READY, "what the stack intends is in force", False),
        (FIRST, Standing.UNDER_WAY, "pending: the host has not written its state yet", False),
        (word("installing", document=""), Standing.UNDER_WAY, "installing: no reason is given", False),
        (
            word(document=OLDER),
            Standing.UNDER_WAY,
            f"ready with {OLDER[:12]}…, and {INTENDED[:12]}… is",
            False,
        ),
        (word(**NEW), Standing.UNDER_WAY, "i-0999 wrote it, and i-0123 has not yet", False),
        (word("closed", **NEW), Standing.UNDER_WAY, "i-0999 wrote it", False),
        (
            word("stale", **REFUSED),
            Standing.FAILED,
            "it refused the configuration: dockerd: unable to con",
            True,
        ),
        (word("ready", **REFUSED), Standing.FAILED, "it refused the configuration: dockerd", True),
        (word("stale", document=OLDER, reason="no route"), Standing.FAILED, "stale: no route", False),
        (word("stale", refused=OLDER, document=OLDER), Standing.FAILED, "stale: ", False),
        (
            word("obstructed", reason="br-1 10.0.5.0/24"),
            Standing.FAILED,
            "obstructed: br-1 10.0.5.0/24",
            False,
        ),
        (word("closed", reason="no table"), Standing.FAILED, "closed: no table", False),
        (word("refused", reason="no key"), Standing.FAILED, "refused: no key", False),
        (word("dancing"), Standing.UNKNOWN, "the state 'dancing' is none that is known here", False),
        (word(version=2), Standing.UNKNOWN, "its status is none that is known here", False),
        ("[]", Standing.UNKNOWN, "its status is none that is known here", False),
        ("{" * 100_000, Standing.UNKNOWN, "its status is none that is known here", False),
        ("", Standing.UNKNOWN, "its status is none that is known here", False),
        (None, Standing.UNKNOWN, "its status could not be read", False),
    ],
)
def test_each_state(text: str | None, standing: Standing, evidence: str, final: bool) -> None:
    status = judge_status(HOST, text)
    assert (status.standing, status.final) == (standing, final)
    assert status.evidence.startswith(evidence)


def test_ready_is_never_said_without_knowing_what_is_intended() -> None:
    unknown = Expected("build", "i-0123", "eu-central-1", "p", frozenset(), None)
    assert judge_status(unknown, word()).standing is Standing.UNKNOWN
    assert judge_status(unknown, word(document="")).standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({}, []),
        ({"updates": "success", "disk": ""}, []),
        ({"certificate_expires_at": "2027-01-23T10:42:52Z"}, ["certificate-expiring"]),
        ({"certificate_expires_at": "2027-01-25T10:42:52Z"}, []),
        ({"certificate_expires_at": "2026-11-24T10:42:52Z"}, ["certificate-expired"]),
        ({"certificate_expires_at": "soon"}, []),
        (
            {"disk": "/var/lib/docker is 90 % full", "updates": "exit-code"},
            ["disk-nearly-full", "security-updates-failed"],
        ),
    ],
)
def test_what_somebody_should_know_although_all_is_as_intended(
    fields: dict[str, str], kinds: list[str]
) -> None:
    now = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
    status = judge_status(HOST, word(**fields))
    assert status.standing is Standing.READY
    found = list(notices(status, now))
    assert [each.kind for each in found] == kinds
    assert all("build" in each.message for each in found)
    assert list(notices(judge_status(HOST, None), now)) == []


def test_a_hosts_words_command_no_terminal() -> None:
    status = judge_status(HOST, word("closed", reason="\x1b]0;owned\x07\r\n" + "x" * 9_000))
    assert status.evidence.isprintable()
    assert len(status.evidence) < 600


@pytest.mark.parametrize(
    ("standings", "ended"),
    [
        ([Standing.READY, Standing.READY], Exit.AS_INTENDED),
        ([Standing.READY, Standing.UNDER_WAY], Exit.FINDINGS),
        ([Standing.FAILED], Exit.FINDINGS),
        ([Standing.FAILED, Standing.UNKNOWN], Exit.NOT_CHECKED),
        ([], Exit.NOT_CHECKED),
    ],
)
def test_exit_statuses(standings: list[Standing], ended: Exit) -> None:
    assert exit_of([HostStatus(HOST, each, "so") for each in standings]) is ended


# --- A stack's state ------------------------------------------------------------------------------------------------


def state(
    *names: str, component: str = "DockerHost", status: bool = True, **addresses: str
) -> dict[str, Any]:
    """What `pulumi stack export --show-secrets` prints of these hosts, with and without a status to write."""
    start = f"urn:pulumi:dev::demo::aws-docker:index:{component}"
    resources: list[dict[str, Any]] = [
        {"urn": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev", "type": "pulumi:pulumi:Stack"},
        {"urn": f"{start}::of", "type": f"aws-docker:index:{component}"},
        # Somebody else's, with the same names and no component of ours above.
        {
            "urn": "urn:pulumi:dev::demo::aws:ec2/instance:Instance::build-instance",
            "type": "aws:ec2/instance:Instance",
            "id": "i-other",
        },
    ]
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": json.dumps(DOCUMENT),
    }
    for name in names:
        instance = f"i-{name}"
        children: list[dict[str, Any]] = [
            {
                "urn": f"{start}$aws:ec2/instance:Instance::{name}-instance",
                "type": "aws:ec2/instance:Instance",
                "id": instance,
                "outputs": {
                    "arn": f"arn:aws:ec2:eu-central-1:123456789012:instance/{instance}",
                    "privateIp": addresses.get(name, "10.0.5.10"),
                },
            },
            {
                "urn": f"{start}$aws:ssm/parameter:Parameter::{name}-configuration",
                "type": "aws:ssm/parameter:Parameter",
                "id": f"{name}-configuration-1a2b",
                "inputs": {"value": secret},
            },
        ]
        if status:
            children.append(
                {
                    "urn": f"{start}$aws:ssm/parameter:Parameter::{name}-status",
                    "type": "aws:ssm/parameter:Parameter",
                    "id": f"{name}-status-1a2b",
                }
            )
        gone = {**children[0], "id": "i-gone", "delete": True}
        resources += [{**each, "parent": f"{start}::of"} for each in [gone, *children]]
    return {"version": 3, "deployment": {"resources": resources}}


@pytest.mark.parametrize("component", ["DockerHost", "DockerFleet"])
def test_the_hosts_of_a_stack_and_what_it_intends(component: str) -> None:
    first, second = expected_hosts(state("a", "b", component=component, b="10.0.6.10"))
    assert first == Expected("a", "i-a", "eu-central-1", "a-status-1a2b", frozenset({"10.0.5.10"}), INTENDED)
    assert (second.name, second.addresses) == ("b", {"10.0.6.10"})


def test_a_secret_that_is_not_shown_is_not_taken_for_a_document() -> None:
    export = state("a")
    for resource in export["deployment"]["resources"]:
        if resource.get("inputs"):
            resource["inputs"]["value"] = {"4dabf18193072939515e22adb298388d": "1b47…", "ciphertext": "v1:x"}
    assert expected_hosts(export)[0].digest is None


# --- The commands, on an embedded AWS -------------------------------------------------------------------------------

Say = Callable[..., None]


@pytest.fixture
def say(cloud: Cloud, stand: Stand) -> Iterator[Say]:
    """Has a host of a stack write its word, as its role may."""
    stand.environment |= {**cloud.environment, "AWS_EC2_METADATA_DISABLED": "true"}
    ssm = cloud.client("ssm")
    written: set[str] = set()

    def write(name: str, state: str = "ready", **fields: Any) -> None:
        text = word(state, instance=f"i-{name}", **fields)
        ssm.put_parameter(Name=f"{name}-status-1a2b", Value=text, Type="String", Overwrite=True)
        written.add(name)

    yield write
    for name in written:
        ssm.delete_parameter(Name=f"{name}-status-1a2b")


def test_status_of_a_fleet(stand: Stand, say: Say) -> None:
    names = [f"host{number}" for number in range(12)]  # more than one call takes
    stand.put_out(state(*names, component="DockerFleet"))
    for name in names:
        say(name)
    done = stand.aws_docker("status", "--stack", "dev")
    assert (done.status, done.err) == (0, "")
    assert done.out.count("what the stack intends is in force") == 12
    assert "26.1.5+dfsg1" in done.out
    assert (stand.home / "asked").read_text() == "--non-interactive stack export --show-secrets --stack dev\n"
    assert "PRIVATE KEY" not in done.out

    say("host7", **REFUSED)
    done = stand.aws_docker("status", "--json")
    assert done.status == 1
    report = json.loads(done.out)
    assert (report["command"], report["status"], len(report["hosts"])) == ("status", 1, 12)
    (failed,) = [each for each in report["hosts"] if each["standing"] == "failed"]
    assert (failed["host"], failed["intended"], failed["status"]["refused"]) == ("host7", INTENDED, INTENDED)
    assert "bad mirror" in failed["evidence"]
    assert "mend what it names" in failed["hint"]


def test_a_word_that_cannot_be_read_is_not_checked(stand: Stand, say: Say) -> None:
    stand.put_out(state("a", "absent"))
    say("a")
    done = stand.aws_docker("status")
    assert done.status == 2
    assert "absent-status-1a2b could not be read: there is no such" in " ".join(done.out.split())
    stand.put_out(state("a", status=False))
    done = stand.aws_docker("status")
    assert done.status == 2
    assert "keys delivered in user-data" in " ".join(done.out.split())


def test_without_credentials_or_hosts_nothing_is_checked(stand: Stand, say: Say) -> None:
    stand.put_out(state("a"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del stand.environment[name]
    done = stand.aws_docker("status")
    assert done.status == 2
    assert "Unable to locate credentials" in " ".join(done.out.split())
    stand.put_out({"deployment": {"resources": []}})
    done = stand.aws_docker("status")
    assert (done.status, done.out) == (2, "")
    assert "the stack holds no Docker host" in done.err


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0.05)


@pytest.mark.usefixtures("quick")
class TestWait:
    def test_until_what_is_intended_is_in_force(
        self, stand: Stand, say: Say, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand.put_out(state("a"))
        say("a", "installing", document="", reason="apt-get")
        # In the first pause after the first look.
        monkeypatch.setattr(waiting, "pause", lambda _: say("a"))
        done = stand.aws_docker("wait", "--timeout", "60", "--json")
        assert done.status == 0
        (host,) = json.loads(done.out)["hosts"]
        assert (host["standing"], host["status"]["document"]) == ("ready", INTENDED)
        # Told once, as nothing changed before the end.
        assert re.fullmatch(r"\d+ s: a: installing: apt-get\n", done.err)

    def test_a_refused_document_ends_it_at_once(self, stand: Stand, say: Say) -> None:
        stand.put_out(state("a", "b"))
        say("a", "stale", **REFUSED)
        say("b", "installing", document="")
        started = time.monotonic()
        done = stand.aws_docker("wait", "--timeout", "60", "--json")
        assert time.monotonic() - started < 20
        assert done.status == 1
        refused, other = json.loads(done.out)["hosts"]
        assert refused["evidence"] == "it refused the configuration: dockerd: unable to configure: bad mirror"
        assert other["standing"] == "under way"

    def test_an_older_refusal_does_not(self, stand: Stand, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
        stand.put_out(state("a"))
        say("a", "stale", document=OLDER, refused=OLDER, reason="the one before")
        monkeypatch.setattr(waiting, "pause", lambda _: say("a"))
        assert stand.aws_docker("wait", "--timeout", "60").status == 0

    def test_time_is_up(self, stand: Stand, say: Say) -> None:
        stand.put_out(state("a"))
        say("a", document=OLDER)
        done = stand.aws_docker("wait", "--timeout", "1")
        assert done.status == 1
        assert f"{INTENDED[:12]}… is intended" in " ".join(done.out.split())

    def test_by_the_wire_where_aws_cannot_be_asked(self, stand: Stand, say: Say, api: Api) -> None:
        del stand.environment["AWS_ACCESS_KEY_ID"]
        stand.answer({"export": state("a", a="127.0.0.1"), "output": api.outputs})
        done = stand.aws_docker("wait", "--timeout", "10", "--json")
        assert done.status == 0
        (host,) = json.loads(done.out)["hosts"]
        assert (
            "answers its first client over mutual TLS; which configuration is in force only AWS"
            in host["evidence"]
        )
        assert (host["status"], set(api.seen), set(api.asked)) == (None, {"alice"}, {"_ping"})

    def test_by_the_wire_what_was_seen_is_said(self, stand: Stand, say: Say, api: Api) -> None:
        outputs = api.outputs | {"endpoint": "tcp://127.0.0.1:1"}
        stand.answer({"export": state("a", a="127.0.0.1", status=False), "output": outputs})
        done = stand.aws_docker("wait", "--timeout", "0")
        assert done.status == 1
        assert "port 1 is closed: dockerd does not run there yet" in " ".join(done.out.split())

    def test_a_host_at_another_address_is_not_asked_in_its_place(
        self, stand: Stand, say: Say, api: Api
    ) -> None:
        stand.answer({"export": state("a", a="127.0.0.9", status=False), "output": api.outputs})
        done = stand.aws_docker("wait", "--timeout", "0")
        assert (done.status, api.seen) == (2, [])
        assert urlsplit(api.outputs["endpoint"]).hostname == "127.0.0.1"

    def test_what_aws_says_is_not_overruled_by_the_wire(self, stand: Stand, say: Say, api: Api) -> None:
        stand.answer({"export": state("a", a="127.0.0.1"), "output": api.outputs})
        say("a", "stale", **REFUSED)
        assert stand.aws_docker("wait", "--timeout", "0").status == 1
        assert api.seen == []


def test_no_key_stays_on_disk_after_a_wait(
    stand: Stand, say: Say, api: Api, tmp_path: Path, quick: None
) -> None:
    stand.environment["TMPDIR"] = str(tmp_path / "temporary")
    (tmp_path / "temporary").mkdir()
    stand.answer({"export": state("a", a="127.0.0.1", status=False), "output": api.outputs})
    assert stand.aws_docker("wait", "--timeout", "0").status == 0
    assert list((tmp_path / "temporary").iterdir()) == []
