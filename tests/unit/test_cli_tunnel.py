"""`aws-docker tunnel` as its users run it: against Session Manager's API, with a plugin called as AWS's own is, to a
Docker API behind mutual TLS. tests/host has the same with a booted host at the other end.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from aws_docker.cli import sessions, tunnel
from lab.engine.cloud import Cloud
from tests.conftest import ROOT
from tests.unit.stand import Api, Finished, Stand, refused

PLUGIN = ROOT / "lab" / "hosts" / "bin" / "session-manager-plugin"
PING = (
    "import os, ssl, sys, urllib.request as u; f = os.environ['DOCKER_CERT_PATH']; "
    "c = ssl.create_default_context(cafile=f + '/ca.pem'); c.load_cert_chain(f + '/cert.pem', f + '/key.pem'); "
    "url = os.environ['DOCKER_HOST'].replace('tcp', 'https') + '/_ping'; "
    "print(u.urlopen(url, context=c).read().decode(), os.environ['DOCKER_HOST'], f)"
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud() as made:
        yield made


@pytest.fixture(scope="module")
def instances(cloud: Cloud) -> dict[str, str]:
    """By name: what the first would be a host of, and another."""
    ec2 = cloud.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]

    def made(name: str) -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        return ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"][
            0
        ]["InstanceId"]

    return {name: made(name) for name in ("build", "other")}


@dataclass
class Desk:
    """A user's machine with AWS's plugin, and a stack whose one host has a tunnel."""

    stand: Stand
    cloud: Cloud
    outputs: dict[str, Any]
    port: int

    def tunnel(self, *arguments: str, stdin: Any = None) -> Finished:
        return self.stand.aws_docker("tunnel", "--from", "outputs.json", "--port", str(self.port), *arguments)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The installed command, to be sent signals."""
        command = ["aws-docker", "tunnel", "--from", "outputs.json", "--port", str(self.port), *arguments]
        return subprocess.Popen(
            command,
            env=self.stand.environment,
            cwd=self.stand.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sessions(self, state: str) -> list[dict[str, Any]]:
        listed = self.cloud.client("ssm").describe_sessions(State=state)["Sessions"]
        return [each for each in listed if each["Target"] == self.outputs["instance_id"]]

    def write(self, **changes: Any) -> None:
        (self.stand.home / "outputs.json").write_text(json.dumps({**self.outputs, **changes}))

    def assert_nothing_is_left(self) -> None:
        assert self.sessions("Active") == []
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0, "nothing listens any more"
        assert list(Path(self.stand.environment["TMPDIR"]).iterdir()) == [], "no key, no log"


@pytest.fixture
def desk(stand: Stand, api: Api, cloud: Cloud, instances: dict[str, str]) -> Iterator[Desk]:
    stand.install("session-manager-plugin", str(PLUGIN))
    served = api.outputs["endpoint"].rpartition(":")[2]
    temporary = stand.home / "tmp"
    temporary.mkdir()
    stand.environment |= {**cloud.environment, "LAB_TUNNEL_PORT": served, "TMPDIR": str(temporary)}
    with mock.patch("tempfile.tempdir", str(temporary)):
        outputs = {**api.outputs, "endpoint": "tcp://127.0.0.1:2376", "instance_id": instances["build"]}
        made = Desk(stand, cloud, outputs, sessions.free_port(0))
        made.write()
        yield made
        made.assert_nothing_is_left()


# --- What runs through it -------------------------------------------------------------------------------------------


def test_a_command_reaches_the_host_as_the_client_and_its_status_is_the_tunnels(desk: Desk, api: Api) -> None:
    done = desk.tunnel("--", sys.executable, "-c", f"{PING}; sys.exit(7)")
    assert done.status == 7, done.err
    answer, host, folder = done.out.split()
    assert (answer, host) == ("OK", f"tcp://127.0.0.1:{desk.port}")
    assert set(api.seen) == {"alice"}
    assert not Path(folder).exists(), "the key is gone with the tunnel"
    (session,) = desk.sessions("History")[-1:]
    assert (session["DocumentName"], session["Reason"]) == (
        "AWS-StartPortForwardingSession",
        "aws-docker tunnel",
    )


def test_options_behind_the_command_are_the_commands(desk: Desk) -> None:
    assert desk.tunnel("--client", "ci", "sh", "-c", "exit 3").status == 3
    assert desk.tunnel("--", "sh", "-c", "kill -9 $$").status == 128 + 9


def test_the_key_is_private_and_the_token_in_nobodys_arguments(desk: Desk) -> None:
    look = (
        "stat -c '%a %n' $DOCKER_CERT_PATH $DOCKER_CERT_PATH/key.pem; "
        "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each 2>/dev/null; echo; done | grep StartSession; "
        "env | grep -c SESSION_RESPONSE"
    )
    done = desk.tunnel("--", "sh", "-c", look)
    folder, key, *carrying, in_the_environment = done.out.splitlines()
    assert [line.split()[0] for line in (folder, key)] == ["700", "600"]
    (called,) = [line for line in carrying if desk.outputs["instance_id"] in line and "grep" not in line]
    assert re.search(r"AWS_SSM_START_SESSION_RESPONSE eu-central-1 StartSession  \{\"Target\"", called)
    assert "TokenValue" not in called
    assert in_the_environment == "0"


def test_the_near_end_is_loopback_whatever_the_plugins_setting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.stand.environment["SSM_PLUGIN_LOCAL_HOST"] = "0.0.0.0"
    port = f"{desk.port:04X}"
    done = desk.tunnel("--", "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6")
    listening = re.findall(rf"^ *\d+: ([0-9A-F]+):{port} [0-9A-F]+:0000 0A", done.out, re.M)
    assert listening == ["0100007F"]


def test_any_free_port(desk: Desk) -> None:
    done = desk.stand.aws_docker(
        "tunnel", "--from", "outputs.json", "--port", "0", "--", "sh", "-c", "echo $DOCKER_HOST"
    )
    assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+\n", done.out)


# --- How it ends ----------------------------------------------------------------------------------------------------


def opened(started: "subprocess.Popen[str]") -> dict[str, str]:
    """The variables that it prints once the host has answered."""
    assert started.stdout
    text = ""
    while not text.endswith("}\n"):
        line = started.stdout.readline()
        assert line, started.communicate()[1]
        text += line
    return json.loads(text)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_without_a_command_it_is_open_until_a_signal(desk: Desk, number: signal.Signals, status: int) -> None:
    started = desk.start("--json")
    variables = opened(started)
    assert len(desk.sessions("Active")) == 1
    asked = subprocess.run(
        [sys.executable, "-c", PING],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.startswith("OK")
    started.send_signal(number)
    _, said = started.communicate(timeout=30)
    assert started.returncode == status, said
    assert "is open until Ctrl-C" in said


def test_variables_are_printed_for_the_shell_that_is_named(desk: Desk) -> None:
    started = desk.start("--shell", "fish")
    assert started.stdout
    assert started.stdout.readline() == "begin;\n"
    assert started.stdout.readline() == f"set --global --export DOCKER_HOST 'tcp://127.0.0.1:{desk.port}';\n"
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=30)


def test_a_command_is_told_to_end_and_ctrl_c_is_its_own(desk: Desk) -> None:
    # A terminal sends Ctrl-C to both; what the command makes of it is its own to say.
    patient = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); "
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(6)); print('on', flush=True); time.sleep(60)"
    )
    started = desk.start("--", sys.executable, "-c", patient)
    assert started.stdout
    assert started.stdout.readline() == "on\n"
    started.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert started.poll() is None
    assert len(desk.sessions("Active")) == 1
    started.send_signal(signal.SIGTERM)
    started.communicate(timeout=30)
    assert started.returncode == 5


