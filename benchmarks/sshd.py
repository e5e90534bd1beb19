"""Gives a booted host the SSH server that `ssh://` needs, from Debian's packages; a user's image has it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.hosts import image, network
from lab.hosts.machine import Machine

# What the image lacks of what openssh-server needs to serve a key's owner.
_PACKAGES = ("openssh-server", "libwrap0", "libnsl2")
_SERVER = """
Port 22
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PasswordAuthentication no
StrictModes no
UsePAM no
"""
_CLIENT = """
Host *
  IdentityFile {folder}/key
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
"""


def _packages() -> Path:
    """The unpacked packages, in the cache; raises RuntimeError where apt does not have them."""
    place = image.cache() / "-".join(("sshd", *_PACKAGES))
    if place.exists():
        return place
    with tempfile.TemporaryDirectory(dir=image.cache()) as folder:
        command = ["apt-get", "download", *_PACKAGES]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-300:]}")
        unpacked = Path(folder) / "unpacked"
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
        unpacked.rename(place)
    return place


def serve(host: Machine, namespace: str, folder: Path) -> None:
    """Start sshd on a booted host, and write bin/ssh into `folder`: the client, with the key and settings for it."""
    server = folder / "sshd"
    for made, key in ((server, "host_key"), (folder, "key")):
        made.mkdir(exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made / key)], check=True)
    (folder / "config").write_text(_CLIENT.format(folder=folder))
    command = folder / "bin" / "ssh"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    command.chmod(0o755)
    (server / "sshd_config").write_text(_SERVER)
    shutil.copyfile(folder / "key.pub", server / "authorized_keys")
    (host.root / "etc/ssh").mkdir(exist_ok=True)
    for file in server.iterdir():
        shutil.copyfile(file, host.root / "etc/ssh" / file.name)
    for part in ("usr/sbin", "usr/lib"):
        subprocess.run(["cp", "-a", f"{_packages() / part}/.", str(host.root / part)], check=True)
    start = (
        "chmod 600 /etc/ssh/host_key; mkdir -p /run/sshd; "
        "id sshd >/dev/null 2>&1 || useradd --system --home-dir /run/sshd --shell /usr/sbin/nologin sshd; "
        "systemd-run --quiet --unit=sshd /usr/sbin/sshd -D -f /etc/ssh/sshd_config"
    )
    host.run(["sh", "-c", start])
    ask = [str(command), "-l", "root", "--", host.private_ip, "true"]
    try:
        host.wait(lambda: network.run_in(namespace, ask).returncode == 0, "sshd to serve", 30)
    except TimeoutError:
        said = (
            network.run_in(namespace, ask).stderr
            + host.run(["journalctl", "--no-pager", "-u", "sshd"]).stdout
        )
        raise RuntimeError(f"sshd does not serve: {said[-1500:]}") from None
