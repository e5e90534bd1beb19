"""First boots that fail, and boots that are cut short: nothing is open, and all is well once the cause is gone."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from aws_docker.host import userdata
from tests.host.conftest import OPEN_DOCKER, Host, load_busybox

FACTORY = Callable[..., Host]


def assert_docker_is_masked(host: Host) -> None:
    for unit in ("docker.service", "docker.socket"):
        shown = host.machine.run(["systemctl", "show", "-p", "LoadState,ActiveState", unit]).stdout
        assert "LoadState=masked" in shown
        assert "ActiveState=active" not in shown
    host.assert_closed()


def wait_failed(host: Host) -> None:
    host.machine.wait(lambda: host.machine.status().get("state") == "refused", "the bootstrap to fail", 180)


def try_again(host: Host) -> None:
    host.machine.run(["systemctl", "restart", "--no-block", "dockerhost-bootstrap.service"])
    host.machine.wait_ready()
    host.assert_serving()


def test_a_first_boot_recovers_from_every_fault_in_turn(fresh: FACTORY) -> None:
    host = fresh()
    around = host.machine.around
    around.faults.add("mirror")
    host.machine.boot()
    wait_failed(host)
    assert_docker_is_masked(host)
    assert "nft" not in host.machine.run(["ls", "/usr/sbin"]).stdout.split(), (
        "the table could not even be loaded"
    )

    # A power cut in the middle of the installation: the bootstrap goes on at the next boot.
    around.faults.clear()
    host.machine.run(["systemctl", "restart", "--no-block", "dockerhost-bootstrap.service"])
    host.machine.wait(
        lambda: host.machine.status().get("reason") == "dockerd", "the installation of docker", 120
    )
    host.assert_nothing_open()
    host.machine.power_cut()
    # One more at a time, each met before those that are there already: a request under way never finds none.
    around.faults = {"ssm-empty"}
    host.machine.boot()
    for fault in ("ssm-empty", "ssm-garbage", "ssm-denied", "role", "imds"):
        around.faults.add(fault)
        host.machine.wait(lambda fault=fault: fault in around.met, f"the bootstrap to meet {fault}", 180)
        assert_docker_is_masked(host)
        if fault == "ssm-denied":
            host.machine.wait(lambda: "AccessDenied" in host.machine.status()["reason"], "the reason", 10)
    around.faults.clear()
    host.machine.wait_ready()
    host.assert_serving()

    # Three reboots and a power cut: the same state, the same rules.
    rules = host.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout
    for again in (host.machine.reboot, host.machine.reboot, host.machine.reboot, host.machine.power_cut):
        again()
        if again == host.machine.power_cut:
            host.machine.boot()
        host.machine.wait(lambda: host.ping() == "200", "dockerd after a reboot", 60)
        host.assert_serving()
        assert host.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout == rules


@pytest.mark.parametrize("docker_installed", [False, True], ids=["stock-image", "image-with-an-open-docker"])
def test_from_the_first_packet_to_ready_nobody_is_answered(fresh: FACTORY, docker_installed: bool) -> None:
    host = fresh(docker_installed=docker_installed)
    if docker_installed:
        host.machine.install("/etc/systemd/system/docker.service.d/05-open.conf", OPEN_DOCKER)
    host.machine.boot()
    asked = 0
    while host.machine.status().get("state") != "ready":
        for attempt in (
            lambda: host.port(2375, host.machine.namespace) != "open",
            lambda: host.ping(None, host.machine.namespace) != "200",
            lambda: host.ping(None, host.machine.namespace, tls=False) != "200",
        ):
            assert attempt()
            asked += 1
    assert asked > 100
    load_busybox(host)

    # The address moves (another interface after a restore): the gate refuses, nothing listens elsewhere.
    namespace = host.machine.namespace
    host.machine.run(["ip", "address", "delete", f"{host.address}/20", "dev", "ens5"])
    host.machine.run(["ip", "address", "add", "172.31.15.200/20", "dev", "ens5"])
    host.machine.run(["systemctl", "stop", "docker.service", "docker.socket"])
    host.machine.run(["systemctl", "start", "--no-block", "docker.service"])
    for port in (2375, 2376):
        assert host.port(port, namespace, "172.31.15.200") != "open"


def test_a_local_host_has_no_tcp_listener(fresh: FACTORY) -> None:
    host = fresh(trusted=[], docker_installed=True)
    host.machine.boot()
    host.machine.wait_ready()
    host.assert_closed()
    assert "dockerd" not in host.machine.run(["ss", "-Hltnp"]).stdout
    load_busybox(host)
    assert host.machine.run(["docker", "run", "--rm", "busybox", "/bin/echo", "local"]).stdout == "local\n"
    assert "server-key.pem" not in host.machine.run(["ls", "/etc/dockerhost/current"]).stdout


def test_a_key_in_user_data_works_too(fresh: FACTORY) -> None:
    host = fresh(
        lambda made: userdata.user_data(made.system, document=made.document()), docker_installed=True
    )
    host.machine.boot()
    host.machine.wait_ready()
    host.assert_serving()
    assert host.machine.run(["stat", "-c", "%a", "/etc/dockerhost/document.json"]).stdout == "400\n"
    host.assert_valid(gzip.decompress(host.machine.around.user_data()).decode())


def assert_containerd_is_on_the_volume(host: Host) -> None:
    process = host.machine.run(["systemctl", "show", "-p", "MainPID", "--value", "containerd.service"]).stdout
    files = host.machine.run(["ls", "-l", f"/proc/{process.strip()}/fd"]).stdout
    assert "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db" in files
    for path in ("/var/lib/containerd/io.containerd.metadata.v1.bolt", "/var/lib/docker/overlay2"):
        source = host.machine.run(["findmnt", "-no", "SOURCE", "-T", path]).stdout
        assert source.startswith("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"), (
            source
        )


def test_a_data_volume_is_formatted_once_and_keeps_its_data(fresh: FACTORY) -> None:
    host = fresh(volume="vol-0123456789abcdef0", docker_installed=True)
    host.machine.attach_disk("vol-0123456789abcdef0", 300)
    host.machine.boot()
    host.machine.wait_ready()
    load_busybox(host)
    mounted = host.machine.run(["findmnt", "-no", "FSTYPE,TARGET", "/var/lib/docker"]).stdout.split("\n")
    assert any(line.split() == ["ext4", "/var/lib/docker"] for line in mounted if line)
    # As do the images of engines that keep them with containerd: it has opened what is on the volume.
    host.machine.run(["ctr", "namespaces", "create", "kept"])
    assert_containerd_is_on_the_volume(host)
    host.machine.reboot()
    host.machine.wait(lambda: host.ping() == "200", "dockerd after a reboot", 60)
    assert "busybox" in host.machine.run(["docker", "images"]).stdout
    assert_containerd_is_on_the_volume(host)
    assert "kept" in host.machine.run(["ctr", "namespaces", "ls"]).stdout
    assert host.machine.run(["docker", "run", "--rm", "busybox", "/bin/echo", "here"]).stdout == "here\n"
    # Another bootstrap (a replaced instance) finds a file system and leaves it alone.
    host.machine.run(["systemctl", "enable", "--now", "dockerhost-bootstrap.service"])
    host.machine.wait_ready()
    assert "busybox" in host.machine.run(["docker", "images"]).stdout


def test_a_data_volume_that_is_not_blank_is_not_formatted(fresh: FACTORY) -> None:
    host = fresh(volume="vol-0fedcba9876543210", docker_installed=True)
    device = host.machine.attach_disk("vol-0fedcba9876543210", 16)
    with Path(device).open("r+b") as disk:
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(446)
        disk.write(bytes([0x80, 0, 2, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0x7F, 0, 0]))
    host.machine.boot()
    wait_failed(host)
    assert "not a file system of ours" in host.machine.status()["reason"]
    assert_docker_is_masked(host)
