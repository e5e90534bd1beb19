"""`make demo`, as the README has people run it first."""

import subprocess
import sys
from collections.abc import Callable

from tests.conftest import ROOT


def test_the_demonstration_ends_as_intended(requires: Callable[..., None]) -> None:
    requires("nspawn", "nft", "ip", "nmap", "pulumi", "docker-cli")
    done = subprocess.run(
        [sys.executable, "-m", "lab.demo"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for tried in ("docker run", "2376 with plain", "nmap -p 2375,2376", "pulumi destroy"):
        assert tried in done.stdout
