"""Container networks and trusted sources: whatever swallows a source's answers is said, and gives way where it can."""

import ipaddress
import json
from collections.abc import Iterator

import pytest

from tests.host.conftest import Host
from tests.host.test_configuration import daemon_pid, started_at


@pytest.fixture(autouse=True)
def as_before(host: Host) -> Iterator[None]:
    trusted = list(host.deployment.trusted)
    yield
    host.deployment.daemon_options = {}
    host.deployment.trusted = trusted
    host.deployment.publish()
    assert host.sync() == ""
    assert host.machine.status()["state"] == "ready"
    host.assert_serving()


def trust(host: Host, source: str) -> None:
    host.deployment.trusted = [*host.deployment.trusted, source]
    host.deployment.publish()
    assert host.sync() == ""


def bridge(host: Host) -> str:
    shown = json.loads(host.machine.run(["ip", "-j", "-4", "address", "show", "docker0"]).stdout)
    return "{local}/{prefixlen}".format(**shown[0]["addr_info"][0])


def subnet(host: Host, name: str) -> str:
    template = "{{range .IPAM.Config}}{{.Subnet}}{{end}}"
    return host.machine.run(["docker", "network", "inspect", "-f", template, name]).stdout.strip()


@pytest.fixture
def sleeper(host: Host) -> Iterator[str]:
    host.machine.run(["docker", "run", "-d", "--name", "sleeper", "busybox", "/bin/sleep", "1000"])
    yield "sleeper"
    host.machine.run(["docker", "rm", "-f", "sleeper"])


def client_in(host: Host, source: str) -> str:
    address = ipaddress.ip_network(source)[20]
    return host.deployment.wires.client(f"c{address}".replace(".", "-")[:14], f"{address}/24")


def test_a_trusted_source_in_the_network_of_a_running_container(host: Host, sleeper: str) -> None:
    before, pid, running = bridge(host), daemon_pid(host), started_at(host, sleeper)
    source = str(ipaddress.ip_interface(before).network.supernet(new_prefix=16)[0]) + "/24"
    client = client_in(host, source)
    try:
        trust(host, source)
        status = host.machine.status()
        assert status["state"] == "obstructed"
        assert "container network bridge (docker0, " in status["reason"]
        assert f"trusted {source}" in status["reason"]
        assert host.ping("alice", client) == "timeout", "as the status says"
        assert host.ping("alice") == "200", "and nobody else is concerned"
        # Nothing moved under the container.
        assert (bridge(host), daemon_pid(host)) == (before, pid)
        assert started_at(host, sleeper) == running
        # Once no container runs, the bridge gives way.
        host.machine.run(["docker", "rm", "-f", sleeper])
        assert host.sync() == ""
        assert host.machine.status()["state"] == "ready"
        assert not ipaddress.ip_interface(bridge(host)).network.overlaps(ipaddress.ip_network(source))
        assert host.ping("alice", client) == "200"
        # Chosen again, it is kept, whatever is trusted next.
        moved = bridge(host)
        host.deployment.trusted = ["10.0.5.0/24"]
        host.deployment.publish()
        pid = daemon_pid(host)
        assert host.sync() == ""
        assert (bridge(host), daemon_pid(host)) == (moved, pid)
    finally:
        host.deployment.wires.remove(client)


def test_a_trusted_source_in_a_network_of_the_users(host: Host, sleeper: str) -> None:
    running = started_at(host, sleeper)
    host.machine.run(["docker", "network", "create", "theirs"])
    try:
        source = subnet(host, "theirs")
        client = client_in(host, source)
        trust(host, source)
        status = host.machine.status()
        assert status["state"] == "obstructed"
        assert "container network theirs (br-" in status["reason"]
        assert f", {source}) lies in the way of trusted {source}" in status["reason"]
        assert host.ping("alice", client) == "timeout"
    finally:
        host.machine.run(["docker", "network", "rm", "theirs"])
    # Its end is noticed at once, and another network is made elsewhere: the pool gave way.
    host.machine.wait(lambda: host.machine.status()["state"] == "ready", "the host to be ready", 10)
    assert host.ping("alice", client) == "200"
    host.machine.run(["docker", "network", "create", "theirs"])
    try:
        assert not ipaddress.ip_network(subnet(host, "theirs")).overlaps(ipaddress.ip_network(source))
        assert started_at(host, sleeper) == running
    finally:
        host.machine.run(["docker", "network", "rm", "theirs"])
        host.deployment.wires.remove(client)


@pytest.mark.parametrize("whose", ["docker", "somebody else"])
def test_a_network_that_comes_later_is_noticed_at_once(host: Host, whose: str) -> None:
    if whose == "docker":
        host.machine.run(["docker", "network", "create", "--subnet", "10.0.5.128/25", "later"])
        undo, words = ["docker", "network", "rm", "later"], "container network later (br-"
    else:
        host.machine.run(["ip", "link", "add", "other0", "type", "bridge"])
        host.machine.run(["ip", "link", "set", "other0", "up"])
        host.machine.run(["ip", "route", "add", "10.0.5.64/26", "dev", "other0"])
        undo, words = ["ip", "link", "delete", "other0"], "network 10.0.5.64/26 (other0)"
    try:
        host.machine.wait(
            lambda: host.machine.status()["state"] == "obstructed", "the network to be seen", 10
        )
        assert words in host.machine.status()["reason"]
        assert host.ping() == "200", "who is outside it is served"
    finally:
        host.machine.run(undo)
    host.machine.wait(lambda: host.machine.status()["state"] == "ready", "the host to be ready", 10)


def test_networks_apart_from_the_trusted_sources_are_nobodys_business(host: Host) -> None:
    host.machine.run(["docker", "network", "create", "--subnet", "10.0.4.0/24", "apart"])
    try:
        assert host.sync() == ""
        assert host.machine.status()["state"] == "ready"
    finally:
        host.machine.run(["docker", "network", "rm", "apart"])


def test_a_bridge_of_the_users_own_choice_is_taken_when_no_container_runs(host: Host, sleeper: str) -> None:
    before = bridge(host)
    host.deployment.daemon_options = {"bip": "192.168.77.1/24"}
    host.deployment.publish()
    assert host.sync() == ""
    assert bridge(host) == before
    host.machine.run(["docker", "rm", "-f", sleeper])
    assert host.sync() == ""
    assert bridge(host) == "192.168.77.1/24"


def test_the_hosts_name_for_containers_survives_a_restart(host: Host, sleeper: str) -> None:
    assert host.restart()
    show = [
        "docker",
        "run",
        "--rm",
        "--add-host",
        "h:host-gateway",
        "busybox",
        "/bin/busybox",
        "cat",
        "/etc/hosts",
    ]
    address = bridge(host).split("/")[0]
    assert f"{address}\th\n" in host.machine.run(show, stdin="").stdout
