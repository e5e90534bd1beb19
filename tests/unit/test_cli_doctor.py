"""`aws-docker doctor`: what it makes of a machine, what it asks, and that it connects to no host."""

import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from aws_docker.cli import checkup, main
from aws_docker.cli.checkup import State, Trusted

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)

IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>arn:aws:iam::123456789012:user/alice</Arn><UserId>A</UserId><Account>123456789012</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
TOO_SKEWED = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error></ErrorResponse>"
)
LISTED = (
    '<GetManagedPrefixListEntriesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><entrySet><item>'
    "<cidr>127.0.0.0/8</cidr></item></entrySet></GetManagedPrefixListEntriesResponse>"
)


# --- What answers mean ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "state", "evidence"),
    [
        (0, State.OK, "0 s behind AWS's"),
        (30, State.OK, "30 s ahead of AWS's"),
        (31, State.FINDING, "31 s ahead of AWS's"),
        (-299, State.FINDING, "299 s behind AWS's"),
        (-300, State.FINDING, "300 s behind AWS's: AWS refuses what is signed by it"),
    ],
)
def test_the_clock(off: int, state: State, evidence: str) -> None:
    row = checkup.clock(NOW + timedelta(seconds=off), NOW)
    assert (row.state, row.evidence) == (state, evidence)


def test_a_clock_that_nothing_is_known_of_is_not_well() -> None:
    assert checkup.clock(NOW, None).state is State.UNREAD


@pytest.mark.parametrize(
    ("ours", "cidrs", "unread", "state"),
    [
        ("203.0.113.9", ("203.0.113.0/24",), (), State.OK),
        ("203.0.114.9", ("203.0.113.0/24",), (), State.FINDING),
        ("2001:db8:7::9", ("2001:db8:7::/48",), (), State.OK),
        ("2001:db8:8::9", ("0.0.0.0/0",), (), State.FINDING),
        ("203.0.113.9", ("203.0.113.0/24",), ("sg-0a",), State.OK),
        ("203.0.114.9", ("203.0.113.0/24",), ("sg-0a",), State.UNREAD),
        ("203.0.114.9", (), ("pl-0a",), State.UNREAD),
        (None, ("203.0.113.0/24",), (), State.UNREAD),
    ],
)
def test_the_address(ours: str | None, cidrs: tuple[str, ...], unread: tuple[str, ...], state: State) -> None:
    row = checkup.address(Trusted("build", cidrs, unread), ours, "nobody knows it")
    assert row.state is state
    assert state is State.OK or row.hint


def test_of_what_aws_noted_only_an_address_of_the_internet_is_ours() -> None:
    assert (
        checkup.public_address(["ec2.amazonaws.com", "10.0.5.9", "198.18.0.1", "8.8.4.4", "9.9.9.9"])
        == "8.8.4.4"
    )
    assert checkup.public_address(["AWS Internal", "10.0.5.9"]) is None


def test_what_could_not_be_checked_weighs_more_than_findings_and_notes_weigh_nothing() -> None:
    rows = {state: checkup.Row("x", state, "") for state in State}
    assert checkup.status([rows[State.OK], rows[State.NOTE]]) == 0
    assert checkup.status([rows[State.OK], rows[State.FINDING]]) == 1
    assert checkup.status([rows[State.FINDING], rows[State.UNREAD]]) == 2


# --- The command ----------------------------------------------------------------------------------------------------


