"""The workflows: actionlint has nothing to say of them, they may do as little as they need, and take what they name."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import gotools
from tests.conftest import ROOT

OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = [*OURS, *sorted((ROOT / "examples" / "github-actions").glob("*.yml"))]


def lint(workflow: Path) -> str:
    tool = gotools.find("actionlint")
    assert tool is not None
    done = subprocess.run(
        [tool, "-no-color", workflow], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.requires("actionlint", "shellcheck")
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_has_nothing_to_say(workflow: Path) -> None:
    assert lint(workflow) == ""


@pytest.mark.requires("actionlint", "shellcheck")
@pytest.mark.parametrize(
    ("ours", "wrong", "said"),
    [
        ("contents: write", "content: write", "unknown permission scope"),
        ("needs: build", "needs: built", "does not exist"),
        ('"$GITHUB_REF_NAME"', "$GITHUB_REF_NAME", "SC2086"),
    ],
)
def test_actionlint_would_say_it(tmp_path: Path, ours: str, wrong: str, said: str) -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert ours in text
    broken = tmp_path / "release.yml"
    broken.write_text(text.replace(ours, wrong))
    assert said in lint(broken)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_is_not_ours_is_named_by_its_commit(workflow: Path) -> None:
    """A tag can be moved to other code by whoever owns the action, or took it over."""
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", workflow.read_text(), re.M)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


@pytest.mark.parametrize("workflow", OURS, ids=lambda path: path.name)
def test_nothing_may_be_done_but_what_a_job_says(workflow: Path) -> None:
    parsed: dict[str, Any] = yaml.safe_load(workflow.read_text())
    assert parsed["permissions"] == {}
    for name, job in parsed["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 60, name
        signs = "id-token" in job["permissions"]
        # What may sign runs no code of the tree, and none that it installs.
        checks_out = any(step.get("uses", "").startswith("actions/checkout@") for step in job["steps"])
        assert not (signs and checks_out), name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_what_ci_runs_is_the_one_command_and_a_release_that_is_none() -> None:
    parsed = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert parsed["jobs"]["test"]["steps"][-1]["run"].split()[-1] == ".ci/run"
    assert parsed["jobs"]["package"]["steps"][-1]["run"] == ".ci/release"


def test_everything_pinned_is_looked_after() -> None:
    watched = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    places = {
        (each["package-ecosystem"], folder)
        for each in watched
        for folder in each.get("directories", [each.get("directory")])
    }
    modules = {("gomod", f"/{path.parent.relative_to(ROOT)}") for path in (ROOT / "lab").rglob("go.mod")}
    assert places == {
        ("pip", "/"),
        ("github-actions", "/"),
        ("github-actions", "/examples/github-actions"),
        *modules,
    }
