"""The image that hosts boot from: a Debian 12 root like the stock cloud image, and the packages it may install.

It is made once, from Debian's own packages, and kept under the user's cache folder by what it was made from. It holds
systemd and cloud-init with the Ec2 datasource, and neither Docker nor nftables: installing them is user-data's work.
A layer on top is what an AMI of one's own with Docker in it has more.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

RELEASE = "bookworm"
SYSTEM = "debian-12"
"""What the component calls it."""
MIRROR_NAME = "packages.lab.internal"
TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "nmap": "nmap",
    "ip": "iproute2",
    "openssl": "openssl",
    "mkfs.ext4": "e2fsprogs",
    "apt-ftparchive": "apt-utils",
}
"""Commands that the lab's hosts and clients need, and the Debian package of each."""

_BASE = "systemd,systemd-sysv,dbus,udev,kmod,procps,iproute2,iputils-ping,python3,ca-certificates,openssl,apt-utils"
_INSTALLED = ["cloud-init", "curl", "e2fsprogs", "systemd-timesyncd"]
_OFFERED = ["docker.io", "nftables", "iptables", "ufw", "busybox-static"]

# Seconds since its last use: another checkout may use another image.
_KEPT = 30 * 24 * 3600

_CLOUD_CONFIG = """\
# As on EC2, where the metadata service is the one source of user-data; the network is there before the machine boots.
datasource_list: [Ec2]
datasource: {Ec2: {strict_id: false}}
network: {config: disabled}
# Nobody logs in by SSH, and there are no locales to choose from.
ssh_genkeytypes: []
locale: false
"""


@dataclass(frozen=True)
class Image:
    """Where the cached parts stand."""

    root: Path
    with_docker: Path
    packages: Path
    busybox: Path
    docker_cli: Path
    system: str = SYSTEM


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pulumi-aws-docker"


def missing_tools() -> list[str]:
    """Debian packages to install before a host can boot."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=path) is None})


def ensure(say: Callable[[str], None] = lambda _: None) -> Image:
    """The image, made if it is not in the cache yet (two minutes)."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    place = cache() / f"image-{key}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes, one makes it
        if not place.exists():
            building = cache() / f"image-{key}.new"
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                _build(building, say)
                building.rename(place)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        os.utime(place)
        for other in cache().glob("image-*"):
            if other.stat().st_mtime < time.time() - _KEPT:
                shutil.rmtree(other)
    return Image(
        place / "root",
        place / "with-docker",
        place / "packages",
        place / "busybox.tar",
        place / "docker-cli" / "usr/bin/docker",
    )


def _build(place: Path, say: Callable[[str], None]) -> None:
    root, packages = place / "root", place / "packages"
    packages.mkdir()
    say("making the host image: Debian's base system")
    _run(["debootstrap", "--variant=minbase", f"--include={_BASE}", RELEASE, str(root)])

    say("making the host image: cloud-init")
    with _nothing_starts(root):
        _chroot(root, "apt-get", "update")
        _apt_install(root, *_INSTALLED)

    say("making the host image: the packages that user-data installs")
    _chroot(root, "apt-get", "clean")
    _apt_install(root, "--download-only", *_OFFERED)
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.rename(packages / package.name)
    for package in packages.glob("*.deb"):
        if package.stat().st_size > 10_000_000:
            _repack(package)
    with (packages / "Packages").open("wb") as index:
        subprocess.run(["apt-ftparchive", "packages", "."], cwd=packages, check=True, stdout=index)
    _configure(root)
    _install_docker(place)

    unpacked = place / "busybox"
    _run(["dpkg-deb", "-x", str(next(packages.glob("busybox-static_*.deb"))), str(unpacked)])
    with tarfile.open(place / "busybox.tar", "w") as tar:
        tar.add(unpacked / "bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "wget", "nc", "echo", "ping", "ip"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    _run(["dpkg-deb", "-x", str(next(packages.glob("docker.io_*.deb"))), str(place / "docker-cli")])


def _chroot(root: Path, *argv: str) -> None:
    _run(["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", *argv])


def _apt_install(root: Path, *arguments: str) -> None:
    _chroot(root, "apt-get", "install", "-y", "--no-install-recommends", *arguments)


@contextlib.contextmanager
def _nothing_starts(root: Path) -> Generator[None]:
    """What packages bring may not start in a chroot."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    yield
    policy.unlink()


@contextlib.contextmanager
def _mounted(place: Path, *arguments: str) -> Generator[None]:
    _run(["mount", *arguments, str(place)])
    try:
        yield
    finally:
        _run(["umount", str(place)])


def _install_docker(place: Path) -> None:
    """The layer of an image that has Docker, enabled, as its package leaves it."""
    work, root = place / "work", place / "whole"
    for folder in (place / "with-docker", work, root):
        folder.mkdir()
    layers = f"lowerdir={place / 'root'},upperdir={place / 'with-docker'},workdir={work}"
    source = root / "tmp/offered.list"
    chosen = ["-o", "Dir::Etc::sourcelist=/tmp/offered.list"]
    with (
        _mounted(root, "-t", "overlay", "overlay", "-o", layers),
        _mounted(root / "mnt", "--bind", str(place / "packages")),
        _nothing_starts(root),
    ):
        source.write_text("deb [trusted=yes] file:/mnt ./\n")
        _chroot(root, "apt-get", *chosen, "update")
        _apt_install(root, *chosen, "docker.io", "nftables")
        source.unlink()
    shutil.rmtree(work)
    root.rmdir()


def _repack(package: Path) -> None:
    """The same package, less compressed: every first boot unpacks it, and xz takes seconds of processor time."""
    tree = package.with_suffix(".tree")
    _run(["dpkg-deb", "--raw-extract", str(package), str(tree)])
    _run(["dpkg-deb", "--build", "-Zzstd", "-z3", str(tree), str(package)])
    shutil.rmtree(tree)


def _configure(root: Path) -> None:
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists").mkdir()
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] http://{MIRROR_NAME}/ ./\n")
    (root / "etc/cloud/cloud.cfg.d/99_lab.cfg").write_text(_CLOUD_CONFIG)
    # A Xen instance says in this file of the kernel's that it is one of EC2; cloud-init then asks by IMDSv2. This
    # kernel has no such file, so cloud-init reads it from /etc.
    (root / "etc/hypervisor-uuid").write_text("ec2f0000-0000-4000-8000-000000000000\n")
    datasource = root / "usr/lib/python3/dist-packages/cloudinit/sources/DataSourceEc2.py"
    text = datasource.read_text()
    assert "/sys/hypervisor/uuid" in text
    datasource.write_text(text.replace("/sys/hypervisor/uuid", "/etc/hypervisor-uuid"))
    # Packages are installed at each first boot, and these disks are thrown away.
    (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    # The lab gives the interface its address before the machine boots, and has no DHCP server.
    (root / "usr/sbin/dhclient").unlink()
    # The cloud image enables the datasource without asking the firmware, which a container does not have.
    (root / "etc/cloud/ds-identify.cfg").write_text("policy: enabled\n")
    (root / "etc/machine-id").write_text("")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")
    # Names come from /etc/hosts: there is no resolver to wait for.
    names = root / "etc/nsswitch.conf"
    names.write_text(re.sub(r"(?m)^hosts:.*$", "hosts: files", names.read_text()))
    for unit in ("getty@tty1.service", "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer"):
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    if absent := missing_tools():
        sys.exit(f"the host image needs: apt-get install {' '.join(absent)}")
    ensure(lambda message: print(message, flush=True))
