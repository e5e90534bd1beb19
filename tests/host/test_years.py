"""What a host does by itself over the years: builds do not fill its disk, and it installs its security updates."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aws_docker.host.daemon_json import build_cache
from lab.engine.cloud import Cloud
from lab.hosts import image, network
from tests.host.conftest import Deployment, Host, load_busybox

DISK = 512
"""MiB of the volume that Docker's data is on."""
LAYER = 24
"""MiB that one build adds; it keeps them twice, as what it was sent and as a layer."""
NOTES = "/var/lib/docker/dockerhost-images.json"
WEEK = {"prune_images_after_days": 7, "security_updates": ["Sat,Sun *-*-* 22:00:00 UTC", 14400]}


@pytest.fixture(scope="module")
def old(cloud: Cloud, base: image.Image, buildx: str) -> Iterator[Host]:
    """A host with a small disk for Docker, as it runs for years."""
    with network.Network() as wires:
        volume = "vol-0a0a0a0a0a0a0a0a0"
        options = {"builder": build_cache(DISK)}
        made = Deployment(
            cloud, wires, base, volume=volume, docker_installed=True, daemon_options=options, upkeep=WEEK
        )
        made.publish()
        host = Host(made, made.machine())
        try:
            host.machine.attach_disk(volume, DISK)
            plugin = host.machine.root.parent / "upper/root/.docker/cli-plugins/docker-buildx"
            plugin.parent.mkdir(parents=True)
            shutil.copy(buildx, plugin)
            host.machine.boot()
            host.machine.wait_ready()
            load_busybox(host)
            # It looks every two minutes; in these tests, when they say so.
            timer = "dockerhost-upkeep.timer"
            assert host.machine.run(["systemctl", "is-active", timer]).stdout == "active\n"
            host.machine.run(["systemctl", "stop", timer])
            upkeep(host)
            yield host
        finally:
            host.machine.stop()


def upkeep(host: Host) -> None:
    host.machine.run(["/usr/local/sbin/dockerhost-upkeep"])


def run(host: Host, image: str, name: str) -> None:
    host.machine.run(["docker", "run", "-d", "--name", name, image, "/bin/sleep", "1000"])


def build(host: Host, tag: str) -> None:
    """One build that is like no other."""
    make = f"head -c {LAYER}M /dev/urandom >/root/context/big && printf 'FROM busybox\\nCOPY big /big\\n'"
    host.machine.run(["sh", "-c", f"mkdir -p /root/context && {make} >/root/context/Dockerfile"])
    host.machine.run(["docker", "build", "--quiet", "--tag", tag, "/root/context"])


def days_pass(host: Host, days: int) -> None:
    """What was noted was noted so many days ago."""
    noted = json.loads(host.machine.read(NOTES))
    host.machine.write(NOTES, json.dumps({image: at - days * 86400 for image, at in noted.items()}))


def used(host: Host) -> int:
    """Percent of the disk."""
    return int(host.machine.run(["df", "--output=pcent", "/var/lib/docker"]).stdout.split()[1].strip("%"))


def images(host: Host) -> set[str]:
    return set(host.machine.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]).stdout.split())


def cache(host: Host) -> float:
    """MB that the cache of builds keeps."""
    shown = host.machine.run(["docker", "system", "df", "--format", "{{.Type}} {{.Size}}"]).stdout
    number, unit = re.findall(r"Build Cache ([\d.]+)([kMG]?B)", shown)[0]
    return float(number) * {"B": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3}[unit]


def test_weeks_of_builds_do_not_fill_a_small_disk(old: Host) -> None:
    build(old, "kept:1")
    run(old, "kept:1", "tenant")
    for each in range(6):
        build(old, f"app:{each}")
    upkeep(old)
    assert len(images(old)) == 8, "nothing is unused for long"
    days_pass(old, 8)
    run(old, "app:5", "another")
    upkeep(old)
    # busybox is what they were built from, and nobody runs it.
    assert images(old) == {"kept:1", "app:5"}, "what a container has stays"
    load_busybox(old)
    # BuildKit looks a minute after a build.
    old.machine.wait(lambda: cache(old) < DISK / 4 * 1.1, "BuildKit to collect", 90)
    for each in range(4):
        build(old, f"more:{each}")
        assert used(old) < 85
    assert old.machine.run(["docker", "inspect", "-f", "{{.State.Running}}", "tenant"]).stdout == "true\n"


def test_a_nearly_full_disk_is_said_before_it_is_full_and_unused_images_go(old: Host) -> None:
    for each in ("kept:2", "unused:1"):
        build(old, each)
    run(old, "kept:2", "neighbour")
    upkeep(old)
    full, left = "/var/lib/docker/full", 30_000_000
    free = int(old.machine.run(["df", "--output=avail", "-B1", "/var/lib/docker"]).stdout.split()[1])
    old.machine.run(["fallocate", "-l", str(free - left), full])
    try:
        assert 85 <= used(old) < 100
        upkeep(old)
        assert "unused:1" in images(old), "it was used a moment ago"
        assert old.sync() == ""
        assert re.fullmatch(r"/var/lib/docker is (85|90|95) % full", old.machine.status()["disk"])
        noted = json.loads(old.machine.read(NOTES))
        old.machine.write(NOTES, json.dumps({each: at - 3700 for each, at in noted.items()}))
        # Nothing more can be written, not even what was noted.
        old.machine.run(["sh", "-c", "cat /dev/zero >/var/lib/docker/rest || true"])
        upkeep(old)
        assert "unused:1" not in images(old)
        old.machine.run(["docker", "cp", "neighbour:/big", "/root/big"])
    finally:
        old.machine.run(["rm", "-f", full, "/var/lib/docker/rest"])
    upkeep(old)
    assert old.sync() == ""
    assert old.machine.status()["disk"] == ""
    load_busybox(old)


