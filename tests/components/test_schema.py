"""The component as other languages see it: its schema, compared with the committed schema.json.

A change of the schema is a change for users. After one that is meant, write the file anew:

    .venv/bin/python -m tests.components.test_schema
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.provider.experimental.component import ComponentProvider

import aws_docker
from aws_docker import DockerHost, DockerHostArgs

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "schema.json"


def provider() -> ComponentProvider:
    # The SDK's own, not documented: pinned in requirements.txt, and named here alone.
    return ComponentProvider([DockerHost], "aws-docker", None, aws_docker.__version__)


def current() -> dict[str, Any]:
    return json.loads(provider().schema or "{}")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@pytest.fixture(scope="module")
def resource() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())["resources"]["aws-docker:index:DockerHost"]


def test_the_schema_is_the_committed_one() -> None:
    assert current() == json.loads(GOLDEN.read_text()), __doc__


def test_every_argument_is_there_documented_and_optional(resource: dict[str, Any]) -> None:
    inputs = resource["inputProperties"]
    assert set(inputs) == {camel(name) for name in DockerHostArgs.__annotations__}
    assert resource.get("requiredInputs", []) == []
    for name, schema in inputs.items():
        assert schema["description"], name


def test_every_output_is_there_and_documented(resource: dict[str, Any]) -> None:
    outputs = resource["properties"]
    assert set(outputs) == {camel(name) for name in DockerHost.__annotations__}
    for name, schema in outputs.items():
        assert schema["description"], name
        # Lists and maps of objects do not cross the plugin boundary whole.
        assert schema["type"] in ("string", "object"), name


def test_closed_sets_are_enums() -> None:
    types = current()["types"]
    values = {token.rsplit(":", 1)[1]: {each["value"] for each in t["enum"]} for token, t in types.items()}
    assert values == {
        "OperatingSystem": {"amazon-linux-2023", "ubuntu-24.04", "debian-12", "debian-13"},
        "KeyAlgorithm": {"ecdsa-p256", "ecdsa-p384", "rsa-3072", "rsa-4096"},
        "KeyDelivery": {"parameter-store", "user-data"},
    }


def test_the_yaml_example_says_what_the_schema_knows(resource: dict[str, Any]) -> None:
    program = yaml.safe_load((ROOT / "examples" / "yaml" / "Pulumi.yaml").read_text())
    assert program["packages"] == {"aws-docker": "../.."}
    (host,) = program["resources"].values()
    assert host["type"] == "aws-docker:DockerHost"
    json_types = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    for name, value in host["properties"].items():
        schema = resource["inputProperties"][name]
        if "$ref" in schema:
            enum = current()["types"][schema["$ref"].removeprefix("#/types/")]["enum"]
            assert value in {each["value"] for each in enum}, name
        else:
            assert isinstance(value, json_types[schema["type"]]), name
    for name, value in program["outputs"].items():
        assert value == f"${{build.{name}}}"
        assert name in resource["properties"]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(current(), indent=2) + "\n")
