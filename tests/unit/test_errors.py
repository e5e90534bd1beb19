"""The tree of exceptions that core/errors.py draws is the one that the package has."""

import ast
import builtins
import re
from pathlib import Path

from tests.conftest import ROOT

PACKAGE = ROOT / "components" / "aws_docker"


def drawn(text: str) -> set[tuple[str, str, str]]:
    """Each class of ours with its base and its module, as drawn. A line without a branch is another's."""
    found: set[tuple[str, str, str]] = set()
    above: list[str] = []
    for line in text.splitlines():
        if match := re.match(r"^((?:[│ ]   )*)([├└]── )?(\w+)(?:\s{2,}([\w.]+)\s{2,}\S|$)", line):
            indent, branch, name, module = match.groups()
            depth = len(indent) // 4 + bool(branch)
            above[depth:] = [name]
            if branch:
                found.add((name, above[depth - 1], module))
    return found


def defined(package: Path) -> set[tuple[str, str, str]]:
    """Each public exception that the code defines, with its base and its module."""
    classes: dict[str, tuple[str, str]] = {}
    for file in package.rglob("*.py"):
        module = ".".join(file.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.bases:
                classes[node.name] = (ast.unparse(node.bases[0]).rpartition(".")[2], module)

    def raised(base: str) -> bool:
        known = getattr(builtins, base, None)
        if isinstance(known, type):
            return issubclass(known, BaseException)
        return raised(classes[base][0]) if base in classes else base.endswith(("Error", "Exception"))

    return {
        (name, base, module)
        for name, (base, module) in classes.items()
        if raised(base) and not name.startswith("_")
    }


def test_every_exception_is_drawn_where_it_stands() -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / "core" / "errors.py").read_text(encoding="utf-8"))) or ""
    assert drawn(text) == defined(PACKAGE)


def test_the_comparison_sees_a_class_that_is_not_drawn_and_one_that_has_moved(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "class A(ValueError): ...\nclass B(A): ...\nclass _C(A): ...\nclass D(dict): ...\n"
    )
    text = "ValueError\n└── A    a  x y\n    └── B  a  z\n"
    assert drawn(text) == defined(tmp_path) == {("A", "ValueError", "a"), ("B", "A", "a")}
    assert drawn("ValueError\n└── A    a  x\n") != defined(tmp_path)
    assert drawn(text.replace("B  a", "B  b")) != defined(tmp_path)
    assert drawn(text.replace("    └──", "└──")) != defined(tmp_path)
