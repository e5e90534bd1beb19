"""Bad input and interrupted runs on the real engine: nothing is half-open, and the next run mends what is half-made."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack

from .conftest import MakeStack, left

REMOTE: dict[str, Any] = {"trustedCidrs": ["10.0.5.0/24"]}

# The source is known once another resource is there.
LATE = """
import pulumi
import pulumi_aws as aws
from aws_docker import DockerHost

config = pulumi.Config()
cidr = aws.ec2.Eip("first", domain="vpc").id.apply(lambda _: config.require("cidr"))
DockerHost("build", {"trusted_cidrs": [cidr], "subnet_id": config.require("subnetId")})
"""


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"trustedCidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
            "trusted_cidrs: '0.0.0.0/1, 128.0.0.0/1' holds 4,272,881,664 public IPv4 addresses, and at most 65,536 "
            "can be trusted; name only the networks that are yours",
        ),
        (
            {**REMOTE, "os": "windows"},
            "os: 'windows' is refused; choose one of 'amazon-linux-2023', 'ubuntu-24.04', 'debian-12', 'debian-13'",
        ),
    ],
)
def test_a_refusal_is_one_line_and_nothing_is_made(
    make_stack: MakeStack, cloud: Cloud, config: dict[str, Any], message: str
) -> None:
    stack = make_stack(config=config)
    for run in (stack.preview, stack.up):
        refused = run()
        assert refused.exit_code != 0
        lines = [line.strip() for line in refused.text.splitlines()]
        assert f"error: {message}" in lines
        assert "Traceback" not in refused.text
        assert 'File "' not in refused.text
    assert [each["type"] for each in stack.resources() if each.get("custom")] == []
    assert left(cloud) == {}


def test_what_is_known_late_is_refused_before_anything_would_use_it(
    make_stack: MakeStack, cloud: Cloud, subnet: str, tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text(LATE)
    stack = make_stack(tmp_path, {"cidr": "0.0.0.0/0", "subnetId": subnet})
    stack.preview().check()  # it cannot be known yet
    refused = stack.up()
    assert refused.exit_code != 0
    assert "error: trusted_cidrs: '0.0.0.0/0' holds " in refused.text
    assert "Traceback" not in refused.text
    made = {each["type"] for each in stack.resources()}
    for kind in ("securityGroupIngressRule", "networkInterface", "instance:", "ssm/parameter"):
        assert not [each for each in made if kind in each], made
    assert not {"instances", "interfaces", "parameters"} & set(left(cloud))

    stack.configure({"cidr": "10.0.5.0/24", "subnetId": subnet})
    stack.up().check()
    assert stack.up().check().changes == {}


def test_a_source_that_turns_bad_later_leaves_the_host_as_it_was(
    make_stack: MakeStack, cloud: Cloud, subnet: str, tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text(LATE)
    stack = make_stack(tmp_path, {"cidr": "10.0.5.0/24", "subnetId": subnet})
    stack.up().check()
    before = left(cloud)
    stack.configure({"cidr": "8.0.0.0/8", "subnetId": subnet})
    assert stack.up().exit_code != 0
    assert left(cloud) == before
    rules = cloud.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    assert {r.get("CidrIpv4") for r in rules if r.get("FromPort") == 2376} == {"10.0.5.0/24"}


# --- Interrupted runs ------------------------------------------------------------------------------------------------


def interrupt(stack: Stack, resources: int, by: signal.Signals, done: str = " created (") -> None:
    """`pulumi up`, interrupted once so many resources are reported as made, or whatever else is done to them."""
    running = stack.start("up", "--yes", "--skip-preview")
    assert running.stdout is not None
    made = 0
    try:
        for line in running.stdout:
            made += done in line
            if made == resources:
                if by is signal.SIGKILL:
                    # With all its children: providers, language host.
                    os.killpg(running.pid, by)
                else:
                    running.send_signal(by)
                made += 1
        running.wait(120)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.stdout.close()
        running.wait()
    assert running.returncode != 0, "it was done before it could be interrupted"


def processes_of(stack: Stack) -> dict[int, str]:
    """Command lines of the processes that run for this stack: they know its folder from their environment."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(stack.folder).encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has ended, or is another user's
    return found


