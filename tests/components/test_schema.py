"""The component as other languages see it: its schema, compared with the committed schema.json.

A change of the schema is a change for users. After one that is meant, write the file anew:

    .venv/bin/python -m tests.components.test_schema
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import aws_docker
from aws_docker import DockerFleet, DockerFleetArgs, DockerHost, DockerHostArgs
from aws_docker.host.plugin import provider

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "schema.json"


def current() -> dict[str, Any]:
    return json.loads(provider(aws_docker.__version__).schema or "{}")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


COMPONENTS: list[tuple[type, type, set[str]]] = [
    (DockerHost, DockerHostArgs, set()),
    (DockerFleet, DockerFleetArgs, {"instance_types"}),
]


def resource(component: type) -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())["resources"][f"aws-docker:index:{component.__name__}"]


def test_the_schema_is_the_committed_one() -> None:
    assert current() == json.loads(GOLDEN.read_text()), __doc__


@pytest.mark.parametrize(("component", "arguments", "required"), COMPONENTS)
def test_every_argument_is_there_documented_and_optional(
    component: type, arguments: type, required: set[str]
) -> None:
    inputs = resource(component)["inputProperties"]
    assert set(inputs) == {camel(name) for name in arguments.__annotations__}
    assert set(resource(component).get("requiredInputs", [])) == {camel(name) for name in required}
    for name, schema in inputs.items():
        assert schema["description"], name
        assert "\n  " not in schema["description"], name


@pytest.mark.parametrize("component", [DockerHost, DockerFleet])
def test_every_output_is_there_and_documented(component: type) -> None:
    outputs = resource(component)["properties"]
    assert set(outputs) == {camel(name) for name in component.__annotations__}
    for name, schema in outputs.items():
        assert schema["description"], name
        # Lists and maps of objects do not cross the plugin boundary whole.
        assert schema["type"] in ("string", "object"), name


def test_a_fleet_takes_what_a_host_takes_but_for_what_is_one_machines() -> None:
    one_machines = {"instance_type", "subnet_id"}
    assert DockerHostArgs.__annotations__.keys() - DockerFleetArgs.__annotations__.keys() == one_machines
    assert DockerFleetArgs.__annotations__.keys() - DockerHostArgs.__annotations__.keys() == {
        "instance_types",
        "subnet_ids",
        "swarm_managers",
    }


def test_closed_sets_are_enums() -> None:
    types = current()["types"]
    values = {token.rsplit(":", 1)[1]: {each["value"] for each in t["enum"]} for token, t in types.items()}
    assert values == {
        "OperatingSystem": {"amazon-linux-2023", "ubuntu-24.04", "debian-12", "debian-13"},
        "KeyAlgorithm": {"ecdsa-p256", "ecdsa-p384", "rsa-3072", "rsa-4096"},
        "KeyDelivery": {"parameter-store", "user-data"},
    }


def test_the_yaml_example_says_what_the_schema_knows() -> None:
    program = yaml.safe_load((ROOT / "examples" / "yaml" / "Pulumi.yaml").read_text())
    assert program["packages"] == {"aws-docker": "../.."}
    (host,) = program["resources"].values()
    assert host["type"] == "aws-docker:DockerHost"
    json_types = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    for name, value in host["properties"].items():
        schema = resource(DockerHost)["inputProperties"][name]
        if "$ref" in schema:
            enum = current()["types"][schema["$ref"].removeprefix("#/types/")]["enum"]
            assert value in {each["value"] for each in enum}, name
        else:
            assert isinstance(value, json_types[schema["type"]]), name
    for name, value in program["outputs"].items():
        assert value == f"${{build.{name}}}"
        assert name in resource(DockerHost)["properties"]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(current(), indent=2) + "\n")