def test_a_signal_while_the_session_is_being_opened_leaves_none(desk: Desk) -> None:
    desk.stand.environment["LAB_TUNNEL_PORT"] = "1"  # where nothing answers
    started = desk.start("--", "true")
    until = time.monotonic() + 30
    while not desk.sessions("Active"):
        assert time.monotonic() < until
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=30)
    assert started.returncode == 130


def test_a_session_that_somebody_ends_is_said(desk: Desk) -> None:
    started = desk.start("--json")
    opened(started)
    (session,) = desk.sessions("Active")
    desk.cloud.client("ssm").terminate_session(SessionId=session["SessionId"])
    _, said = started.communicate(timeout=30)
    assert started.returncode == 1
    assert "the session ended: SessionId:" in said


# --- What keeps it from opening -------------------------------------------------------------------------------------


def test_a_host_that_does_not_answer_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "SECONDS", 0.2)
    desk.stand.environment["LAB_TUNNEL_PORT"] = "1"
    said = refused(desk.tunnel("--", "false"))
    assert "the host does not answer through it over mutual TLS: " in said
    assert "session_manager_tunnel?" in said


def test_another_machine_at_the_other_end_is_not_talked_to(desk: Desk, api: Api) -> None:
    desk.write(ca_material=api.outputs["cert_material"])
    assert "another CA than this stack's signed its certificate" in refused(desk.tunnel("--", "false"))
    assert api.seen == []


