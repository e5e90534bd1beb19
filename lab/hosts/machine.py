"""A host that really boots: systemd-nspawn, from a copy-on-write layer of the image, with user-data by cloud-init.

It has its own systemd, network namespace, nftables and dockerd. A reboot gets a fresh network namespace, so that no
rule survives one unless the host loads it again.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab import cgroups, folders
from lab.hosts import image, network
from lab.hosts.metadata import Surroundings
from lab.processes import die_with_lab

_ENVIRONMENT = {
    # Else /proc/sys/net is read-only, and dockerd cannot turn forwarding on.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    # Else containers find version 1 control groups that they may not write.
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
}

# Where this system lets nobody raise the limit of open files, runc cannot give containers what daemon.json asks for:
# it then runs with the limits that it may set. A host on EC2 may set any.
_CLAMPED_RUNC = """#!/usr/bin/python3 -I
import json, os, resource, sys
if "create" in sys.argv:
    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
    spec = json.load(open(path))
    for limit in spec["process"].get("rlimits", []):
        if limit["type"] == "RLIMIT_NOFILE":
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            limit.update(hard=min(limit["hard"], most), soft=min(limit["soft"], most))
    json.dump(spec, open(path, "w"))
os.execv("/usr/sbin/runc", sys.argv)
"""
_DEFAULT_NOFILE = 65536


def _may_raise_limits() -> bool:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard >= _DEFAULT_NOFILE:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, _DEFAULT_NOFILE))
    except (ValueError, OSError):
        return False
    return True


# Where the router offers Parameter Store and Debian's packages (RFC 2544: for tests, and nobody's network).
_SERVICES = "198.18.0.1"


class Machine:
    """One instance of the cloud, booted. Use it as a context manager: it takes everything away again."""

    def __init__(
        self,
        cloud: Any,
        instance_id: str,
        wires: network.Network | network.Site,
        base: image.Image,
        *,
        docker_installed: bool = False,
    ) -> None:
        self.instance_id = instance_id
        self.network = wires
        self._base = base
        # As an AMI of one's own may have it; the stock image does not.
        self._lower = f"{base.with_docker}:{base.root}" if docker_installed else str(base.root)
        instance = cloud.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0][
            "Instances"
        ][0]
        published = cloud.client("ec2").describe_images(ImageIds=[instance["ImageId"]])["Images"][0]["Name"]
        if not published.startswith(base.system):
            raise ValueError(
                f"{instance_id} is to start from {published}, and only {base.system} can be booted here"
            )
        interface = instance["NetworkInterfaces"][0]
        subnet = cloud.client("ec2").describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"][0]
        self.private_ip: str = interface["PrivateIpAddress"]
        self.subnet: str = subnet["CidrBlock"]
        self.ipv6 = [address["Ipv6Address"] for address in interface.get("Ipv6Addresses", [])]
        self._directory = folders.make("machine")
        for name in ("upper", "work", "root", "docker", "containerd"):
            (self._directory / name).mkdir()
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._binds: list[str] = []
        self._disks: list[str] = []
        self.namespace = ""
        network.ip("address", "replace", f"{_SERVICES}/32", "dev", "lo", namespace=wires.router)
        self.around = Surroundings(cloud, instance_id, wires.router, _SERVICES, base.packages)

    def __enter__(self) -> "Machine":
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The disk, before the first boot

    def install(self, path: str, text: str, mode: int = 0o755) -> None:
        """Puts a file onto the disk of a machine that is off."""
        place = self._directory / "upper" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def start_from_image_of(self, other: "Machine") -> None:
        """Take a copy of the other machine's disks, as an AMI made from it would be; both are off."""
        for name in ("upper", "docker", "containerd"):
            subprocess.run(
                ["cp", "-a", f"{other._directory / name}/.", str(self._directory / name)], check=True
            )

    # Power

    def boot(self) -> None:
        upper, work, root = (self._directory / name for name in ("upper", "work", "root"))
        options = f"lowerdir={self._lower},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n" + self.around.hosts())
        trusted = self._base.root / "etc/ssl/certs/ca-certificates.crt"
        (root / "etc/ssl/certs/ca-certificates.crt").write_text(trusted.read_text() + self.around.ca_pem)
        if not _may_raise_limits():
            runc = root / "usr/local/sbin/runc"
            runc.write_text(_CLAMPED_RUNC)
            runc.chmod(0o755)
        self.namespace = self.network.host(self.private_ip, self.subnet, self.ipv6)
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--directory={root}",
            f"--machine={self.instance_id}",
            f"--network-namespace-path=/run/netns/{self.namespace}",
            "--capability=all",
            "--system-call-filter=add_key keyctl bpf",
            "--register=no",
            "--keep-unit",
            "--console=pipe",
            *self._binds,
            # A container's disk is no overlay's upper layer; a data volume is a disk of its own.
            *(
                f"--bind={self._directory}/{n}:/var/lib/{n}"
                for n in ("docker", "containerd")
                if not self._disks
            ),
        ]
        console = (self._directory / "console").open("ab")
        group = cgroups.make(self._directory.name)

        def apart() -> None:
            die_with_lab()
            if group is not None:
                cgroups.enter(group)

        self._nspawn = subprocess.Popen(
            command,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            preexec_fn=apart,
        )
        console.close()
        self.wait(lambda: self._leader() is not None, "systemd to start", 30)

    def power_cut(self) -> None:
        """Everything dies at once; the disk stays as it is."""
        if self._nspawn is None:
            return
        leader = self._leader()
        for pid in (leader, self._nspawn.pid):
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._nspawn.wait(30)
        self._off()

    def shut_down(self) -> None:
        """An orderly shutdown."""
        assert self._nspawn
        self.run(["systemctl", "poweroff"], check=False)
        try:
            self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self.power_cut()
        else:
            self._off()

    def reboot(self) -> None:
        """An orderly shutdown, and the next boot."""
        self.shut_down()
        self.boot()

    def has_powered_off(self) -> bool:
        """Whether the machine has shut itself down; it can then be booted again, as EC2 starts a stopped instance."""
        if self._nspawn is None:
            return True
        if self._nspawn.poll() is None:
            return False
        self._off()
        return True

    def stop(self) -> None:
        self.power_cut()
        self.around.close()
        for device in self._disks:
            subprocess.run(["losetup", "-d", device], check=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _off(self) -> None:
        self._nspawn = None
        root = self._directory / "root"
        until = time.monotonic() + 10
        while (
            subprocess.run(["umount", str(root)], capture_output=True).returncode and time.monotonic() < until
        ):
            time.sleep(0.1)
        self.network.remove(self.namespace)
        cgroups.remove(self._directory.name)

    def _leader(self) -> int | None:
        """The machine's first process, as this system numbers it."""
        if self._nspawn is None:
            return None
        if self._nspawn.poll() is not None:
            raise RuntimeError(f"the machine did not boot:\n{self.console()[-2000:]}")
        todo = [self._nspawn.pid]
        while todo:
            pid = todo.pop()
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                children = "".join(p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/children"))
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == "1":
                return pid
            todo += map(int, children.split())
        return None

    @property
    def root(self) -> Path:
        """The machine's disk, as seen from outside."""
        return self._directory / "root"

    # Disks

    def attach_disk(self, volume_id: str, mebibytes: int = 64) -> str:
        """A blank volume that the machine sees, from its next boot on, by the name that EC2's udev rules give it."""
        disk = self._directory / volume_id
        with disk.open("wb") as file:
            file.truncate(mebibytes * 1024 * 1024)
        device = subprocess.run(
            ["losetup", "--find", "--show", str(disk)], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._disks.append(device)
        name = "nvme-Amazon_Elastic_Block_Store_" + volume_id.replace("-", "")
        self._binds.append(f"--bind={device}:/dev/disk/by-id/{name}")
        return device

    # Inside

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root."""
        leader = self._leader()
        assert leader is not None
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        enter = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--root"]
        done = subprocess.run(
            [*enter, "/usr/bin/env", "-i", "--chdir=/", f"PATH={path}", "HOME=/root", *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise RuntimeError(
                f"{' '.join(argv)} exited {done.returncode}:\n{done.stdout[-800:]}{done.stderr[-800:]}"
            )
        return done

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        self.run(["sh", "-c", f"cat > '{path}' && chmod {mode} '{path}'"], stdin=text)

    def status(self) -> dict[str, str]:
        """What the host says of itself; nothing yet while it boots."""
        try:
            # From outside: this is asked for five times a second.
            told = Path(f"/proc/{self._leader()}/root/run/dockerhost/status.json").read_text()
        except OSError:
            return {}
        return json.loads(told) if told else {}

    def console(self) -> str:
        return (self._directory / "console").read_text(errors="replace")

    def wait(self, condition: Callable[[], object], for_what: str, timeout: float = 120) -> None:
        until = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > until:
                says = self.status() if self._leader() is not None else "nothing: it is off"
                raise TimeoutError(
                    f"waited {timeout:.0f} s for {for_what}\n{self.console()[-3000:]}\nthe host says: {says}"
                )
            time.sleep(0.2)

    def wait_ready(self, timeout: float = 180) -> None:
        self.wait(lambda: self.status().get("state") == "ready", "the host to be ready", timeout)
