"""What the audit's modules load: judgements load no AWS SDK and nothing that draws, and a probe neither."""

import subprocess
import sys
from pathlib import Path

import pytest

from aws_docker import audit
from tests.conftest import ROOT

FOLDER = ROOT / "components/aws_docker/audit"
ASK_AWS = {"auditing", "aws", "caller", "fetching", "parameters", "power", "session_manager", "verifying"}
DRAW = {"report"}


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", sorted(each.stem for each in FOLDER.glob("*.py")))
def test_what_a_module_loads(module: str) -> None:
    name = "aws_docker.audit" + ("" if module == "__init__" else f".{module}")
    loaded = loaded_by(f"import {name}")
    aws: set[str] = {"boto3", "botocore"} if module in ASK_AWS else set()
    drawing: set[str] = {"rich"} if module in DRAW else set()
    assert loaded & {"boto3", "botocore", "rich", "typer"} <= aws | drawing


def test_a_probe_asks_nothing_of_aws() -> None:
    assert not loaded_by("from aws_docker.audit import probe, ProbeReport") & {"boto3", "botocore", "rich"}
    assert "boto3" in loaded_by("from aws_docker.audit import audit")


def test_every_name_that_is_offered_is_there() -> None:
    assert sorted(audit.__all__) == audit.__all__
    assert all(getattr(audit, name) is not None for name in audit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Probe'"):
        _ = audit.Probe  # type: ignore[attr-defined]


def test_no_module_is_long() -> None:
    long = {
        str(file.relative_to(FOLDER)): lines
        for file in Path(FOLDER).rglob("*.py")
        if (lines := len(file.read_text().splitlines())) > 400
    }
    assert long == {}