def test_a_plugin_that_ends_at_once_is_quoted(desk: Desk) -> None:
    desk.stand.environment["LAB_PYTHON"] = "/bin/false"
    program = desk.stand.home / "bin" / "session-manager-plugin"
    program.unlink()
    program.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.707.0 || { echo 'no channel' >&2; exit 1; }\n"
    )
    program.chmod(0o755)
    assert "the session ended before the host answered: no channel" in refused(desk.tunnel("--", "true"))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.2.497.0", "is of version 1.2.497.0, which takes the session's token as an argument"),
        ("1.1.23.0", "update AWS's Session Manager plugin"),
        ("surprise", "says 'surprise', which is no version"),
    ],
)
def test_a_plugin_that_would_show_the_token_is_not_used(desk: Desk, version: str, said: str) -> None:
    desk.stand.environment["LAB_PLUGIN_VERSION"] = version
    before = len(desk.sessions("History"))
    assert said in refused(desk.tunnel("--", "true"))
    assert len(desk.sessions("History")) == before


def test_without_the_plugin_it_is_said_how_to_install_it(desk: Desk) -> None:
    (desk.stand.home / "bin" / "session-manager-plugin").unlink()
    assert "`session-manager-plugin` is not on PATH; install AWS's Session" in refused(
        desk.tunnel("--", "true")
    )


