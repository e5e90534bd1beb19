"""What differs between operating systems: Debian is booted here, so the others' ways are run on it.

Their user-data is checked by cloud-init's own schema, and their installation runs against a stand-in for their package
manager, which writes down what it was asked for and installs Debian's packages of the same names.
"""

from collections.abc import Callable

import pytest

from aws_docker.host import userdata
from tests.host.conftest import Host

_INSTALLED = "/root/asked-for"

# Amazon Linux's own: dnf, whose packages put dockerd into /usr/bin, and the options that its unit reads.
_DNF = f"""#!/bin/sh
echo "dnf $*" >> {_INSTALLED}
test "$1 $2" = "install -y" || exit 1
shift 2
test "$1" != docker || set -- docker.io docker-cli
apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" || exit 1
if test "$1" = docker.io; then
  mv /usr/sbin/dockerd /usr/bin/dockerd
  mkdir -p /etc/sysconfig
  echo 'OPTIONS="--default-ulimit nofile=32768:65536"' > /etc/sysconfig/docker
  sed -i -e 's|/usr/sbin/dockerd|/usr/bin/dockerd|' -e 's|\\$DOCKER_OPTS|$OPTIONS|' \\
    -e 's|/etc/default/docker|/etc/sysconfig/docker|' /lib/systemd/system/docker.service
fi
"""

_APT_GET = f"""#!/bin/sh
echo "apt-get $*" >> {_INSTALLED}
exec /usr/bin/apt-get "$@"
"""


@pytest.mark.parametrize(
    ("system", "manager", "stand_in", "asked_for"),
    [
        (
            "amazon-linux-2023",
            "dnf",
            _DNF,
            ["dnf install -y nftables", "dnf install -y docker"],
        ),
        (
            "ubuntu-24.04",
            "apt-get",
            _APT_GET,
            ["install -y --no-install-recommends nftables", "--no-install-recommends docker.io"],
        ),
    ],
    ids=["amazon-linux-2023", "ubuntu-24.04"],
)
def test_the_way_of_another_system_ends_in_the_same_guarded_host(
    fresh: Callable[..., Host], system: str, manager: str, stand_in: str, asked_for: list[str]
) -> None:
    host = fresh(system=system)
    host.machine.install(f"/usr/local/bin/{manager}", stand_in)
    host.machine.boot()
    host.machine.wait_ready()
    host.assert_serving()
    volume = "vol-0123456789abcdef0"
    host.assert_valid(userdata.user_data(system, parameter="configuration", volume_id=volume))
    host.assert_valid(userdata.user_data(system, document='{"version":1}'))
    said = host.machine.read(_INSTALLED)
    places = [said.find(words) for words in asked_for]
    assert -1 not in places, said
    assert places == sorted(places), "the firewall stands before Docker is installed"
    assert (
        "OPTIONS" not in host.machine.run(["systemctl", "show", "-p", "ExecStart", "docker.service"]).stdout
    )
