"""The package's layers: core < boot < policy | audit | host < cli, and what each may load; with a bad tree a rule.

Imports are read from the code, those inside functions as well. `if TYPE_CHECKING` counts for the layers, as it couples,
and not for what is loaded, as it loads nothing.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "components" / "aws_docker"

# Which rooms a room may import besides itself. The door (the package's own __init__) may name anything, and only the
# command, as whatever is outside the package, comes in by it.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "core": frozenset(),
    "boot": frozenset({"core"}),
    "policy": frozenset({"core", "boot"}),
    "audit": frozenset({"core", "boot"}),
    "host": frozenset({"core", "boot"}),
    "host.plugin": frozenset({"core", "boot", "door"}),  # an entrance, as the command is
    "cli": frozenset({"core", "boot", "audit", "host", "door"}),
    "door": frozenset({"core", "host"}),
}

SDKS = frozenset(
    {"pulumi", "pulumi_aws", "pulumi_tls", "pulumi_policy", "boto3", "botocore", "rich", "typer"}
)
# Pure code loads none of them, neither itself nor by what it imports: whole rooms, and modules of the others.
PURE = (
    "core.",
    "boot.",
    *(
        f"host.{name}"
        for name in (
            *("access", "advice", "container_networks", "daemon_json", "keys", "plan", "reading", "systems"),
            "userdata",
        )
    ),
    *(
        f"audit.{name}"
        for name in (
            *(
                "checks",
                "conversations",
                "exchange",
                "exposures",
                "facts",
                "findings",
                "host_status",
                "intent",
                "reach",
                "results",
            ),
            *("documents", "sarif", "speaking", "targets", "tls", "verdicts", "wire", "wording", "workloads"),
        )
    ),
    "cli.checkup",
    "cli.connection",
)
# Who else loads none of an SDK.
NEVER: Mapping[str, frozenset[str]] = {
    "policy.": frozenset({"pulumi_aws", "pulumi_tls", "boto3", "botocore", "rich", "typer"}),
    "host.": frozenset({"boto3", "botocore", "rich", "typer", "pulumi_policy"}),
    "audit.": frozenset({"pulumi", "pulumi_aws", "pulumi_tls", "pulumi_policy", "typer"}),
    "audit.probing": frozenset({"boto3", "botocore"}),
    "cli.": frozenset({"pulumi", "pulumi_aws", "pulumi_tls", "pulumi_policy"}),
}


class Import(NamedTuple):
    """One import: of which module (dotted, from the package's root) or other package, and whether it is run."""

    target: str
    ours: bool
    runs: bool
    at_once: bool
    """Not first when a function is called."""


def modules(package: Path) -> dict[str, Path]:
    """Every module by its name from the package's root; a package is its `__init__`, the door is `door`."""
    found: dict[str, Path] = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "door"] = file
    return found


def imports(module: str, file: Path, known: Mapping[str, Path]) -> Iterator[Import]:
    """What a module imports."""
    base = [] if module == "door" else module.split(".")
    if file.name != "__init__.py":
        base = base[:-1]

    def ours(dotted: str) -> Iterator[str]:
        while dotted and dotted not in known:  # a name in a module
            dotted = dotted.rpartition(".")[0]
        yield dotted or "door"
        while "." in dotted:  # the packages that it is in are loaded before it
            dotted = dotted.rpartition(".")[0]
            yield dotted

    def visit(node: ast.AST, runs: bool, at_once: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for each in node.body:
                yield from visit(each, False, at_once)
            for each in node.orelse:
                yield from visit(each, runs, at_once)
            return
        names: list[str] = []
        relative = False
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = node.level > 0
            start = base[: len(base) - node.level + 1] if relative else []
            origin = [*start, *(node.module.split(".") if node.module else [])]
            names = [".".join([*origin, alias.name]) for alias in node.names]
        for name in names:
            if relative or name.split(".")[0] == "aws_docker":
                for target in ours(name.removeprefix("aws_docker").lstrip(".") if not relative else name):
                    yield Import(target, True, runs, at_once)
            else:
                yield Import(name.split(".")[0], False, runs, at_once)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, runs, at_once and not inside)

    yield from visit(ast.parse(file.read_text(encoding="utf-8")), True, True)


def room(module: str) -> str:
    return module.partition(".")[0]


def broken(package: Path) -> list[str]:
    """Every breach of the rules above, in sentences."""
    known = modules(package)
    graph = {module: list(imports(module, file, known)) for module, file in known.items()}
    said: list[str] = []
    for module, found in graph.items():
        for target in sorted({each.target for each in found if each.ours}):
            if room(target) not in {room(module), *MAY_IMPORT.get(module, MAY_IMPORT[room(module)])}:
                said.append(f"{module} imports {target}: {room(module)} may not know {room(target)}")
    for module in graph:
        forbidden = frozenset[str]().union(
            *(names for start, names in NEVER.items() if f"{module}.".startswith(start)),
            SDKS if any(f"{module}.".startswith(start) for start in PURE) else (),
        )
        for way, name in _loaded(module, graph):
            if name in forbidden:
                said.append(f"{' -> '.join(way)} loads {name}, which {module} may not")
    return said


def _loaded(module: str, graph: Mapping[str, list[Import]]) -> Iterator[tuple[list[str], str]]:
    """Every foreign package that importing a module loads, and the first way to it."""
    seen = {module}
    waiting = [[module]]
    while waiting:
        way = waiting.pop(0)
        for each in graph[way[-1]]:
            # What a function imports is loaded only if it is called: its own module's promise, not its importers'.
            if not each.runs or not (each.at_once or len(way) == 1):
                continue
            if not each.ours:
                yield way, each.target
            elif each.target not in seen:
                seen.add(each.target)
                waiting.append([*way, each.target])


