"""What ends a release before it begins. The rest of .ci/release is run by the workflow `test`, and by a tag."""

import subprocess
from pathlib import Path

import pytest

import aws_docker
from tests.conftest import ROOT

VERSION = aws_docker.__version__


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        (
            "v9.9.9",
            f"## [{VERSION}] - 2026-11-25\n",
            f"the tag is v9.9.9, and components/aws_docker/__init__.py says {VERSION}",
        ),
        (VERSION, f"## [{VERSION}] - 2026-11-25\n", f"the tag is {VERSION}, and"),
        (f"v{VERSION}", f"## [{VERSION}] - unreleased\n", f"CHANGELOG.md has no '## [{VERSION}] - <date>'"),
        (f"v{VERSION}", "## [Unreleased]\n", f"CHANGELOG.md has no '## [{VERSION}] - <date>'"),
        # It goes on, and finds no Python here to build with.
        (f"v{VERSION}", f"## [{VERSION}] - 2026-11-25\n", "/nowhere/python: No such file or directory"),
    ],
)
def test_a_tag_must_be_the_trees_version_and_the_changelog_must_know_it(
    tmp_path: Path, tag: str, changelog: str, said: str
) -> None:
    tree = tmp_path / "tree"
    for name in (".ci/release", "components/aws_docker/__init__.py"):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text((ROOT / name).read_text())
    (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    done = subprocess.run(
        ["bash", tree / ".ci/release", tag],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
