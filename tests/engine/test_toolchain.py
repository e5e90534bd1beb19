"""Programs, policy packs and component plugins run on the lab's interpreter, whatever language host the machine has."""

import sys
from pathlib import Path

import pytest

from lab.engine.cloud import Cloud
from tests.conftest import ROOT

from .conftest import MakeStack
from .test_plugin import PROGRAM

PACK = """
import pulumi_policy as policy

policy.PolicyPack("told", policies=[
    policy.ResourceValidationPolicy(
        "every-resource", "Every resource is told.", lambda args, report: report(f"read {args.resource_type}")
    )
], enforcement_level=policy.EnforcementLevel.ADVISORY)
"""


@pytest.fixture
def machine_with_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine as most readers have it: Pulumi's language host on PATH, and a system's Python without Pulumi's SDK.

    Returns the file in which that language host notes what it was asked to run.
    """
    binaries = tmp_path / "bin"
    binaries.mkdir()
    scripts = {
        "pulumi-language-python": f'cd {ROOT} && exec {sys.executable} -m tests.engine.pulumis_language_host "$@"',
        "python3": f'exec {Path(sys.executable).resolve()} -I -S "$@"',
    }
    for name, script in scripts.items():
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    seen = tmp_path / "seen"
    monkeypatch.setenv("SEEN_BY_LANGUAGE_HOST", str(seen))
    monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin")
    return seen


def test_the_interpreter_is_the_labs_whatever_language_host_there_is(
    make_stack: MakeStack, cloud: Cloud, machine_with_pulumi: Path, tmp_path: Path, subnet: str
) -> None:
    program, pack = tmp_path / "program", tmp_path / "pack"
    for folder in (program, pack):
        folder.mkdir()
    (program / "__main__.py").write_text(PROGRAM.replace("json_outputs", "['endpoint']"))
    (pack / "__main__.py").write_text(PACK)
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    stack = make_stack(
        program,
        {"props": {"trustedCidrs": ["10.0.5.0/24"], "subnetId": subnet}},
        plugins={"aws-docker": ROOT},
    )
    made = stack.up("--policy-pack", str(pack)).check()
    assert made.changes.keys() == {"create"}
    assert stack.outputs()["endpoint"].endswith(":2376")
    assert "read aws:ec2/instance:Instance" in made.text
    assert set(machine_with_pulumi.read_text().split()) == {"program", "resource", "analyzer"}
