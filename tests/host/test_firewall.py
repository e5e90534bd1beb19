"""Packets: what reaches 2376 and the metadata service, whatever is done to the rules, and from which side."""

from collections.abc import Iterator

import pytest

from lab.hosts import network
from tests.host.conftest import Host

HTTPD = ["/bin/busybox", "httpd", "-f", "-p", "8000"]


@pytest.fixture(autouse=True)
def still_serving(host: Host) -> Iterator[None]:
    yield
    host.machine.run(["sh", "-c", "docker ps -aq | xargs -r docker rm -f; docker network prune -f"])
    host.assert_serving()


@pytest.fixture(scope="module")
def unguarded(host: Host) -> int:
    """A port of the host that its firewall is not about: containers reach it, so the attempts are sound."""
    host.serve(8088)
    return 8088


def gateway(host: Host) -> str:
    return host.machine.run(
        ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]
    ).stdout.strip()


def test_a_container_reaches_2376_by_no_address_of_the_host(host: Host, unguarded: int) -> None:
    for address in (gateway(host), host.address):
        assert host.container_reaches(address, unguarded)
        assert not host.container_reaches(address, 2376)
        assert not host.container_reaches(address, 2375)


def test_nor_from_a_network_of_another_name(host: Host, unguarded: int) -> None:
    bridge = ["--opt", "com.docker.network.bridge.name=uplink0"]
    host.machine.run(["docker", "network", "create", *bridge, "elsewhere"])
    try:
        assert host.container_reaches(host.address, unguarded, "--network", "elsewhere")
        assert not host.container_reaches(host.address, 2376, "--network", "elsewhere")
    finally:
        host.machine.run(["docker", "network", "rm", "elsewhere"])


def test_a_container_that_pretends_to_be_trusted_does_not_reach_2376(host: Host, unguarded: int) -> None:
    """Its packets come from a bridge, and only the uplink's are accepted."""
    host.machine.run(["docker", "network", "create", "--subnet", "10.0.5.0/24", "pretender"])
    try:
        pretending = ("--network", "pretender", "--ip", "10.0.5.77")
        assert host.container_reaches(host.address, unguarded, *pretending)
        assert not host.container_reaches(host.address, 2376, *pretending)
    finally:
        host.machine.run(["docker", "network", "rm", "pretender"])


@pytest.mark.parametrize("network_name", ["bridge", "own"])
def test_a_container_does_not_reach_the_metadata_service(host: Host, network_name: str) -> None:
    if network_name == "own":
        host.machine.run(["docker", "network", "create", "own"])
    try:
        # The mirror of packages stands where the metadata service does, as the host's neighbour.
        assert host.container_reaches(host.machine.around.address, 80, "--network", network_name)
        assert not host.container_reaches(network.METADATA_IPV4, 80, "--network", network_name)
    finally:
        host.machine.run(["docker", "network", "rm", "own"], check=False)
    assert host.machine.run(["curl", "-s", "-m", "2", "-o", "/dev/null", f"http://{network.METADATA_IPV4}/"])


def test_a_container_with_the_hosts_network_is_the_host(host: Host) -> None:
    """Documented, not prevented: it reaches the metadata service, as every process of the host does."""
    assert host.container_reaches(network.METADATA_IPV4, 80, "--network", "host")


@pytest.mark.parametrize("port", [2375, 2376])
def test_a_container_cannot_take_dockers_ports(host: Host, port: int) -> None:
    """A container that publishes 2375 (as Docker-in-Docker does) is not reached from anywhere."""
    host.machine.run(["docker", "run", "-d", "-p", f"0.0.0.0:{port}:8000", "busybox", *HTTPD], check=False)
    for source in (host.deployment.wires.outside, host.deployment.wires.trusted):
        if port == 2375:
            assert host.port(2375, source) != "open"
    assert host.ping("alice", host.deployment.wires.outside) != "200"


def test_a_published_port_of_another_number_is_docker_s_business(host: Host) -> None:
    """The security group keeps it closed on AWS; the host's firewall is about 2375 and 2376 only."""
    host.machine.run(["docker", "run", "-d", "-p", "8080:8000", "busybox", *HTTPD])
    trusted = host.deployment.wires.trusted
    host.machine.wait(lambda: host.port(8080, trusted) == "open", "the published port", 10)


