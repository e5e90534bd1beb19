"""A host with trusted sources of both families: one listener and one firewall rule for each."""

from collections.abc import Callable

from lab.hosts import network
from tests.host.conftest import Host, load_busybox

ADDRESS = "2001:db8:99::5"


def test_each_family_is_served_on_its_own_address(fresh: Callable[..., Host]) -> None:
    host = fresh(ipv6=ADDRESS, trusted=["10.0.5.0/24", "2001:db8:5::/64"], docker_installed=True)
    wires = host.deployment.wires
    host.machine.boot()
    host.machine.wait_ready()
    host.assert_serving()
    assert host.ping(address=ADDRESS) == "200"
    assert host.ping(None, address=ADDRESS) != "200"
    assert host.ping(None, address=ADDRESS, tls=False) == "400"
    assert host.ping(source=wires.outside, address=ADDRESS) == "timeout"
    for source in (wires.trusted, wires.outside, host.machine.namespace):
        assert host.port(2375, source, ADDRESS) != "open"
    listening = host.machine.run(["ss", "-Hltnp"]).stdout.splitlines()
    assert sorted(line.split()[3] for line in listening if "dockerd" in line) == [
        f"{host.address}:2376",
        f"[{ADDRESS}]:2376",
    ]

    # A container with IPv6 reaches neither 2376 nor the metadata service's IPv6 address.
    load_busybox(host)
    host.machine.run(["docker", "network", "create", "--ipv6", "--subnet", "fd00:77::/64", "six"])
    host.serve(8088)
    assert host.container_reaches(ADDRESS, 8088, "--network", "six")
    for address, port in ((ADDRESS, 2376), ("fd00:77::1", 2376), (network.METADATA_IPV6, 80)):
        assert not host.container_reaches(address, port, "--network", "six")
