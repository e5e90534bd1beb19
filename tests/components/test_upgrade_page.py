"""docs/upgrade.md: its program runs, and its commands and their options exist."""

import re
from typing import Any

import typer

from aws_docker.cli.app import app
from tests.conftest import ROOT

from .conftest import Stack

PAGE = (ROOT / "docs" / "upgrade.md").read_text()


def test_the_program_makes_a_host(stack: Stack) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    stack.run(lambda: exec(program, {}))
    assert stack.resources["build"].type == "aws-docker:index:DockerHost"
    assert stack.resources["build-data"].inputs["size"] == 100


def test_our_commands_are_there_with_these_options() -> None:
    group: Any = typer.main.get_command(app)
    shown = re.findall(
        r"aws-docker ([a-z]+)((?: --[a-z-]+(?: [^\s#\")]+)?| [^-\s#\")]+)*)",
        "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.S)),
    )
    assert {name for name, _ in shown} == {"audit", "probe", "env", "doctor", "verify"}
    for name, rest in shown:
        options = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, name
