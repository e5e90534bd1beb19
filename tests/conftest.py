"""What every test shares: naming the parts of a machine that a test needs, and keeping costly tests together.

A missing part is a skip on a laptop, with the reason, and a failure when CI=true: nothing may be left out there.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import gotools
from lab.engine import toolchain, typescript
from lab.hosts import image

ROOT = Path(__file__).parent.parent


def _command(name: str) -> Callable[[], str | None]:
    # Users' PATH often lacks sbin, where nft and debootstrap are.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return lambda: (
        None if shutil.which(name, path=path) else f"the command {name} is missing: run lab/setup.sh"
    )


def _root() -> str | None:
    return None if os.geteuid() == 0 else "needs root: run it with sudo"


def docker_path() -> str | None:
    """A Docker client: the machine's own, else the one that comes with the image of the test host."""
    if own := shutil.which("docker"):
        return own
    if _nspawn() is None:
        return str(image.ensure().docker_cli)
    return None


def buildx_path() -> str | None:
    """Docker's buildx plugin, where its client looks for it, or where the lab builds it."""
    folders = [
        Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")),
        *(
            Path(each) / "docker"
            for each in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
        ),
    ]
    found = [each / "cli-plugins" / "docker-buildx" for each in folders]
    named = os.environ.get("DOCKER_BUILDX")
    own = next((each for each in [*([Path(named)] if named else []), *found] if each.is_file()), None)
    built = own or gotools.find("docker-buildx")
    return str(built) if built else None


def browser_path() -> str | None:
    """Chromium, by one of its names."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _nspawn() -> str | None:
    if sys.platform != "linux":
        return "hosts boot on Linux only"
    return _root() or _command("systemd-nspawn")()


# Each part's check returns what is missing and the hint, or nothing.
_PARTS: dict[str, Callable[[], str | None]] = {
    "root": _root,
    "nspawn": _nspawn,
    "pulumi": lambda: None if toolchain.find() else "there is no Pulumi CLI: run lab/setup.sh",
    "pulumi-yaml": lambda: (
        None
        if toolchain.find(toolchain.YAML_HOST)
        else "there is no pulumi-language-yaml: run lab/setup.sh tests"
    ),
    "typescript": lambda: (
        None
        if typescript.find() and toolchain.find(toolchain.NODEJS_SDK)
        else "there is no TypeScript compiler: run lab/setup.sh tests"
    ),
    "docker-cli": lambda: None if docker_path() else "there is no Docker client: install one",
    "buildx": lambda: (
        None
        if buildx_path()
        else "there is no docker-buildx: run lab/setup.sh tests, or name it in DOCKER_BUILDX"
    ),
    "compose": lambda: (
        None if gotools.find("docker-compose") else "there is no docker-compose: run lab/setup.sh tests"
    ),
    "nft": _command("nft"),
    "ip": _command("ip"),
    "nmap": _command("nmap"),
    "openssl": _command("openssl"),
    "shellcheck": _command("shellcheck"),
    "chromium": lambda: None if browser_path() else "there is no Chromium: run lab/setup.sh",
    "actionlint": lambda: (
        None if gotools.find("actionlint") else "there is no actionlint: run lab/setup.sh tests"
    ),
    "busybox": _command("busybox"),
    "faketime": _command("faketime"),
}


def requires(*parts: str) -> None:
    """Skip the running test, or fail it when CI=true, unless this machine has each of these parts."""
    for part in parts:
        if reason := _PARTS[part]():
            if os.environ.get("CI") == "true":
                pytest.fail(f"{part}: {reason}", pytrace=False)
            pytest.skip(f"{part}: {reason}")


@pytest.fixture(scope="session", name="requires")
def _requires() -> Callable[..., None]:
    """`requires` for fixtures and tests that would rather not import it."""
    return requires


@pytest.fixture(scope="session")
def docker_client(requires: Callable[..., None]) -> str:
    """The path of a Docker client."""
    requires("docker-cli")
    return str(docker_path())


@pytest.fixture(scope="session")
def buildx(requires: Callable[..., None]) -> str:
    """The path of Docker's buildx plugin."""
    requires("buildx")
    return str(buildx_path())


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        requires(*marker.args)


# The files that take long, in the order in which they start: whoever starts one last keeps all others waiting. Those
# of one test or two come first, as pytest-xdist gives a worker the next file together with the last two tests of one.
_LONG = (
    "host/test_swarm.py",
    "host/test_images.py",
    "host/test_demo.py",
    "host/test_gate.py",
    "host/test_years.py",
    "host/test_sleep.py",
    "engine/test_faults.py",
    "engine/test_renewal.py",
    "engine/test_examples.py",
    "host/test_tunnel.py",
    "host/test_ready.py",
    "engine/test_changes.py",
    "host/test_configuration.py",
    "host/test_boot.py",
    "host/test_years.py",
    "engine/test_renewal.py",
    "engine/test_policy_examples.py",
    "engine/test_lifecycle.py",
    "engine/test_policy_machines.py",
    "host/test_firewall.py",
    "host/test_systems.py",
    "host/test_engines.py",
    "host/test_older.py",
    "audit/test_probe_dockerd.py",
    "engine/test_plugin.py",
    "engine/test_package_add.py",
    "engine/test_upgrade.py",
    "host/test_ipv6.py",
    "audit/test_probe.py",
    "engine/test_demo.py",
    "engine/test_policy.py",
    "host/test_clients.py",
    "engine/test_readme.py",
)


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, and let one worker run a file's tests: they share an engine's cloud or a booted host."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in {"engine", "host"}:
            item.add_marker(folder)
            item.add_marker(pytest.mark.xdist_group(f"{folder}-{item.path.stem}"))
    places = {ROOT / "tests" / name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: places.get(item.path, len(_LONG)))
