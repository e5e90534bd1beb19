"""`make demo`, as the README has people run it first."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab import folders
from lab.hosts import network
from tests.conftest import ROOT

DEMO = [sys.executable, "-m", "lab.demo"]


def test_the_demonstration_ends_as_intended(requires: Callable[..., None]) -> None:
    requires("nspawn", "nft", "ip", "nmap", "pulumi", "docker-cli")
    done = subprocess.run(DEMO, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for tried in ("docker run", "2376 with plain", "nmap -p 2375,2376", "aws-docker start", "pulumi destroy"):
        assert tried in done.stdout


def test_of_a_killed_demonstration_nothing_is_left(requires: Callable[..., None]) -> None:
    requires("nspawn", "nft", "ip", "nmap", "pulumi", "docker-cli")
    with subprocess.Popen(DEMO, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:

        def theirs() -> list[Path]:
            return list(Path(tempfile.gettempdir()).glob(f"dockerhost-*-{demo.pid}-*"))

        until = time.monotonic() + 120
        while not (booted := [pid for each in theirs() for pid in folders.running(each)]):
            assert demo.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        demo.kill()
    folders.clean()
    network.clean()
    # A killed process is gone once its parent has asked for it.
    while any(Path(f"/proc/{pid}/exe").exists() for pid in booted):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert theirs() == []
    assert not list(Path("/run/netns").glob(f"dockerhost-lab-{demo.pid}-*"))
