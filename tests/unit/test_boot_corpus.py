"""Ordinary user-data, in the manner of what agents, cluster nodes, CI machines and servers run: judged right."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from aws_docker.boot import judge

FOLDER = Path(__file__).parent / "corpus"
ANSWERS = cast(dict[str, Any], yaml.safe_load((FOLDER / "answers.yaml").read_text()))
DOCUMENTS = {path.name: path.read_text() for path in sorted(FOLDER.iterdir()) if path.name != "answers.yaml"}
LOUD = 0.03
"""The share of documents without a listener of which something mandatory may be said."""


def test_every_document_has_its_answer() -> None:
    assert len(DOCUMENTS) >= 60
    assert set(DOCUMENTS) == set(ANSWERS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_judged_right(name: str) -> None:
    judged = judge(DOCUMENTS[name])
    answer = ANSWERS[name]
    assert [f"{each.listener} {each.listener.access.value}" for each in judged.listeners] == answer[
        "listeners"
    ]
    assert judged.runs_docker == answer["runs_docker"]
    assert bool(judged.unread) == answer["unread"], judged.unread
    assert judged.private_keys == ()


def test_ordinary_documents_are_left_in_peace() -> None:
    ordinary = [judge(text) for name, text in DOCUMENTS.items() if not ANSWERS[name]["listeners"]]
    loud = [judged for judged in ordinary if any(each.concerns_docker for each in judged.unread)]
    assert len(loud) / len(ordinary) <= LOUD


def test_a_document_without_docker_gets_one_sentence_at_most() -> None:
    text = "#!/bin/sh\ncurl https://example.com/a | sh\ncurl https://example.com/b | sh\n$TOOL install\n"
    (unread,) = judge(text).unread
    assert not unread.concerns_docker
    assert unread == "line 2: a script that is not in the user-data is run (and 2 more like it)"


@pytest.mark.parametrize("line", ["yum install -y docker", "# behind docker", "echo :2375"])
def test_in_a_document_with_docker_all_is_said(line: str) -> None:
    text = f"#!/bin/sh\ncurl https://example.com/a | sh\n. /opt/b\n{line}\n"
    unread = judge(text).unread
    assert len(unread) == 2
    assert all(each.concerns_docker for each in unread)


def test_what_cannot_be_decoded_may_be_anything() -> None:
    unread = judge("#!/bin/sh\necho '?!' | base64 -d | sh\n").unread
    assert [each.concerns_docker for each in unread] == [True, False]
