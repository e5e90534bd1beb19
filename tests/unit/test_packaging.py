"""What users install: the wheel's content, that it works in an environment of its own, and that it asks for what it
imports. The root project's settings are checked against the program that reads them.
"""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import grpc
import pytest
import yaml
from packaging.requirements import Requirement
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

import aws_docker
from aws_docker.cli.errors import _EXTRAS as NAMED_EXTRAS
from aws_docker.core.installation import install_line
from tests.conftest import ROOT

PACKAGE = ROOT / "components" / "aws_docker"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # The build backend is among the pinned requirements: nothing is fetched.
    command = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run([sys.executable, *command], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"aws_docker-{aws_docker.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    information = f"aws_docker-{aws_docker.__version__}.dist-info/"
    package = {name for name in names if not name.startswith(information)}
    modules = {str(file.relative_to(PACKAGE.parent)) for file in PACKAGE.rglob("*.py")}
    assert package >= modules | {"aws_docker/py.typed", "aws_docker/cli/app.py", "aws_docker/host/agent.py"}
    assert {f"aws_docker/audit/html/page.{kind}" for kind in ("css", "html.j2", "js")} <= package
    assert all(name.startswith("aws_docker/") for name in package)
    assert information + "licenses/LICENSE" in names


def test_the_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = ["-m", "pip", "--quiet", "--python", python, "install", "--no-deps", wheel]
    subprocess.run([sys.executable, *install], check=True)
    # Third-party packages come from the environment that runs the tests. Its own editable install of this package does
    # not: a path file is not followed from another one.
    (site_packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site_packages / "third-party.pth").write_text(sysconfig.get_path("purelib") + "\n")

    show = "import aws_docker; print(aws_docker.__file__, aws_docker.__version__, aws_docker.DockerHost.__name__)"
    imported = subprocess.run([python, "-c", show], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert imported.stdout.split() == [
        str(site_packages / "aws_docker" / "__init__.py"),
        aws_docker.__version__,
        "DockerHost",
    ]

    command = tmp_path / "venv" / "bin" / "aws-docker"
    for option, expected in (("--version", aws_docker.__version__), ("--help", "context")):
        done = subprocess.run([command, option], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert expected in done.stdout
        assert done.stderr == ""


# What a room of the package imports comes with these extras, whichever else is not installed.
EXTRAS = {"core": "", "boot": "", "host": "component", "policy": "policy", "audit": "audit", "cli": "cli"}


def declared_for(extra: str) -> set[str]:
    """The distributions that are installed with an extra; with none, where it is empty."""
    requirements = [Requirement(text) for text in importlib.metadata.requires("aws-docker") or []]
    return {each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": extra})}


@pytest.mark.parametrize("room", EXTRAS)
def test_every_import_is_declared(room: str) -> None:
    distributions = importlib.metadata.packages_distributions()
    declared = declared_for(EXTRAS[room])
    assert {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob("*.py")} == {*EXTRAS, "__init__.py"}
    for file in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [str(node.module)]
            else:
                continue
            for module in (module.partition(".")[0] for module in modules):
                if module in sys.stdlib_module_names or module == "aws_docker":
                    continue
                names = {name.replace("_", "-").lower() for name in distributions[module]}
                assert names & declared, (
                    f"{file.name} imports {module}, which the extra {EXTRAS[room]!r} does not bring"
                )


def test_who_only_audits_installs_no_sdk_of_pulumi_and_the_component_none_of_aws() -> None:
    assert not {name for extra in ("", "cli", "audit") for name in declared_for(extra) if "pulumi" in name}
    assert not declared_for("component") & {"boto3", "botocore", "typer", "rich", "cryptography"}


def test_the_extra_that_is_named_for_a_missing_module_brings_it() -> None:
    distributions = importlib.metadata.packages_distributions()
    for module, extra in NAMED_EXTRAS.items():
        assert {name.lower() for name in distributions[module]} & declared_for(extra), module


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (
            {
                "url": "https://github.com/acme/pulumi-aws-docker",
                "vcs_info": {"vcs": "git", "requested_revision": "v0.1.0", "commit_id": "0123abc"},
            },
            "pip install 'aws-docker[audit] @ git+https://github.com/acme/pulumi-aws-docker@v0.1.0'",
        ),
        (
            {"url": "https://git.acme.example/x", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}},
            "pip install 'aws-docker[audit] @ git+https://git.acme.example/x@0123abc'",
        ),
        (
            {"url": "file:///home/a/pulumi-aws-docker", "dir_info": {"editable": True}},
            "pip install 'aws-docker[audit] @ file:///home/a/pulumi-aws-docker'",
        ),
        # A file of somebody's own: what it is named in an index is not known.
        (None, "pip install 'aws-docker[audit] @ git+https://github.com/<owner>/pulumi-aws-docker@v1.2.3'"),
    ],
    ids=["a tag", "a commit", "a checkout", "not noted"],
)
def test_the_line_to_install_more_names_where_this_came_from(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None, line: str
) -> None:
    class Distribution:
        version = "1.2.3"

        def read_text(self, name: str) -> str | None:
            return json.dumps(origin) if origin and name == "direct_url.json" else None

    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Distribution())
    assert install_line("audit") == line


