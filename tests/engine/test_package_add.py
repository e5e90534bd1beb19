"""`pulumi package add <repository>@<tag>`: what programs in other languages write, from a repository on loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine import toolchain
from tests.conftest import ROOT

from .tagged import FORGE, commit, forge

VERSION = "7.8.9"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of this tree's repository, tagged, and the environment of a user who trusts the forge."""
    folder = tmp_path_factory.mktemp("forge")
    (folder / "repositories" / "acme").mkdir(parents=True)
    commit(folder / "repositories" / "acme" / "pulumi-aws-docker.git", VERSION)
    host = folder / "bin" / "pulumi-language-python"
    host.parent.mkdir()
    host.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m tests.engine.tagged "$@"\n')
    host.chmod(0o755)
    base = toolchain.environment()
    environment = {
        **base,
        "PATH": f"{host.parent}:{base['PATH']}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "SSL_CERT_FILE": str(folder / "ca.pem"),
        "SEEN_BY_LANGUAGE_HOST": str(folder / "seen"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    with forge(folder / "repositories", folder / "ca.pem") as proxy:
        yield f"https://{FORGE}/acme/pulumi-aws-docker", {**environment, "HTTPS_PROXY": proxy}


def pulumi(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["pulumi", "--non-interactive", "--color", "never", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.requires("pulumi")
def test_a_tag_is_fetched_installed_and_asked_for_its_schema(
    repository: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, environment = repository
    asked = pulumi(environment, tmp_path, "package", "get-schema", f"{address}@v{VERSION}")
    assert asked.returncode == 0, asked.stderr[-2000:]
    schema = json.loads(asked.stdout)
    # What the tag holds, and not what this checkout is.
    assert schema["version"] == VERSION
    committed = json.loads((ROOT / "schema.json").read_text())
    for name, resource in committed["resources"].items():
        assert schema["resources"][name]["inputProperties"].keys() == resource["inputProperties"].keys()
        assert schema["resources"][name]["properties"].keys() == resource["properties"].keys()


@pytest.mark.requires("pulumi")
def test_without_a_tag_it_is_the_newest(repository: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = repository
    asked = pulumi(environment, tmp_path, "package", "get-schema", address)
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert json.loads(asked.stdout)["version"] == VERSION


@pytest.mark.requires("pulumi")
def test_a_tag_that_there_is_not_is_said(repository: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = repository
    asked = pulumi(environment, tmp_path, "package", "get-schema", f"{address}@v7.8.10")
    assert asked.returncode != 0
    assert "7.8.10" in asked.stderr