def security_update(base: image.Image, folder: Path) -> Path:
    """What Debian would offer: the next build of docker.io, as a security update."""
    folder.mkdir()
    for each in base.packages.glob("*.deb"):
        (folder / each.name).hardlink_to(each)
    (package,) = folder.glob("docker.io_*.deb")
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+lab1", control.read_text()))
    package.unlink()
    subprocess.run(
        ["dpkg-deb", "--build", "-Zzstd", "-z1", tree, folder / "docker.io_next.deb"],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(tree)
    index = subprocess.run(["apt-ftparchive", "packages", "."], cwd=folder, check=True, capture_output=True)
    (folder / "Packages").write_bytes(index.stdout)
    codename = image.SYSTEMS[base.system].release
    fields = {"Origin": "Debian", "Label": "Debian-Security", "Codename": f"{codename}-security"}
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in fields.items()]
    release = subprocess.run(
        ["apt-ftparchive", *options, "release", "."], cwd=folder, check=True, capture_output=True
    )
    (folder / "Release").write_bytes(release.stdout)
    return folder


def test_an_engine_upgrade_goes_through_the_gate_and_containers_live_on(old: Host, tmp_path: Path) -> None:
    machine = old.machine
    shown = machine.run(["systemctl", "show", "-p", "TimersCalendar", "dockerhost-updates.timer"]).stdout
    assert "Sat,Sun *-*-* 22:00:00 UTC" in shown
    assert 'Unattended-Upgrade "0"' in machine.run(["apt-config", "dump", "APT::Periodic"]).stdout
    run(old, "busybox", "through")

    def seen(*argv: str) -> str:
        return machine.run(argv).stdout

    def state() -> list[str]:
        return [
            seen("dpkg-query", "-W", "-f", "${Version}", "docker.io"),
            seen("systemctl", "show", "-p", "MainPID", "docker.service"),
        ]

    started = seen("docker", "inspect", "-f", "{{.State.StartedAt}}", "through")
    version, process = state()
    machine.around.packages = security_update(old.deployment.base, tmp_path / "packages")
    machine.run(["systemctl", "start", "dockerhost-updates.service"])
    upgraded, new_process = state()
    assert upgraded == f"{version}+lab1"
    assert new_process != process, "another dockerd runs"
    machine.wait(lambda: old.ping() == "200", "the new engine to serve", 30)
    old.assert_serving()
    assert (
        seen("docker", "inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}", "through")
        == f"true {started}"
    )
    upkeep(old)
    assert old.sync() == ""
    assert machine.status()["updates"] == "success"


def test_without_a_way_out_nothing_is_updated_and_it_is_said(old: Host) -> None:
    old.machine.around.faults.add("mirror")
    try:
        done = old.machine.run(["systemctl", "start", "dockerhost-updates.service"], check=False)
        assert done.returncode != 0
        upkeep(old)
        assert old.sync() == ""
        assert old.machine.status()["updates"] == "exit-code"
        old.assert_serving()
    finally:
        old.machine.around.faults.clear()


def test_what_it_does_changes_in_place(old: Host) -> None:
    def timer() -> str:
        shown: dict[str, Any] = dict(
            line.split("=", 1)
            for line in old.machine.run(
                ["systemctl", "show", "-p", "ActiveState,TimersCalendar", "dockerhost-updates.timer"]
            ).stdout.splitlines()
        )
        return f"{shown['ActiveState']} {shown.get('TimersCalendar')}"

    process = old.machine.run(["systemctl", "show", "-p", "MainPID", "docker.service"]).stdout
    assert "22:00:00" in timer()
    old.deployment.upkeep = {"security_updates": ["*-*-* 03:00:00 UTC", 7200]}
    old.deployment.publish()
    assert old.sync() == ""
    upkeep(old)
    assert timer().startswith("active")
    assert "03:00:00" in timer()
    old.deployment.upkeep = {}
    old.deployment.publish()
    assert old.sync() == ""
    upkeep(old)
    assert timer().startswith("inactive")
    # Dockerd is none the wiser.
    assert old.machine.run(["systemctl", "show", "-p", "MainPID", "docker.service"]).stdout == process


def test_a_power_cut_while_renewing_leaves_one_whole_configuration(old: Host) -> None:
    old.deployment.server = old.deployment.new_server_certificate()
    old.deployment.publish()
    current = old.machine.root / "etc/dockerhost/current"
    before, until = current.readlink(), time.monotonic() + 60
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.submit(old.machine.run, ["/usr/local/sbin/dockerhost", "sync"], check=False)
        while current.readlink() == before:
            assert time.monotonic() < until
            time.sleep(0.005)
        old.machine.power_cut()
        assert syncing.result().returncode != 0, "it was done before the cut"
    old.machine.boot()
    old.machine.wait_ready()
    old.assert_serving()
    assert old.machine.read("/etc/dockerhost/current/server.pem") == old.deployment.server.pem