def test_the_package_keeps_its_layers() -> None:
    assert broken(PACKAGE) == []


def test_every_module_stands_in_a_room() -> None:
    assert {room(module) for module in modules(PACKAGE)} == {room(module) for module in MAY_IMPORT}
    assert [each for each in PURE if each[-1] != "." and each not in modules(PACKAGE)] == []


BAD: Mapping[str, tuple[dict[str, str], str]] = {
    "core knows boot": ({"core/a.py": "from ..boot import b"}, "core.a imports boot.b"),
    "core knows the door": ({"core/a.py": "from aws_docker import __version__"}, "core.a imports door"),
    "boot knows audit": ({"boot/b.py": "import aws_docker.audit.wire"}, "boot.b imports audit.wire"),
    "policy knows audit": ({"policy/p.py": "from ..audit.wire import x"}, "policy.p imports audit.wire"),
    "audit knows policy": ({"audit/wire.py": "from .. import policy"}, "audit.wire imports policy"),
    "audit knows host": (
        {"audit/wire.py": "def f():\n    from ..host.plan import plan"},
        "audit.wire imports host.plan",
    ),
    "host knows policy": (
        {"host/plan.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..policy import p"},
        "host.plan imports policy.p",
    ),
    "host knows cli": ({"host/plan.py": "from ..cli import c"}, "host.plan imports cli.c"),
    "audit knows cli": ({"audit/wire.py": "from ..cli.c import d"}, "audit.wire imports cli.c"),
    "the command knows policy": ({"cli/c.py": "from aws_docker.policy import p"}, "cli.c imports policy.p"),
    "the command loads pulumi by the host's room": (
        {"cli/c.py": "from aws_docker.host import component", "host/component.py": "import pulumi"},
        "cli.c -> host.component loads pulumi",
    ),
    "core loads pulumi": ({"core/a.py": "import pulumi"}, "core.a loads pulumi, which core.a may not"),
    "boot loads boto3": ({"boot/b.py": "from boto3 import client"}, "boot.b loads boto3"),
    "a plan loads pulumi by another module": (
        {"host/plan.py": "from . import component", "host/component.py": "import pulumi.runtime"},
        "host.plan -> host.component loads pulumi, which host.plan may not",
    ),
    "judging loads rich by its own package": (
        {"audit/__init__.py": "import rich", "audit/verdicts.py": "from .wire import x"},
        "audit loads rich",
    ),
    "policy loads pulumi_aws": ({"policy/p.py": "import pulumi_aws as aws"}, "policy.p loads pulumi_aws"),
    "a probe loads boto3": (
        {"audit/probing.py": "from .aws import y", "audit/aws.py": "import boto3"},
        "audit.probing -> audit.aws loads boto3",
    ),
    "audit loads pulumi": ({"audit/wire.py": "import pulumi"}, "audit.wire loads pulumi"),
}


@pytest.mark.parametrize("rule", BAD)
def test_a_breach_is_seen(tmp_path: Path, rule: str) -> None:
    files, said = BAD[rule]
    harmless = dict.fromkeys(
        ["core/a.py", "boot/b.py", "policy/p.py", "audit/wire.py", "host/plan.py", "cli/c.py"], ""
    )
    rooms = {f"{name}/__init__.py": "" for name in MAY_IMPORT if name != "door" and "." not in name}
    for name, text in ({"__init__.py": ""} | rooms | harmless).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert broken(tmp_path) == []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert any(said in sentence for sentence in broken(tmp_path)), broken(tmp_path)


def test_the_lab_imports_nothing_of_the_product() -> None:
    """It stands in for AWS, Pulumi's plugins and hosts: what it shared with the product, no test would compare.

    warm.py loads the component by its name, for the SDKs that come with it, and drops it again.
    """
    for file in sorted((ROOT / "lab").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "aws_docker" for name in names), file


# --- What is really loaded ------------------------------------------------------------------------------------------

COMMAND = "import sys; sys.argv = ['aws-docker', {}]; from aws_docker.cli import main; main()"


@pytest.mark.parametrize(
    ("program", "without"),
    [
        ("import aws_docker; dir(aws_docker)", {*SDKS, "yaml", "cryptography", "ssl"}),
        (COMMAND.format("'--version'"), {*SDKS, "yaml", "cryptography"} - {"typer"}),
        (COMMAND.format("'probe', '127.0.0.1:1'"), SDKS - {"typer", "rich"}),
        (COMMAND.format("'env', '--unset', '--shell', 'sh'"), {*SDKS, "yaml", "cryptography"} - {"typer"}),
        ("import aws_docker.policy", SDKS - {"pulumi", "pulumi_policy"}),
        ("from aws_docker import OperatingSystem, KeyAlgorithm", SDKS),
    ],
    ids=["the package", "--version", "probe", "env", "the policies", "an enum"],
)
def test_what_is_not_needed_is_not_loaded(program: str, without: set[str]) -> None:
    report = (
        "import atexit, sys\n"
        "def told():\n    print('loaded:', *(name for name in sys.modules if '.' not in name), file=sys.stderr)\n"
        "atexit.register(told)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", report + program], capture_output=True, text=True, check=False
    )
    loaded = set(done.stderr.splitlines()[-1].removeprefix("loaded:").split())
    assert "aws_docker" in loaded
    assert loaded & without == set()
