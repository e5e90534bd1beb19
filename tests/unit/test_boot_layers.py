"""The wings of boot stand in layers: no module imports in a circle, and none reaches outside of core and boot."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import aws_docker.boot

ROOT = Path(aws_docker.boot.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imported(name: str) -> set[str]:
    """What a module imports of this package, from its folder upwards."""
    path = MODULES[name]
    folder = list(path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = node.level - 1
            if above > len(folder):
                found.add("outside:" + (node.module or ""))
                continue
            base = [*folder[: len(folder) - above], *((node.module or "").split(".") if node.module else [])]
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                found.add(whole if whole in MODULES else ".".join(base))
    return {each for each in found if each != name}


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_in_a_circle() -> None:
    assert circle({name: imported(name) & set(MODULES) for name in MODULES}) == []


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"a"}})


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_knows_only_core_and_boot(name: str) -> None:
    assert {
        each for each in imported(name) if each.startswith("outside:") and not each.startswith("outside:core")
    } == set()
    assert "TYPE_CHECKING" not in MODULES[name].read_text()


@pytest.mark.parametrize("wing", ["formats", "shell", "machine", "listeners"])
def test_only_following_knows_the_programs(wing: str) -> None:
    known = {each for name in MODULES if name.startswith(wing + ".") for each in imported(name)}
    assert not {each for each in known if each.startswith("programs")}
