"""A host whose Docker a tunnel alone reaches: by `aws-docker tunnel` for real, and by no other way.

Session Manager's API and AWS's plugin are the lab's; everything else is as it is on AWS: the command, the client, TLS
from end to end, and dockerd on the host's loopback.
"""

import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.hosts import image, network
from tests.conftest import ROOT
from tests.host.conftest import TRUSTED_NETWORK, Deployment, Host, load_busybox
from tests.host.test_clients import REFUSALS

PLUGINS = ROOT / "lab" / "hosts" / "bin"
LOOPBACK = "127.0.0.1"
OPEN_ON_LOOPBACK = f"[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://{LOOPBACK}:2376\n"


@pytest.fixture(scope="module")
def tunnelled(cloud: Cloud, base: image.Image) -> Iterator[Host]:
    """A booted host without a trusted source, and with a tunnel. Tests leave it as they found it."""
    with network.Network() as wires:
        deployment = Deployment(cloud, wires, base, trusted=[], tunnel=True, docker_installed=True)
        deployment.publish()
        with deployment.machine() as booted:
            booted.wait_ready()
            host = Host(deployment, booted)
            load_busybox(host)
            # Everybody reaches this one: so the attempts below are sound.
            booted.run(
                ["systemd-run", "--unit=control", "python3", "-m", "http.server", "--bind", "::", "8088"]
            )
            booted.wait(lambda: host.port(8088, booted.namespace) == "open", "the control", 20)
            yield host


@pytest.fixture
def through(
    tunnelled: Host, tmp_path: Path, docker_client: str
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in `aws-docker tunnel`, on a user's machine: outside the host's network."""
    deployment = tunnelled.deployment
    alice = deployment.certificates["alice"]
    outputs = {
        "endpoint": "tcp://127.0.0.1:2376",
        "ca_material": deployment.server_ca.pem,
        "cert_material": alice.pem,
        "key_material": alice.key_pem,
        "instance_id": tunnelled.machine.instance_id,
    }
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    path = [str(PLUGINS), str(Path(docker_client).parent), sysconfig.get_path("scripts"), os.environ["PATH"]]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DOCKER_"))},
        **deployment.cloud.environment,
        "PATH": ":".join(path),
        "LAB_TUNNEL_TO": tunnelled.machine.namespace,
    }

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        argv = [
            "aws-docker",
            "tunnel",
            "--from",
            str(tmp_path / "outputs.json"),
            "--port",
            "0",
            "--",
            *command,
        ]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


Through = Callable[..., subprocess.CompletedProcess[str]]


def answers(host: Host, client: str | None = "alice", **how: Any) -> str:
    """What the listener answers on the host's own loopback, where a tunnel ends."""
    return host.ping(client, source=host.machine.namespace, address=LOOPBACK, **how)


# --- Through the tunnel ---------------------------------------------------------------------------------------------


def test_docker_runs_through_it(tunnelled: Host, through: Through) -> None:
    version = through("docker", "version", "--format", "{{.Server.Version}}")
    assert version.returncode == 0, version.stderr
    installed = tunnelled.machine.run(["dockerd", "--version"]).stdout
    assert version.stdout.split("+")[0].strip() in installed
    hello = through("docker", "run", "--rm", "busybox", "/bin/busybox", "sh", "-c", "echo hello; exit 3")
    assert (hello.returncode, hello.stdout) == (3, "hello\n"), hello.stderr
    assert tunnelled.deployment.cloud.client("ssm").describe_sessions(State="Active")["Sessions"] == []


def test_many_connections_share_one_session(through: Through) -> None:
    # Both directions, more than a buffer, several at once.
    count = "docker run --rm -i busybox /bin/busybox wc -c"
    script = f"for each in 1 2 3; do head -c 3000000 /dev/zero | {count} & done; wait"
    done = through("sh", "-c", script)
    assert done.stdout.split() == ["3000000"] * 3, done.stderr


def test_dockerd_listens_on_loopback_only_and_asks_for_a_certificate(tunnelled: Host) -> None:
    listening = tunnelled.machine.run(["ss", "-Hltnp"]).stdout
    assert [line.split()[3] for line in listening.splitlines() if "dockerd" in line] == [f"{LOOPBACK}:2376"]
    assert tunnelled.machine.status()["reason"] == f"dockerd listens on {LOOPBACK}"
    assert answers(tunnelled) == "200"
    assert answers(tunnelled, None) in REFUSALS
    assert answers(tunnelled, None, tls=False) == "400"


# --- By no other way ------------------------------------------------------------------------------------------------


def test_no_network_leads_there(tunnelled: Host) -> None:
    wires = tunnelled.deployment.wires
    for source in (wires.trusted, wires.outside):
        assert tunnelled.port(8088, source) == "open"
        for port in (2375, 2376):
            assert tunnelled.port(port, source) == "timeout"
    # Nor a process of the host by another of its addresses.
    assert tunnelled.port(2376, tunnelled.machine.namespace) == "refused"


def gateway(host: Host) -> str:
    shown = ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]
    return host.machine.run(shown).stdout.strip()


@pytest.mark.parametrize("network_name", ["bridge", "own"])
def test_no_container_reaches_it(tunnelled: Host, network_name: str) -> None:
    own = ("--network", network_name, "--add-host", "up:host-gateway")
    if network_name == "own":
        tunnelled.machine.run(["docker", "network", "create", "own"])
    try:
        for address in (gateway(tunnelled), "up", tunnelled.address):
            assert tunnelled.container_reaches(address, 8088, *own), address
            assert not tunnelled.container_reaches(address, 2376, *own), address
        assert not tunnelled.container_reaches(LOOPBACK, 2376, *own), "a loopback of its own"
    finally:
        tunnelled.machine.run(["docker", "network", "rm", "own"], check=False)


