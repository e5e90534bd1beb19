"""The README's program, as it stands there."""

import re
from typing import Any

from tests.conftest import ROOT

from .conftest import Stack


def test_the_program_makes_a_host_and_a_provider_for_it(stack: Stack) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    made: dict[str, Any] = {}
    stack.run(lambda: exec(program, made))
    assert stack.resources["build"].type == "aws-docker:index:DockerHost"
    remote = stack.resources["remote"]
    assert remote.type == "pulumi:providers:docker"
    assert remote.inputs["host"] == "tcp://172.31.5.10:2376"
    assert {"keyMaterial"} <= remote.secrets