def test_a_port_that_is_taken_is_said_before_anything_is_opened(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = desk.stand.aws_docker("tunnel", "--from", "outputs.json", "--port", str(port), "--", "true")
    assert f"port {port} cannot be opened here: address already in use; name another" in refused(done)


def test_a_command_that_is_not_there_is_said_before_anything_is_opened(desk: Desk) -> None:
    assert "the command `dokcer` is not on PATH" in refused(desk.tunnel("--", "dokcer", "ps"))


def test_an_instance_that_does_not_run_is_said(desk: Desk) -> None:
    desk.write(instance_id="i-0123456789abcdef0")
    said = refused(desk.tunnel("--", "true"))
    assert "does not reach i-0123456789abcdef0: its agent is not connected" in said


def test_a_local_only_host_is_told_how_it_would_have_one(desk: Desk) -> None:
    desk.write(endpoint=None)
    assert "session_manager_tunnel" in refused(desk.tunnel("--", "true"))


# --- Which host -----------------------------------------------------------------------------------------------------


def state(*hosts: tuple[str, str]) -> dict[str, Any]:
    """What `pulumi stack export` says of hosts, name and instance."""
    fleet, kind = "urn:pulumi:dev::p::aws-docker:index:DockerFleet", "aws:ec2/instance:Instance"
    return {
        "deployment": {
            "resources": [
                {
                    "urn": f"{fleet}${kind}::ci-{name}-instance",
                    "parent": f"{fleet}::ci",
                    "type": kind,
                    "id": instance,
                    "outputs": {"arn": f"arn:aws:ec2:eu-central-1:123456789012:instance/{instance}"},
                }
                for name, instance in hosts
            ]
        }
    }


def test_the_stacks_state_names_instance_and_region(desk: Desk) -> None:
    instance = desk.outputs.pop("instance_id")
    del desk.stand.environment["AWS_DEFAULT_REGION"]
    desk.stand.answer({"output": desk.outputs, "export": state(("a", instance))})
    done = desk.stand.aws_docker("tunnel", "--stack", "dev", "--port", "0", "--", "sh", "-c", "echo reached")
    desk.outputs["instance_id"] = instance
    assert (done.status, done.out) == (0, "reached\n"), done.err


def test_of_a_fleet_the_named_host_is_reached(desk: Desk, instances: dict[str, str]) -> None:
    names = {"a": instances["other"], "b": instances["build"]}
    fleet = {**desk.outputs, "endpoints": dict.fromkeys(names, "tcp://127.0.0.1:2376"), "instance_ids": names}
    del fleet["endpoint"], fleet["instance_id"]
    desk.stand.answer({"output": fleet, "export": state(*names.items())})
    before = len(desk.sessions("History"))
    done = desk.stand.aws_docker("tunnel", "--output", "b", "--port", "0", "--", "true")
    assert done.status == 0, done.err
    assert len(desk.sessions("History")) == before + 1
    assert "choose one with --output" in refused(desk.stand.aws_docker("tunnel", "--port", "0", "--", "true"))


def test_which_of_several_instances_is_never_guessed(desk: Desk, instances: dict[str, str]) -> None:
    instance = desk.outputs.pop("instance_id")
    desk.stand.answer({"output": desk.outputs, "export": state(*instances.items())})
    done = desk.stand.aws_docker("tunnel", "--port", "0", "--", "true")
    desk.outputs["instance_id"] = instance
    assert "the stack has 2 hosts, and puts out no instance_id" in refused(done)


# --- Who may --------------------------------------------------------------------------------------------------------


@dataclass
class User:
    """A user of the account's IAM, with the documented policy."""

    policy: dict[str, Any]
    keys: dict[str, str]


@pytest.fixture(scope="module")
def user(cloud: Cloud, instances: dict[str, str]) -> User:
    text = (ROOT / "docs" / "tunnel.md").read_text()
    (found,) = re.findall(r"```json\n(\{\n  \"Version\".*?)```", text, re.S)
    account = cloud.client("sts").get_caller_identity()["Account"]
    policy = json.loads(found.replace("REGION", cloud.region).replace("ACCOUNT", account))
    iam = cloud.client("iam")
    iam.create_user(UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="tunnel", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="dev")["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
    return User(policy, keys)


def test_the_documented_policy_is_what_it_asks(desk: Desk, user: User) -> None:
    desk.stand.environment |= user.keys
    called: list[str] = []
    ask = cast(Callable[..., Any], BaseClient._make_api_call)  # type: ignore[attr-defined]

    def noted(self: Any, operation: str, arguments: Any) -> Any:
        called.append(f"{self.meta.service_model.service_name}:{operation}")
        return ask(self, operation, arguments)

    with mock.patch.object(BaseClient, "_make_api_call", noted):
        done = desk.tunnel("--", "true")
    assert (done.status, done.err) == (0, ""), "the session is ended, too"
    allowed = {
        action
        for each in user.policy["Statement"]
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert allowed == {*called, "ssm:ResumeSession", "ssmmessages:OpenDataChannel"}, "two are the plugin's"
    assert not [each for each in user.policy["Statement"] if each["Resource"] == "*"]


def test_the_documented_policy_allows_no_other_host_and_no_shell(
    desk: Desk, user: User, instances: dict[str, str]
) -> None:
    desk.stand.environment |= user.keys
    desk.write(instance_id=instances["other"])
    said = refused(desk.tunnel("--", "true"))
    assert "AWS refuses the session (AccessDeniedException)" in said
    assert f"instance/{instances['other']}" in said
    assert said.endswith("docs/tunnel.md has the policy that allows it")
    import boto3

    shell = boto3.client(
        "ssm",
        endpoint_url=desk.cloud.endpoint,
        region_name=desk.cloud.region,
        aws_access_key_id=user.keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=user.keys["AWS_SECRET_ACCESS_KEY"],
    )
    for document in ({}, {"DocumentName": "AWS-StartSSHSession"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            shell.start_session(Target=instances["build"], **document)
    shell.close()


def test_a_session_that_cannot_be_ended_by_the_api_is_said_and_its_plugin_ended(
    desk: Desk, user: User, cloud: Cloud
) -> None:
    desk.stand.environment |= user.keys
    iam = cloud.client("iam")
    less = {**user.policy, "Statement": user.policy["Statement"][:2]}
    iam.put_user_policy(UserName="dev", PolicyName="tunnel", PolicyDocument=json.dumps(less))
    try:
        done = desk.tunnel("--", "true")
    finally:
        iam.put_user_policy(UserName="dev", PolicyName="tunnel", PolicyDocument=json.dumps(user.policy))
    assert done.status == 0
    assert "could not be ended by AWS's API" in done.err
    for left in desk.sessions("Active"):
        cloud.client("ssm").terminate_session(SessionId=left["SessionId"])
    assert stat.S_ISLNK((desk.stand.home / "bin" / "session-manager-plugin").lstat().st_mode)