def labs_own(stack: Stack) -> list[str]:
    """Those of them that are the lab's: its language host, its providers, and programs that they started."""
    return [command for command in processes_of(stack).values() if "lab/engine/" in command]


def end_others(stack: Stack) -> None:
    """End what Pulumi's own plugins leave: of a killed engine they hear by a health check, after minutes."""
    for process in processes_of(stack):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def delete_unrecorded(cloud: Cloud, stack: Stack) -> int:
    """What docs/troubleshooting.md says to do after a kill: delete what was made and never written down, and holds
    what the next run needs: an instance on the stack's interface, rules of the stack's group."""
    ec2 = cloud.client("ec2")
    known = {each.get("id") for each in stack.resources()}
    deleted = 0
    for rule in ec2.describe_security_group_rules()["SecurityGroupRules"]:
        if rule["GroupId"] in known and rule["SecurityGroupRuleId"] not in known:
            direction = "egress" if rule["IsEgress"] else "ingress"
            revoke = getattr(ec2, f"revoke_security_group_{direction}")
            revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
            deleted += 1
    for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        instance = (interface.get("Attachment") or {}).get("InstanceId")
        if instance and interface["NetworkInterfaceId"] in known and instance not in known:
            ec2.terminate_instances(InstanceIds=[instance])
            deleted += 1
    return deleted


def open_to(cloud: Cloud) -> set[tuple[Any, ...]]:
    rules = cloud.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    own = [rule for rule in rules if not rule["IsEgress"] and rule["IpProtocol"] != "-1"]
    return {(rule["FromPort"], rule["ToPort"], rule.get("CidrIpv4")) for rule in own}


def test_a_state_that_a_kill_made_unreadable_is_read_again(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.up().check()
    made = len(stack.resources())
    Path(f"{stack.checkpoint}.attrs").write_text("")
    assert "failed to load checkpoint: EOF" in stack.up().text
    stack.restore_checkpoint()
    assert stack.up().check().changes == {}
    assert len(stack.resources()) == made


@pytest.mark.parametrize(
    ("resources", "by"),
    [(16, signal.SIGKILL), (27, signal.SIGKILL), (12, signal.SIGINT)],
    ids=["killed early", "killed late", "interrupted"],
)
def test_a_run_that_was_interrupted_is_completed_by_the_next(
    empty_cloud: Cloud, make_stack: MakeStack, resources: int, by: signal.Signals
) -> None:
    stack = make_stack(config={**REMOTE, "assignPublicIp": True}, project="pulumi-aws-docker", on=empty_cloud)
    interrupt(stack, resources, by)
    assert open_to(empty_cloud) <= {(2376, 2376, "10.0.5.0/24")}, "what is half-made is not half-open"
    until = time.monotonic() + 60
    while labs_own(stack) and time.monotonic() < until:
        time.sleep(0.5)
    assert labs_own(stack) == [], "language host and providers end with their engine"
    end_others(stack)
    # As docs/troubleshooting.md says: `pulumi cancel` reads the state, too.
    stack.restore_checkpoint()
    stack.cancel()

    again = stack.up()
    if again.exit_code and by is signal.SIGKILL:
        # Nobody wrote down what was being made at that moment. AWS refuses it a second time, and says so.
        assert "InvalidPermission.Duplicate" in again.text or "InvalidNetworkInterface.InUse" in again.text
        assert delete_unrecorded(empty_cloud, stack)
        again = stack.up()
    again.check()
    # Takes the note about what was being made out of the state.
    assert stack.refresh("--clear-pending-creates").check().changes == {}
    assert stack.up().check().changes == {}
    assert stack.outputs()["endpoint"].startswith("tcp://")
    assert open_to(empty_cloud) == {(2376, 2376, "10.0.5.0/24")}

    stack.destroy().check()
    assert stack.resources() == []
    assert open_to(empty_cloud) == set()
    if by is signal.SIGINT:
        assert left(empty_cloud) == {}
