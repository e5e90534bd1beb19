"""The operating systems that a host can have: all that differs between them, one row each. Pure.

To add one: its name in OperatingSystem, its row in SYSTEMS, and its image in the lab (lab/hosts/image.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..core.engines import EVERY, Engines

Install = list[tuple[str, list[list[str]]]]
"""A tool, and the commands that install it where it is missing; in this order."""


class OperatingSystem(str, Enum):
    """The stock image a host starts from, for x86_64 and arm64."""

    AMAZON_LINUX_2023 = "amazon-linux-2023"
    UBUNTU_24_04 = "ubuntu-24.04"
    DEBIAN_12 = "debian-12"
    DEBIAN_13 = "debian-13"


@dataclass(frozen=True)
class System:
    """One operating system."""

    os: OperatingSystem
    family: str
    image_parameter: str
    """The publisher's own public parameter for the newest image; `{}` stands for the architecture."""
    x86_64: str
    arm64: str
    """The architectures' names in that parameter."""
    install: Install
    engines: Engines
    """The versions of Docker that its packages bring."""
    session_manager: bool
    """Whether the image has Session Manager's agent."""
    warnings: tuple[str, ...] = ()
    """What whoever chooses it should know."""

    def architecture(self, supported: Collection[str]) -> str:
        """The name of the architecture of an instance type that supports these (EC2's names)."""
        return self.arm64 if "arm64" in supported else self.x86_64


_APT_UPDATE = ["apt-get", "update"]


def _apt_install(*packages: str) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", *packages]


def _apt(*docker: str) -> Install:
    return [
        ("nft", [_APT_UPDATE, _apt_install("nftables")]),
        ("openssl", [_apt_install("openssl")]),
        ("dockerd", [_APT_UPDATE, _apt_install(*docker)]),
    ]


def _dnf(docker: str) -> Install:
    packages = {"nft": "nftables", "openssl": "openssl", "dockerd": docker}
    return [(tool, [["dnf", "install", "-y", package]]) for tool, package in packages.items()]


# The firewall stands before Docker is installed.
_ROWS: Final = (
    System(
        os=OperatingSystem.AMAZON_LINUX_2023,
        family="Amazon Linux",
        image_parameter="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}",
        x86_64="x86_64",
        arm64="arm64",
        install=_dnf("docker"),
        engines=Engines((25, 0), (25, 0)),
        session_manager=True,
    ),
    System(
        os=OperatingSystem.UBUNTU_24_04,
        family="Ubuntu",
        image_parameter="/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id",
        x86_64="amd64",
        arm64="arm64",
        install=_apt("docker.io"),
        engines=Engines((28, 2), EVERY.newest),  # whatever noble-updates has
        session_manager=True,
    ),
    System(
        os=OperatingSystem.DEBIAN_12,
        family="Debian",
        image_parameter="/aws/service/debian/release/12/latest/{}",
        x86_64="amd64",
        arm64="arm64",
        install=_apt("docker.io"),
        engines=Engines((20, 10), (20, 10)),
        session_manager=False,
        warnings=(
            "Debian 12's own Docker is 20.10, which Docker no longer maintains: debian-13 has a newer one",
        ),
    ),
    System(
        os=OperatingSystem.DEBIAN_13,
        family="Debian",
        image_parameter="/aws/service/debian/release/13/latest/{}",
        x86_64="amd64",
        arm64="arm64",
        # Debian 13 ships the client as a package of its own.
        install=_apt("docker.io", "docker-cli"),
        engines=Engines((26, 1), (26, 1)),
        session_manager=False,
    ),
)

SYSTEMS: Final[Mapping[OperatingSystem, System]] = {row.os: row for row in _ROWS}
"""Every operating system's row."""