class Aws(ThreadingHTTPServer):
    """STS, EC2 and CloudTrail as far as they are asked, on loopback, with a clock of their own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.off = timedelta()
        self.refuses = False
        self.noted: list[str] | None = []
        self.asked: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    server: Aws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        target = self.headers.get("X-Amz-Target", "")
        self.server.asked.append(target or body.split("Action=")[1].split("&")[0])
        if target:
            if self.server.noted is None:
                return self._answer(400, json.dumps({"__type": "AccessDeniedException", "message": "no"}))
            events = [
                {"CloudTrailEvent": json.dumps({"sourceIPAddress": each})} for each in self.server.noted
            ]
            return self._answer(200, json.dumps({"Events": events}))
        if "GetCallerIdentity" in body:
            return self._answer(*((403, TOO_SKEWED) if self.server.refuses else (200, IDENTITY)))
        return self._answer(200, LISTED)

    def _answer(self, status: int, body: str) -> None:
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.server.off, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def aws() -> Iterator[Aws]:
    server = Aws()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


NO_STACK = '[ "$1" = version ] && echo v3.259.0 || { echo "error: no stack selected" >&2; exit 255; }'


@dataclass
class Finished:
    returncode: int
    stdout: str
    stderr: str


class Desk:
    """A user's machine: programs of its own on PATH, and AWS at the other end."""

    def __init__(self, folder: Path, aws: Aws, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}",
            "AWS_ACCESS_KEY_ID": "AKIATESTING",
            "AWS_SECRET_ACCESS_KEY": "never-shown",
            "AWS_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "COLUMNS": "200",
        }
        self.program("pulumi", NO_STACK)
        self.program("docker", "echo Docker version 29.1.0, build 1a2b3c4")
        self.program("session-manager-plugin", "echo 1.2.707.0")

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def stack(self, address: str, *rules: dict[str, Any]) -> None:
        """What `pulumi stack export` says of a host at this address with these ingress rules."""
        urn = "urn:pulumi:dev::p::aws-docker:index:DockerHost::build"
        arn = "arn:aws:ec2:eu-central-1:123456789012:instance/i-0a"
        host = {
            "urn": urn,
            "type": "aws-docker:index:DockerHost",
            "outputs": {"endpoint": f"tcp://{address}:2376"},
        }
        instance = {
            "urn": f"{urn}-instance",
            "parent": urn,
            "type": "aws:ec2/instance:Instance",
            "id": "i-0a",
            "outputs": {"arn": arn, "privateIp": address},
        }
        admitted = [
            {
                "urn": f"{urn}-{at}",
                "parent": urn,
                "type": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
                "inputs": rule,
            }
            for at, rule in enumerate(rules)
        ]
        state = json.dumps({"deployment": {"resources": [host, instance, *admitted]}})
        self.program("pulumi", f'[ "$1" = version ] && echo v3.259.0 || printf %s {shlex.quote(state)}')

    def doctor(self, *arguments: str) -> Finished:
        status: Any = 0
        self.capture.readouterr()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", ["aws-docker", "doctor", *arguments]),
        ):
            try:
                main()
            except SystemExit as end:
                status = end.code
        return Finished(status, *self.capture.readouterr())

    def rows(self, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        done = self.doctor("--json", *arguments)
        assert done.stderr == ""
        answer = json.loads(done.stdout)
        assert answer["status"] == done.returncode
        return done.returncode, {row["check"]: row for row in answer["checks"]}


@pytest.fixture
def desk(tmp_path: Path, aws: Aws, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, aws, capsys)


TRUSTS_LOOPBACK = {"cidrIpv4": "127.0.0.0/8"}
TRUSTS_ANOTHER = {"cidrIpv4": "203.0.113.0/24"}


def test_all_is_well(desk: Desk) -> None:
    desk.stack("127.0.0.1", TRUSTS_LOOPBACK)
    status, rows = desk.rows("--stack", "dev")
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(
        [
            *("credentials", "region", "clock", "Pulumi CLI", "Docker client", "Session Manager plugin"),
            "address, for build",
        ],
        "ok",
    )
    assert status == 0
    assert rows["credentials"]["evidence"] == "arn:aws:iam::123456789012:user/alice"


def test_the_table_names_what_to_do_and_no_secret(desk: Desk) -> None:
    desk.stack("127.0.0.1", TRUSTS_ANOTHER)
    done = desk.doctor("--stack", "dev")
    assert done.returncode == 1
    assert "127.0.0.1 is not trusted (203.0.113.0/24)" in done.stdout
    assert "add '127.0.0.1/32', or its network, to trusted_cidrs and run `pulumi up`" in done.stdout
    assert "never-shown" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "colours without a terminal"


def test_a_clock_that_is_off_is_told_by_awss_answer_even_by_its_refusal(desk: Desk, aws: Aws) -> None:
    aws.off, aws.refuses = timedelta(minutes=-7), True
    status, rows = desk.rows()
    assert rows["clock"]["state"] == "finding"
    assert "ahead of AWS's: AWS refuses what is signed by it" in rows["clock"]["evidence"]
    assert rows["credentials"]["evidence"] == "AWS refuses them (SignatureDoesNotMatch)"
    assert status == 1


def test_what_is_missing_is_named_and_only_what_everybody_needs_is_a_finding(desk: Desk) -> None:
    for name in ("docker", "session-manager-plugin"):
        (desk.bin / name).unlink()
    _, rows = desk.rows()
    assert (rows["Docker client"]["state"], rows["Session Manager plugin"]["state"]) == ("finding", "note")
    assert rows["Docker client"]["hint"].startswith("install it: https://docs.docker.com/")


def test_a_program_that_fails_is_no_program(desk: Desk) -> None:
    desk.program("docker", "exit 7")
    _, rows = desk.rows()
    assert rows["Docker client"]["evidence"] == "docker ended with 7"


def test_no_credentials_and_no_region(desk: Desk) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        del desk.environment[name]
    status, rows = desk.rows()
    assert [rows[name]["state"] for name in ("credentials", "region", "clock")] == [
        "finding",
        "finding",
        "not checked",
    ]
    assert status == 2


def test_without_a_stack_there_is_a_note_and_with_one_that_cannot_be_read_it_is_not_checked(
    desk: Desk,
) -> None:
    desk.program(
        "pulumi", '[ "$1" = version ] && echo v3 || { echo "error: no stack named dev" >&2; exit 255; }'
    )
    status, rows = desk.rows()
    assert (status, rows["address"]["state"]) == (0, "note")
    status, rows = desk.rows("--stack", "dev")
    assert (status, rows["address"]["state"]) == (2, "not checked")


def test_sources_by_reference_are_read_where_aws_lists_them_and_named_where_not(desk: Desk) -> None:
    desk.stack("127.0.0.1", {"prefixListId": "pl-0a"})
    assert desk.rows("--stack", "dev")[1]["address, for build"]["state"] == "ok"
    desk.stack("127.0.0.1", {"referencedSecurityGroupId": "sg-0a"})
    status, rows = desk.rows("--stack", "dev")
    assert (status, rows["address, for build"]["state"]) == (2, "not checked")
    assert "sg-0a" in rows["address, for build"]["evidence"]


def test_towards_a_public_host_our_address_is_the_one_that_aws_noted(desk: Desk, aws: Aws) -> None:
    # In a program of its own: nothing is sent to a host, so that any address may stand here.
    desk.stack("8.8.8.8", TRUSTS_ANOTHER)
    aws.noted = ["ec2.amazonaws.com", "9.9.9.9"]
    _, rows = desk.rows("--stack", "dev")
    assert rows["address, for build"]["evidence"] == "9.9.9.9 is not trusted (203.0.113.0/24)"
    aws.noted = None
    status, rows = desk.rows("--stack", "dev")
    assert "refuses to say (AccessDeniedException)" in rows["address, for build"]["evidence"]
    assert status == 2
    status, rows = desk.rows("--stack", "dev", "--address", "203.0.113.7")
    assert (status, rows["address, for build"]["state"]) == (0, "ok")


def test_an_address_that_is_none_is_refused(desk: Desk) -> None:
    done = desk.doctor("--address", "office")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "aws-docker: --address: 'office' is no address; give one such as 203.0.113.9\n"


def test_nothing_is_sent_to_a_host(desk: Desk, aws: Aws) -> None:
    host = "127.77.0.1"
    with (
        socket.create_server((host, 2376)) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind((host, 9))
        desk.stack(host, TRUSTS_LOOPBACK)
        status, rows = desk.rows("--stack", "dev")
        assert (status, rows["address, for build"]["state"]) == (0, "ok")
        for listening in (stream, datagrams):
            listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            stream.accept()
        with pytest.raises(BlockingIOError):
            datagrams.recv(1)
    assert aws.asked == ["GetCallerIdentity"]


def test_the_programs_are_asked_for_their_version_and_nothing_else(desk: Desk) -> None:
    for name in ("pulumi", "docker", "session-manager-plugin"):
        desk.program(name, f'echo "{name} $*" >>"$HOME/asked"; [ "$1" != --non-interactive ] && echo 1')
    desk.rows()
    assert (Path(desk.environment["HOME"]) / "asked").read_text().splitlines() == [
        *("pulumi version", "docker --version", "session-manager-plugin --version"),
        "pulumi --non-interactive stack export",
    ]
