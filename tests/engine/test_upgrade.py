"""What an upgrade of this package does to the hosts that an older one made: nothing but what its release says.

Each archive in releases/ holds the modules that `import aws_docker` loaded at that revision. A stack is made with it,
and previewed with this tree. A change that is meant is written into the release's `expected`, with its reason, which
the changelog tells users too. To add the archive of a release:

    .venv/bin/python -m tests.engine.test_upgrade REVISION NAME
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .conftest import MakeStack

RELEASES = ROOT / "tests" / "engine" / "releases"
PROGRAM = ROOT / "tests" / "engine" / "upgrade"
THIS_TREE = ROOT / "components"


@dataclass(frozen=True)
class Change:
    """A change that an upgrade is meant to make to a resource."""

    operation: str
    """`create`, `update`, `replace` or `delete`."""
    properties: frozenset[str]
    """The inputs that differ."""
    why: str


@dataclass(frozen=True)
class Release:
    """An older package, and what differs in a host that this tree makes of the same program."""

    archive: str
    expected: Mapping[str, Change]
    """By the resource's name, or a pattern of names such as `*-instance`."""


def _change(operation: str, *properties: str, why: str) -> Change:
    return Change(operation, frozenset(properties), why)


_PROGRAM = (
    "the host's program says the host's state, keeps container networks off trusted sources, and travels compressed; "
    "addresses, certificates and the data volume stay"
)

UPGRADES = [
    Release(
        "0.1.0-dev.zip",
        expected={
            "*-instance": _change("replace", "userData", "userDataBase64", why=_PROGRAM),
            "*-data-attachment": _change("replace", why="it follows its instance"),
            "*-status": _change("create", why="the host says its state in a parameter of its own"),
            "*-role-policy": _change("update", "policy", why="it may write that parameter"),
            "*-configuration": _change(
                "update", "value", why="it says which of Docker's networks were chosen for the host"
            ),
            "*-certificate": _change(
                "update", "earlyRenewalHours", why="leaves are renewed before their end; none is made anew"
            ),
        },
    )
]


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> Iterator[dict[str, str]]:
    """What the program's configuration names: a network with IPv6, and sources of each kind."""
    ec2, kms = cloud.client("ec2"), cloud.client("kms")
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    ipv6 = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.30.1.0/24", Ipv6CidrBlock=ipv6)["Subnet"]
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="office",
        AddressFamily="IPv4",
        MaxEntries=5,
        Entries=[{"Cidr": "198.51.100.0/24", "Description": "office"}],
    )["PrefixList"]
    group = ec2.create_security_group(GroupName="upgrading", Description="CI", VpcId=vpc["VpcId"])
    yield {
        "vpc": vpc["VpcId"],
        "subnet": subnet["SubnetId"],
        "prefixList": prefix_list["PrefixListId"],
        "group": group["GroupId"],
        "key": kms.create_key()["KeyMetadata"]["Arn"],
    }
    ec2.delete_security_group(GroupId=group["GroupId"])
    ec2.delete_managed_prefix_list(PrefixListId=prefix_list["PrefixListId"])
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def planned(stack: Stack) -> dict[str, tuple[str, frozenset[str]]]:
    """What a preview would do to each resource: the operation, and the inputs that differ."""
    log = stack.folder / "plan"
    stack.cli("preview", "--event-log", str(log)).check()
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for line in log.read_text().splitlines():
        step: dict[str, Any] = json.loads(line).get("resourcePreEvent", {}).get("metadata", {})
        # A replacement is told as three steps.
        if step and step["op"] not in ("same", "read", "create-replacement", "delete-replaced"):
            name = step["urn"].rsplit("::", 1)[-1]
            found[name] = (step["op"], frozenset(step.get("diffs") or []))
    return found


@pytest.mark.parametrize("release", UPGRADES, ids=[each.archive for each in UPGRADES])
def test_an_upgrade_changes_nothing_but_what_its_release_says(
    make_stack: MakeStack, network: dict[str, str], release: Release
) -> None:
    archive = RELEASES / release.archive
    stack = make_stack(PROGRAM, {**network, "package": str(archive)})
    stack.up().check()
    assert stack.outputs()["made_by"].startswith(f"{archive}/"), "else nothing is compared"
    assert planned(stack) == {}, "the release's own hosts are not stable"

    stack.configure({**network, "package": str(THIS_TREE)})
    unsaid, said = [], set[str]()
    for name, (operation, properties) in planned(stack).items():
        pattern = next((each for each in release.expected if fnmatch(name, each)), None)
        meant = release.expected[pattern] if pattern else None
        if pattern and meant == Change(operation, properties, why=meant.why):
            said.add(pattern)
        else:
            unsaid.append(f"{operation} {name}: {', '.join(sorted(properties))}")
    assert unsaid == [], "nobody said so: " + "; ".join(unsaid)
    assert set(release.expected) == said, "said, and not so"


def pack(revision: str, name: str) -> Path:
    """Archive the modules of a revision that a program loads, and the data that they read: the same bytes each time."""
    tree = subprocess.run(["git", "archive", revision, "components"], capture_output=True, check=True).stdout
    loaded = "import sys, aws_docker; print(*[m.__file__ for n, m in sys.modules.items() if n[:10] == 'aws_docker'])"
    target = RELEASES / f"{name}.zip"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w") as archive:
        with tarfile.open(fileobj=io.BytesIO(tree)) as revision_files:
            revision_files.extractall(folder, filter="data")
        package = Path(folder) / "components"
        made = subprocess.run(
            [sys.executable, "-c", loaded], env={"PYTHONPATH": str(package)}, capture_output=True, check=True
        )
        files = {*map(Path, made.stdout.decode().split()), *package.rglob("*.gz.b64")}
        for file in sorted(files):
            entry = zipfile.ZipInfo(str(file.relative_to(package)))
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return target


if __name__ == "__main__":
    print(pack(*sys.argv[1:]))
