"""The lab refuses to run a client outside its own network namespaces."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from lab import guard
from lab.engine import warm
from lab.hosts import network

HOST = "192.0.2.10"  # RFC 5737: nobody's
UNIX = "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    "command",
    [
        ["docker", "-H", f"tcp://{HOST}:2376", "ps"],
        ["docker", "--context", "build", "ps"],
        ["docker", "-H"],
        ["docker", "compose", "up"],
        ["docker", "buildx", "create", "--bootstrap"],
        ["env", f"DOCKER_HOST=tcp://{HOST}:2376", "/usr/bin/docker", "ps"],
        ["env", f"DOCKER_HOST={UNIX}", "docker", "ps"],
        ["/somewhere/bin/aws-docker", "verify", "--stack", "dev"],
        ["aws-docker", "probe", f"{HOST}:2376"],
        ["aws-docker", "probe", "127.0.0.1:2376", f"{HOST}:2376"],
        ["curl", "--insecure", f"https://{HOST}:2376/_ping"],
        ["nmap", "-p", "2376", HOST],
        ["nmap", "2001:db8::1"],
        ["openssl", "s_client", "-connect", "[2001:db8::1]:2376"],
        ["openssl", "s_client", "-connect", f"{HOST}:2376"],
    ],
    ids=" ".join,
)
def test_a_client_of_another_machine_is_not_started(command: list[str]) -> None:
    with pytest.raises(guard.OutsideTheLab, match=r"would talk to .*network\.run_in"):
        subprocess.run(command, check=False, env={"PATH": ""})


@pytest.mark.parametrize(
    "command",
    [
        ["docker", "--version"],
        ["docker", "-H", "tcp://127.0.0.1:2376", "ps"],
        ["aws-docker", "probe", "--help"],
        ["docker", "context", "import", "build", "-"],
        ["docker", "buildx", "create", "--name", "build", "build"],
        ["env", "DOCKER_HOST=tcp://127.0.0.1:2376", "docker", "ps"],
        ["aws-docker", "audit", "--trusted", "10.0.5.0/24"],
        ["aws-docker", "probe", "127.0.0.1:2376"],
        ["curl", "http://[::1]:2375/_ping"],
        ["openssl", "x509", "-checkip", "127.0.0.1"],
        ["ip", "netns", "exec", "dockerhost-lab-1-trusted", "docker", "ps"],
        ["env"],
    ],
    ids=" ".join,
)
def test_what_talks_to_nobody_else_is(command: list[str]) -> None:
    assert guard.problem(command, {}) == ""


def test_a_tunnel_is_opened_by_the_labs_own_cloud_alone() -> None:
    tunnel = ["aws-docker", "tunnel", "--stack", "dev", "--", "docker", "ps"]
    assert guard.problem(tunnel, {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}) == ""
    for elsewhere in ({}, {"AWS_ENDPOINT_URL": f"http://{HOST}"}):
        assert "would talk to a host" in guard.problem(tunnel, elsewhere)


def connect(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(0.01)
        client.connect_ex((address, 2376))


@pytest.mark.parametrize("address", [HOST, "2001:db8::1"])
def test_a_connection_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(guard.OutsideTheLab, match="outside the lab's network namespaces"):
        connect(address)
    with pytest.raises(guard.OutsideTheLab), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", (HOST, 53))


def run_in_fork(program: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, *warm.START, str(program)]
    return subprocess.run(command, env={**os.environ, **warm.environment()}, capture_output=True, text=True)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program as the engine runs it, which connects to a host."""
    path = tmp_path / "program.py"
    path.write_text(f"import socket; socket.socket().connect_ex(('{HOST}', 2376)); print('connected')")
    return path


def test_a_program_that_the_engine_runs_is_guarded_too(program: Path) -> None:
    done = run_in_fork(program)
    assert "OutsideTheLab" in done.stderr
    assert done.stdout == ""


@pytest.mark.requires("root", "ip")
def test_inside_the_labs_namespaces_a_client_connects(program: Path) -> None:
    with network.Network() as wires:
        network.within(wires.outside, lambda: connect(HOST))
        done = run_in_fork(program, *guard.command_in(wires.outside, []))
        assert done.stdout == "connected\n", done.stderr


def test_a_namespace_that_is_not_the_labs_is_none() -> None:
    for client in (
        lambda name: network.run_in(name, ["true"]),
        lambda name: network.within(name, lambda: None),
    ):
        with pytest.raises(guard.OutsideTheLab, match="somebody"):
            client("somebody-elses")
