"""What the documents say exists, exists: files they link to, tests they name, commands and arguments."""

import re
from pathlib import Path

import pytest

from aws_docker import DockerHost, DockerHostArgs
from tests.conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
        if not target.startswith(("https://", "mailto:")):
            assert (document.parent / target).exists(), target


def test_every_named_fault_has_its_test() -> None:
    rows = re.findall(r"^\| ([\d, -]+) \| .*? \| (.*) \|$", (ROOT / "docs/faults.md").read_text(), re.M)
    numbers: set[int] = set()
    for cases, named in rows:
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", cases):
            numbers |= set(range(int(first), int(last or first) + 1))
        folder = "tests/host"
        module = ""
        for word in re.findall(r"tests/\w+|test_\w+", named):
            if word.startswith("tests/"):
                folder = word
            elif (ROOT / folder / f"{word}.py").exists():
                module = (ROOT / folder / f"{word}.py").read_text()
            else:
                assert f"def {word}(" in module, f"case {cases} names {word}"
        assert module, f"case {cases} names no test"
    assert numbers == set(range(1, 66))


def test_the_readme_names_every_argument() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in DockerHostArgs.__annotations__ if f"`{name}`" not in readme] == []


def test_the_readme_names_every_output() -> None:
    readme = (ROOT / "README.md").read_text()
    outputs = [name for name in DockerHost.__annotations__ if not name.startswith("_")]
    assert [name for name in outputs if f"`{name}`" not in readme] == []


def test_the_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"\bmake ([a-z][a-z-]*)\b(?=[ `\n])", document.read_text()):
            if f"`make {target}" in document.read_text() or f"\nmake {target}" in document.read_text():
                assert re.search(rf"^{target}:", makefile, re.M), f"{document.name} names make {target}"


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec make test"
    assert "\nmake test " in (ROOT / "README.md").read_text()
