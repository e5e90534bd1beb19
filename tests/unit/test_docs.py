"""What the documents say exists, exists: files they link to, tests they name, commands and arguments."""

import ast
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aws_docker import DockerHost, DockerHostArgs
from aws_docker.audit.report import show
from aws_docker.host.daemon_json import DAEMON_DEFAULTS, daemon_configuration
from tests.audit.test_html import THREE, audited
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
    assert numbers == set(range(1, 89))


def test_the_readme_names_every_argument() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in DockerHostArgs.__annotations__ if f"`{name}`" not in readme] == []


def test_the_readme_names_every_output() -> None:
    readme = (ROOT / "README.md").read_text()
    outputs = [name for name in DockerHost.__annotations__ if not name.startswith("_")]
    assert [name for name in outputs if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_recorded_demo_ended_as_intended_and_asks_nobody_for_anything(theme: str) -> None:
    picture = (ROOT / "docs" / f"demo-{theme}.svg").read_text()
    assert picture.count("✓") > 40
    assert "✗" not in picture
    assert set(re.findall(r"https?://[^\"<\s)]+", picture)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_the_finding_in_the_readme_is_what_the_audit_prints() -> None:
    (shown,) = re.findall(r"```text\n(critical .*?)```", (ROOT / "README.md").read_text(), re.S)
    printed = io.StringIO()
    show(audited(*THREE), Console(file=printed, width=200))
    assert shown in printed.getvalue()


def test_the_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"\bmake ([a-z][a-z-]*)\b(?=[ `\n])", document.read_text()):
            if f"`make {target}" in document.read_text() or f"\nmake {target}" in document.read_text():
                assert re.search(rf"^{target}:", makefile, re.M), f"{document.name} names make {target}"


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec make test"
    assert "\nmake test " in (ROOT / "README.md").read_text()


# --- What our texts have people install -----------------------------------------------------------------------------

INSTALLER = re.compile(
    r"\b(?:pip3? install|pipx (?:install|run)|uvx|uv (?:tool|pip|add|run)|(?:poetry|pdm) add"
    r"|(?:npm|pnpm|yarn) (?:install|add|i))\b"
)
NAME = re.compile(r"(?<![\w/.-])(?:@[\w-]+/)?(?:pulumi[-_])?aws[-_]docker(?![\w/.-])(?:\[[^\]]*\])?(\s*@ ?)?")
UNTAGGED = re.compile(r"(?:git\+|package add )https://github\.com/<owner>/pulumi-aws-docker(?!@)")


def unowned(text: str) -> list[str]:
    """The lines that have somebody install what others could own: a name that an installer looks for in a public index,
    where anybody may register it; or whatever is newest in the repository.
    """
    found: list[str] = []
    for line in text.splitlines():
        installer = INSTALLER.search(line)
        name = NAME.search(line, installer.end()) if installer else None
        if (name and not name[1]) or UNTAGGED.search(line):
            found.append(line.strip())
    return found


def texts() -> list[Path]:
    """All files of the repository but this one, which has the wrong lines below."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.is_file() and file != Path(__file__)]


def test_no_text_has_anybody_install_a_name_that_is_not_ours() -> None:
    files = texts()
    assert {ROOT / "docs/installation.md", ROOT / "examples/github-actions/audit.yml"} <= set(files)
    found = {
        str(file.relative_to(ROOT)): unowned(file.read_text(encoding="utf-8", errors="replace"))
        for file in files
    }
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install 'aws-docker[audit]'",
        "- run: pip install aws-docker",
        'pip install "aws_docker[policy]==0.1.0"',
        "python -m pip install --upgrade aws-docker",
        "uv tool install 'aws-docker[audit]'",
        "uvx --from aws-docker aws-docker audit",
        "uv run --with aws-docker aws-docker audit",
        "pipx run aws-docker audit",
        "npm install @pulumi/aws-docker",
        "pip install 'aws-docker[audit] @ git+https://github.com/<owner>/pulumi-aws-docker'",
        "pulumi package add https://github.com/<owner>/pulumi-aws-docker",
    ],
)
def test_an_unowned_name_is_seen(text: str) -> None:
    assert unowned(text + "\n")


@pytest.mark.parametrize(
    "text",
    [
        "pip install 'aws-docker[audit] @ git+https://github.com/<owner>/pulumi-aws-docker@v0.1.0'",
        "the extra `aws-docker[policy]`; aws-docker audit",
        "pulumi package add https://github.com/<owner>/pulumi-aws-docker@v0.1.0",
        "pulumi package add ../pulumi-aws-docker",
    ],
)
def test_the_repository_at_a_tag_is_fine(text: str) -> None:
    assert unowned(text + "\n") == []


# --- The hardened defaults ------------------------------------------------------------------------------------------


def test_the_table_of_hardened_defaults_is_that_of_the_code() -> None:
    page = (ROOT / "docs/daemon-options.md").read_text()
    rows = re.findall(r"^\| `(\"[^`]*)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", page, re.M)
    shown = [json.loads("{" + value + "}") for value, *_ in rows]
    assert shown == [{name: default.value} for name, default in DAEMON_DEFAULTS.items()]
    networks: dict[str, Any] = {"bip": "192.168.0.1/24", "pools": []}
    for defaults, (_, does, breaks, undo) in zip(shown, rows, strict=True):
        (name,) = defaults
        assert len(does) > 20, name
        assert breaks.strip(), name
        options = [ast.literal_eval(each) for each in re.findall(r"`(\{.*?\})`", undo)]
        assert options, f"{name}: how to undo it"
        for given in options:
            assert set(given) == {name}
            written = daemon_configuration(given, **networks)
            assert written.get(name) != defaults[name]
