"""Writes docs/api.md: arguments and outputs from schema.json, refusals from the component, commands from their help.

    .venv/bin/python -m docs.make_api

Nothing is said here that is not said there: a test compares the page with what this makes. What stands in one
row of a table stands in one docstring; only its indentation, which Pulumi leaves in the schema, goes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

import aws_docker
from aws_docker.cli.app import app

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"

# Wrong values, and what the component says of them: one an argument, at least, where it can refuse any.
REFUSED: dict[str, tuple[Mapping[str, Any], ...]] = {
    "DockerHost": (
        {"trusted_cidrs": ["10.0.5.10/24"]},
        {"trusted_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
        {"trusted_cidrs": ["169.254.0.0/16"]},
        {"trusted_prefix_list_ids": ["office"]},
        {"trusted_security_group_ids": ["sg-0a", "sg-0a"]},
        {"clients": ["alice", "alice"]},
        {"assign_public_ip": "yes"},
        {"additional_hostnames": ["10.0.5.10"]},
        {"vpc_id": "main"},
        {"subnet_id": "a"},
        {"os": "windows"},
        {"ami_id": "newest"},
        {"instance_type": "large"},
        {"root_volume_size": 4},
        {"data_volume_size": 0},
        {"kms_key_id": "alias/build"},
        {"key_algorithm": "rsa-2048"},
        {"ca_validity_days": 0},
        {"ca_generations": [2, 1]},
        {"certificate_validity_days": 4000},
        {"certificate_generation": 0},
        {"key_delivery": "mail"},
        {"daemon_options": {"hosts": ["tcp://0.0.0.0:2375"]}},
        {"daemon_options": {"tlsverify": False}},
        {"prune_images_after_days": 0},
        {"security_updates": "3 to 5"},
        {"security_updates": "03:00-03:05"},
        {"allow_all_egress": 1},
        {"session_manager_tunnel": True, "key_delivery": "user-data"},
        {"session_manager_tunnel": True, "os": "debian-13"},
        {"wait_until_ready": True},
        {"spot": "yes"},
        {"trusted_cidrs": ["10.0.5.0/24"], "published_ports": ["2000-3000"]},
        {"stop_when_idle_minutes": 0},
        {"tags": {"team": 7}},
        {"renew_before_days": 400},
        {"trusted_cidr": ["10.0.5.0/24"]},
    ),
}

_ONE_HOST = {"instance_types": {"a": "t3.medium"}}
REFUSED["DockerFleet"] = (
    {"instance_types": {}},
    {"instance_types": {"A": "t3.medium"}},
    {"instance_types": {"a": "medium"}},
    {**_ONE_HOST, "subnet_ids": ["a"]},
    {"instance_types": dict.fromkeys("ab", "t3.medium"), "swarm_managers": ["a", "b"]},
    {**_ONE_HOST, "subnet_id": "subnet-0a"},
    *(
        {**_ONE_HOST, **args}
        for args in REFUSED["DockerHost"]
        if not args.keys() & {"subnet_id", "instance_type"}
    ),
)

_KINDS = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}


def page(schema: Mapping[str, Any]) -> str:
    """The whole document."""
    return "\n".join([*_head(), *_components(schema), *_commands()]) + "\n"


def _head() -> Iterator[str]:
    yield "# The API"
    yield ""
    yield (
        "Made by `python -m docs.make_api` from the component's schema, what it answers to wrong values, and the"
        " commands' own help. Names are Python's; other languages write them in camel case"
        " (`trustedCidrs`)."
    )
    yield ""


def _components(schema: Mapping[str, Any]) -> Iterator[str]:
    for token, resource in schema["resources"].items():
        name = token.rpartition(":")[2]
        yield f"## {name}"
        yield ""
        yield prose(resource["description"])
        yield ""
        yield "### Arguments"
        yield ""
        yield "*Known*: the value must be known when the program runs, as it decides what exists; it can't be an"
        yield "Output of another resource. Others can."
        yield ""
        yield "| argument | type | default | |"
        yield "|---|---|---|---|"
        required = set(resource.get("requiredInputs", ()))
        for argument, each in resource["inputProperties"].items():
            default, text = _default(prose(each["description"]))
            default = "(required)" if argument in required else default
            yield _row(f"`{snake(argument)}`", _kind(each, schema), default, text)
        yield ""
        yield "### Outputs"
        yield ""
        yield "| output | type | |"
        yield "|---|---|---|"
        certain = set(resource.get("required", ()))
        for output, each in resource["properties"].items():
            kind = _kind({**each, "plain": False}, schema) + ("" if output in certain else ", or none")
            yield _row(f"`{snake(output)}`", kind, prose(each["description"]))
        yield ""
        yield from _refusals(name)


def _refusals(component: str) -> Iterator[str]:
    yield "### Refused"
    yield ""
    yield "Before any resource exists, in one line. An example of each kind, and the answer:"
    yield ""
    yield "| given | answer |"
    yield "|---|---|"
    for args in REFUSED[component]:
        given = ", ".join(f"{name}={json.dumps(value)}" for name, value in args.items())
        yield _row(f"`{given}`", f"`{refusal(component, args)}`")
    yield ""


def refusal(component: str, args: Mapping[str, Any]) -> str:
    """What the component answers to these arguments; raises LookupError where it takes them."""
    try:
        getattr(aws_docker, component)("build", args)
    except aws_docker.DockerHostError as error:
        return str(error)
    raise LookupError(f"{component} does not refuse {args}")


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield "## The command `aws-docker`"
    yield ""
    yield group.help
    yield ""
    yield "| | default | |"
    yield "|---|---|---|"
    for parameter in group.params:
        yield _row(*_parameter(parameter))
    yield ""
    for name, command in group.commands.items():
        what, *more = command.help.split("\n\n")
        yield f"### `aws-docker {name}`"
        yield ""
        yield what
        yield ""
        for paragraph in more:
            example = paragraph.startswith(("aws-docker ", "docker ", "eval "))
            yield from ("```sh", paragraph, "```") if example else (paragraph,)
            yield ""
        yield "| | default | |"
        yield "|---|---|---|"
        for parameter in command.params:
            yield _row(*_parameter(parameter))
        yield ""


def _parameter(parameter: Any) -> tuple[str, str, str]:
    argument = parameter.param_type_name == "argument"
    flag = getattr(parameter, "is_flag", False)
    names = [parameter.metavar or parameter.name.upper()] if argument else parameter.opts
    default = parameter.default
    if parameter.required:
        shown = "(required)"
    elif flag or default is None:
        shown = ""
    else:
        shown = f"`{default}`"
    more = " May be given several times." if parameter.multiple else ""
    return ", ".join(f"`{name}`" for name in names), shown, (parameter.help or "") + more


def snake(name: str) -> str:
    """A schema's name as Python writes it."""
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def prose(text: str) -> str:
    """A docstring without the breaks and the indentation of the source."""
    return " ".join(text.split())


def _default(text: str) -> tuple[str, str]:
    """A description's default, and the rest of it."""
    if not (found := re.search(r" ?Default: (.+?)\.(?= |$)", text)):
        return "none", text
    return found[1], (text[: found.start()] + text[found.end() :]).strip()


def _kind(each: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    shown = _type(each, schema)
    members = each.get("items") or each.get("additionalProperties") or {}
    if not each.get("plain"):
        return shown
    return f"{shown}, known" + (", its members not" if members and not members.get("plain") else "")


def _type(each: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if reference := each.get("$ref"):
        if reference.endswith("#/Any"):
            return "value"
        described = schema["types"][reference.removeprefix("#/types/")]
        return "one of " + ", ".join(f"`{value['value']}`" for value in described["enum"])
    if each["type"] == "array":
        return f"list of {_type(each['items'], schema)}s"
    if each["type"] == "object":
        return f"map of {_type(each['additionalProperties'], schema)}s"
    return _KINDS[each["type"]]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(json.loads((ROOT / "schema.json").read_text())))