@pytest.mark.parametrize(
    "blow",
    [
        ["nft", "flush", "ruleset"],
        ["nft", "delete", "table", "inet", "dockerhost"],
        ["nft", "flush", "table", "inet", "dockerhost"],
        ["nft", "insert", "rule", "inet", "dockerhost", "input", "accept"],
    ],
)
def test_a_damaged_table_is_back_at_once(host: Host, blow: list[str]) -> None:
    before = host.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout
    host.machine.run(blow)

    def again() -> bool:
        now = host.machine.run(["nft", "list", "table", "inet", "dockerhost"], check=False)
        return now.stdout == before

    host.machine.wait(again, "the watch to load the table again", 5)
    assert host.port(2376, host.deployment.wires.outside) == "timeout"
    # Docker's own rules went with the ruleset; a restart brings them back.
    host.recover()


def test_iptables_flushed_leaves_the_table(host: Host) -> None:
    host.machine.run(["iptables", "-F"])
    assert host.port(2376, host.deployment.wires.outside) == "timeout"
    host.recover()


def test_the_distributions_own_firewall_does_not_open_anything(host: Host) -> None:
    host.machine.run(["systemctl", "restart", "nftables.service"])
    try:
        host.machine.wait(
            lambda: host.port(2376, host.deployment.wires.outside) == "timeout",
            "the watch to load the table again",
            5,
        )
        host.assert_nothing_open()
    finally:
        host.machine.run(["systemctl", "stop", "nftables.service"])
        host.machine.wait(
            lambda: "dockerhost" in host.machine.run(["nft", "list", "tables"]).stdout, "the table", 5
        )
        host.recover()


def test_ufw_does_not_open_anything(host: Host) -> None:
    host.machine.run(["apt-get", "update"])
    host.machine.run(["apt-get", "install", "-y", "--no-install-recommends", "ufw"])
    host.machine.run(["ufw", "allow", "2375:2376/tcp"])
    host.machine.run(["ufw", "--force", "enable"], timeout=60)
    try:
        assert host.port(2376, host.deployment.wires.outside) == "timeout"
        host.assert_serving()
    finally:
        host.machine.run(["ufw", "--force", "disable"], timeout=60)
        host.machine.run(["apt-get", "purge", "-y", "ufw"])
        host.recover()


def test_a_container_on_the_wire_itself_does_not_reach_2376(host: Host) -> None:
    """Macvlan: an address of the subnet, past the bridge. (This kernel has no ipvlan.)"""
    subnet = host.machine.subnet
    wire = ["-d", "macvlan", "--subnet", subnet, "-o", "parent=ens5"]
    host.machine.run(["docker", "network", "create", *wire, "wire"])
    try:
        assert host.container_reaches(host.machine.around.address, 80, "--network", "wire")
        assert not host.container_reaches(host.address, 2376, "--network", "wire")
    finally:
        host.machine.run(["docker", "network", "rm", "wire"])


def test_without_nft_docker_is_stopped(host: Host) -> None:
    nft = host.machine.run(["sh", "-c", "command -v nft"]).stdout.strip()
    host.machine.run(["nft", "flush", "ruleset"])
    host.machine.run(["mv", nft, f"{nft}.gone"])
    try:
        host.machine.wait(lambda: host.machine.status().get("state") == "closed", "docker to be stopped", 75)
        host.assert_closed()
    finally:
        host.machine.run(["mv", f"{nft}.gone", nft])
        host.machine.run(["nft", "add", "table", "inet", "wake"])
        host.machine.wait(lambda: host.ping() == "200", "docker to come back", 90)


def test_a_second_interface_gets_no_listener(host: Host) -> None:
    host.machine.run(["ip", "link", "add", "ens6", "type", "veth", "peer", "name", "ens6p"])
    host.machine.run(["ip", "address", "add", "10.77.0.5/24", "dev", "ens6"])
    host.machine.run(["ip", "link", "set", "ens6", "up"])
    try:
        for port in (2375, 2376):
            assert host.port(port, host.machine.namespace, "10.77.0.5") != "open"
    finally:
        host.machine.run(["ip", "link", "delete", "ens6"])


def test_over_ipv6_nothing_answers(host: Host) -> None:
    host.machine.run(["ip", "address", "add", "2001:db8:99::5/64", "dev", "ens5", "nodad"])
    try:
        for port in (2375, 2376):
            assert host.port(port, host.machine.namespace, "2001:db8:99::5") != "open"
    finally:
        host.machine.run(["ip", "address", "delete", "2001:db8:99::5/64", "dev", "ens5"])
