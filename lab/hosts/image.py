"""The images that hosts boot from: a root like the stock cloud image of each system, and the packages it may install.

Each is made once, from Debian's own packages, and kept under the user's cache folder by what it was made from. It
holds systemd and cloud-init with the Ec2 datasource, and neither Docker nor nftables: installing them is user-data's
work. A layer on top is what an AMI of one's own with Docker in it has more.
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


@dataclass(frozen=True)
class System:
    """What an operating system's image is made of."""

    name: str
    """What the component calls it."""
    release: str
    offered: tuple[str, ...]
    """Packages that the lab's mirror has, besides what all systems are offered."""


SYSTEMS = {
    each.name: each
    for each in (
        System("debian-13", "trixie", ("docker-cli",)),
        System("debian-12", "bookworm", ()),
    )
}
MAIN, OLD = os.environ.get("LAB_SYSTEM", "debian-13"), "debian-12"
"""The system of the demo and of most tests, and the one for what an older engine (20.10) does otherwise."""

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
_INSTALLED = ["cloud-init", "curl", "e2fsprogs", "systemd-timesyncd", "unattended-upgrades"]
_OFFERED = ["docker.io", "nftables", "iptables", "ufw", "busybox-static"]

# What is worth repacking, in bytes.
_LARGE = 2_000_000

# Seconds since its last use: another checkout may use another image.
_KEPT = 30 * 24 * 3600

_CLOUD_CONFIG = """\
# As on EC2, where the metadata service is the one source of user-data; the network is there before the machine boots.
datasource_list: [Ec2]
datasource: {Ec2: {strict_id: false}}
network: {config: disabled}
# A container has no udev: from 25.1 on cloud-init would report an error where it tells udev of hotplugged interfaces.
updates: {network: {when: [boot-new-instance]}}
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
    system: str


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pulumi-aws-docker"


def missing_tools() -> list[str]:
    """Debian packages to install before a host can boot."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=path) is None})


def ensure(system: str = MAIN, say: Callable[[str], None] = lambda _: None) -> Image:
    """The image of a system, made if it is not in the cache yet (two minutes)."""
    if system not in SYSTEMS:
        raise ValueError(f"the lab cannot boot {system!r}; LAB_SYSTEM may be {' or '.join(SYSTEMS)}")
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    place = cache() / f"image-{system}-{key}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"image-{system}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes, one makes it
        if not place.exists():
            building = place.with_suffix(".new")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                _build(SYSTEMS[system], building, lambda text: say(f"making the image of {system}: {text}"))
                building.rename(place)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        os.utime(place)
        for other in cache().glob("image-*-*"):
            if other.stat().st_mtime < time.time() - _KEPT:
                shutil.rmtree(other)
    return Image(
        place / "root",
        place / "with-docker",
        place / "packages",
        place / "busybox.tar",
        place / "docker-cli" / "usr/bin/docker",
        system,
    )


def _build(system: System, place: Path, say: Callable[[str], None]) -> None:
    root, packages = place / "root", place / "packages"
    packages.mkdir()
    say("Debian's base system")
    _run(["debootstrap", "--variant=minbase", f"--include={_BASE}", system.release, str(root)])

    say("cloud-init")
    with _nothing_starts(root):
        _chroot(root, "apt-get", "update")
        _apt_install(root, *_INSTALLED)

    say("the packages that user-data installs")
    _chroot(root, "apt-get", "clean")
    _apt_install(root, "--download-only", *_OFFERED, *system.offered)
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.rename(packages / package.name)
    for package in packages.glob("*.deb"):
        if package.stat().st_size > _LARGE:
            _repack(package)
    with (packages / "Packages").open("wb") as index:
        subprocess.run(["apt-ftparchive", "packages", "."], cwd=packages, check=True, stdout=index)
    _configure(root)
    _install_docker(system, place)

    _unpack(packages, "busybox-static", place / "busybox")
    (busybox,) = (place / "busybox").glob("**/bin/busybox")
    with tarfile.open(place / "busybox.tar", "w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in ("sh", "sleep", "wget", "nc", "echo", "ping", "ip"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    client = "docker-cli" if "docker-cli" in system.offered else "docker.io"
    _unpack(packages, client, place / "docker-cli")


def _unpack(packages: Path, package: str, folder: Path) -> None:
    (file,) = packages.glob(f"{package}_*.deb")
    _run(["dpkg-deb", "-x", str(file), str(folder)])


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


def _install_docker(system: System, place: Path) -> None:
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
        _apt_install(root, *chosen, "docker.io", "nftables", *system.offered)
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
    # The lab gives the interface its address before the machine boots, and has no DHCP server: cloud-init would ask
    # for one with whichever of these clients it finds, and wait.
    for client in ("dhclient", "dhcpcd"):
        (root / "usr/sbin" / client).unlink(missing_ok=True)
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
    for wanted in sys.argv[1:] or [MAIN]:
        ensure(wanted, lambda message: print(message, flush=True))