def test_a_class_without_its_sdk_names_the_line_to_run() -> None:
    program = "import sys; sys.modules['pulumi'] = None\nfrom aws_docker import DockerHost"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("ModuleNotFoundError")]
    assert "DockerHost needs the module pulumi; run: pip install 'aws-docker[component] @ " in said


def test_every_public_name_is_there() -> None:
    assert sorted(aws_docker.__all__) == list(aws_docker.__all__)
    assert set(aws_docker.__all__) == set(aws_docker._HOMES)
    for name in aws_docker.__all__:
        value = getattr(aws_docker, name)
        assert (value.__name__, name in dir(aws_docker)) == (name, True)
    assert "__version__" in dir(aws_docker)
    with pytest.raises(AttributeError, match="has no attribute 'DockerGuest'"):
        aws_docker.DockerGuest  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_is_that_of_a_type_checker() -> None:
    # Checkers read the imports under TYPE_CHECKING, programs the table of homes.
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    named = {
        alias.name: f".{node.module}"
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert named == aws_docker._HOMES


def test_no_extra_is_named_by_this_packages_name() -> None:
    # An installer would look for it in a public index, where the name is not ours.
    for text in importlib.metadata.requires("aws-docker") or []:
        assert Requirement(text).name != "aws-docker"


def pinned(file: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def test_the_plugin_brings_the_component_and_nothing_else() -> None:
    # Pulumi installs the root's requirements.txt for the plugin: tests and linters were 600 MB more.
    assert "-e .[component]" in (ROOT / "requirements.txt").read_text().splitlines()
    assert {each.name.lower() for each in pinned("requirements.txt")} == declared_for("component")
    assert {each.name for each in pinned("policy/requirements.txt")} <= declared_for("policy")


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "policy/requirements.txt"])
def test_the_pinned_versions_are_those_that_the_tests_run_with(file: str) -> None:
    for requirement in pinned(file):
        assert str(requirement.specifier) == f"=={importlib.metadata.version(requirement.name)}", file


def test_the_tests_run_with_versions_that_users_may_have() -> None:
    for text in importlib.metadata.requires("aws-docker") or []:
        requirement = Requirement(text)
        installed = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(installed), f"{requirement.name} {installed}"


def test_the_root_projects_settings_are_those_that_its_program_reads() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    program = (ROOT / project["main"] / "__main__.py").read_text()
    read = re.findall(r"""config\.(?:get|require)\w*\(\s*"(\w+)""", program)
    assert set(read) == set(project["config"])


def test_the_root_project_runs_on_real_providers() -> None:
    assert "plugins" not in yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def test_the_plugin_offers_the_component_to_other_languages() -> None:
    # As the engine starts it: it prints its port, and asks nothing of the engine before a resource is made.
    plugin = subprocess.Popen([sys.executable, ROOT, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
    assert plugin.stdout is not None
    try:
        port = int(plugin.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            provider = provider_pb2_grpc.ResourceProviderStub(channel)
            schema = json.loads(provider.GetSchema(provider_pb2.GetSchemaRequest(), timeout=20).schema)
    finally:
        plugin.terminate()
        plugin.wait(10)
        plugin.stdout.close()
    assert (schema["name"], schema["version"]) == ("aws-docker", aws_docker.__version__)
    host = schema["resources"]["aws-docker:index:DockerHost"]
    assert host["isComponent"]
    assert host.get("requiredInputs", []) == []
    assert host["properties"]["keyMaterial"]["type"] == "string"
