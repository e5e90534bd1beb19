"""docs/api.md is what docs/make_api.py makes of the code as it is, and leaves nothing out."""

import json
from typing import Any

import pytest

from docs import make_api
from tests.conftest import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "schema.json").read_text())
COMPONENTS = {token.rpartition(":")[2]: resource for token, resource in SCHEMA["resources"].items()}


def test_the_page_is_current() -> None:
    assert make_api.PAGE.read_text() == make_api.page(SCHEMA), make_api.__doc__


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_argument_has_a_row_and_a_wrong_value(component: str) -> None:
    page = make_api.PAGE.read_text()
    wrong = {name for args in make_api.REFUSED[component] for name in args}
    for name in map(make_api.snake, COMPONENTS[component]["inputProperties"]):
        assert f"\n| `{name}` | " in page
        assert name in wrong, f"no wrong value of {name} in make_api.REFUSED"


def test_a_component_that_takes_a_value_is_not_said_to_refuse_it() -> None:
    with pytest.raises(LookupError, match="does not refuse"):
        make_api.refusal("DockerHost", {"tags": {"team": "build"}})


def test_no_line_break_of_the_source_is_left_in_a_row() -> None:
    described = {"description": "Who may come in. Default: nobody.\n    At most ten.", "type": "string"}
    schema = {
        "resources": {
            "aws-docker:index:DockerHost": {
                "description": "A host.",
                "inputProperties": {"whoMay": described},
                "properties": {},
            }
        }
    }
    assert "| `who_may` | string | nobody | Who may come in. At most ten. |" in make_api.page(schema)