def test_a_container_with_the_hosts_network_still_needs_a_certificate(tunnelled: Host) -> None:
    assert tunnelled.container_reaches(LOOPBACK, 2376, "--network", "host")
    assert answers(tunnelled, None) in REFUSALS


def test_no_container_reaches_it_by_packets_to_the_hosts_loopback(tunnelled: Host) -> None:
    """Where a bridge routes 127.0.0.1 (route_localnet), as Docker itself sets it without a userland proxy."""
    tunnelled.machine.run(["sysctl", "-w", "net.ipv4.conf.docker0.route_localnet=1"])
    steps = [
        "ip address del 127.0.0.1/8 dev lo",
        f"ip route add 127.0.0.1/32 via {gateway(tunnelled)} dev eth0",
    ]
    try:
        for port, reached in ((8088, True), (2376, False)):
            script = " && ".join(
                f"/bin/busybox {each}" for each in (*steps, f"nc -w 2 {LOOPBACK} {port} </dev/null")
            )
            options = ["--cap-add", "NET_ADMIN", "--sysctl", "net.ipv4.conf.all.route_localnet=1"]
            attempt = ["docker", "run", "--rm", *options, "busybox", "/bin/busybox", "sh", "-c", script]
            done = tunnelled.machine.run(attempt, check=False, stdin="")
            assert (done.returncode == 0) is reached, (port, done.stderr)
    finally:
        tunnelled.machine.run(["sysctl", "-w", "net.ipv4.conf.docker0.route_localnet=0"])


def test_no_neighbour_reaches_it_by_packets_to_the_hosts_loopback(tunnelled: Host) -> None:
    """A machine of the same subnet may send what it likes; the host's interface is told to take it."""
    router = tunnelled.deployment.wires.router
    link = network.run_in(router, ["ip", "-o", "route", "get", tunnelled.address]).stdout
    device = re.search(r"dev (\S+)", link)[1]  # type: ignore[index]
    undo: list[list[str]] = []

    def do(argv: list[str], back: list[str]) -> None:
        done = network.run_in(router, argv)
        assert done.returncode == 0, done.stderr
        undo.append(back)

    tunnelled.machine.run(["sysctl", "-w", "net.ipv4.conf.ens5.route_localnet=1"])
    try:
        localnet = f"net.ipv4.conf.{device}.route_localnet"
        do(["sysctl", "-qw", f"{localnet}=1"], ["sysctl", "-qw", f"{localnet}=0"])
        lo = [f"{LOOPBACK}/8", "dev", "lo"]
        do(["ip", "address", "del", *lo], ["ip", "address", "add", *lo])
        way = [f"{LOOPBACK}/32", "via", tunnelled.address, "dev", device]
        do(["ip", "route", "add", *way], ["ip", "route", "del", *way])
        assert tunnelled.port(8088, router, LOOPBACK) == "open"
        assert tunnelled.port(2376, router, LOOPBACK) == "timeout"
    finally:
        for argv in reversed(undo):
            network.run_in(router, argv)
        tunnelled.machine.run(["sysctl", "-w", "net.ipv4.conf.ens5.route_localnet=0"])


# --- What may go wrong ----------------------------------------------------------------------------------------------


def test_without_tlsverify_dockerd_does_not_start(tunnelled: Host) -> None:
    drop_in = "/etc/systemd/system/docker.service.d/20-open.conf"
    tunnelled.machine.write(drop_in, OPEN_ON_LOOPBACK)
    tunnelled.machine.run(["systemctl", "daemon-reload"])
    try:
        assert not tunnelled.restart()
        assert answers(tunnelled, None, tls=False) == "refused"
    finally:
        tunnelled.machine.run(["rm", drop_in])
        tunnelled.machine.run(["systemctl", "daemon-reload"])
        serve_again(tunnelled)


def serve_again(host: Host) -> None:
    def served() -> bool:
        return host.restart() and answers(host) == "200"

    host.machine.wait(served, "dockerd to start again", 60)


def test_it_comes_and_goes_in_place_and_containers_stay(tunnelled: Host) -> None:
    deployment = tunnelled.deployment
    tunnelled.machine.run(
        ["docker", "run", "-d", "--name", "stays", "busybox", "/bin/busybox", "sleep", "600"]
    )
    started = tunnelled.machine.run(["docker", "inspect", "-f", "{{.State.StartedAt}}", "stays"]).stdout
    try:
        deployment.publish(deployment.document(tunnel=False))
        assert tunnelled.sync() == ""
        assert answers(tunnelled) == "timeout", "the firewall is closed there, too"
        # Beside trusted sources both are served, each as if it were alone.
        both = {"listen": deployment.addresses, "trusted": [TRUSTED_NETWORK]}
        deployment.publish(deployment.document(**both))
        assert tunnelled.sync() == ""
        assert (answers(tunnelled), tunnelled.ping()) == ("200", "200")
        assert tunnelled.machine.status()["state"] == "ready", "nothing lies in the way of loopback"
        assert tunnelled.port(2376, deployment.wires.outside) == "timeout"
        assert not tunnelled.container_reaches(gateway(tunnelled), 2376)
    finally:
        deployment.publish()
        assert tunnelled.sync() == ""
        now = tunnelled.machine.run(["docker", "inspect", "-f", "{{.State.StartedAt}}", "stays"]).stdout
        tunnelled.machine.run(["docker", "rm", "-f", "stays"])
    assert now == started
    assert answers(tunnelled) == "200"
    assert tunnelled.port(2376, deployment.wires.trusted) == "timeout"
