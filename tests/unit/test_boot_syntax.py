"""Our reading of shell against shfmt's, on the corpus and on whatever hypothesis writes: commands and words agree."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_docker.boot import judge
from aws_docker.boot.shell.syntax import Block, Script, Simple, Word, parse
from tests.unit.test_boot_kinds import CASES
from tests.unit.test_boot_listeners import HARMLESS, SAFE, VIOLATIONS

SHFMT = shutil.which("shfmt", path=str(Path(sys.executable).parent)) or "shfmt"
SCRIPTS = [
    text
    for text in (*(row[1] for row in (*VIOLATIONS, *SAFE, *HARMLESS)), *(case.document for case in CASES))
    if text.startswith(("#!/bin/bash", "#!/bin/sh", "#!/bin/dash"))
]


def theirs(script: str) -> list[list[str]] | None:
    """The commands that shfmt reads, each as the texts of its words; None where it refuses."""
    script = script.replace("\r\n", "\n")  # as cloud-init does
    done = subprocess.run([SHFMT, "--to-json", "-ln", "bash"], input=script, capture_output=True, text=True)
    if done.returncode:
        return None
    source = script.encode()

    def text(node: dict[str, Any]) -> str:
        return source[node["Pos"]["Offset"] : node["End"]["Offset"]].decode()

    def commands(node: Any) -> Iterator[list[str]]:
        if isinstance(node, list):
            for each in node:
                yield from commands(each)
        elif isinstance(node, dict):
            kind = node.get("Type")
            if kind == "CallExpr":
                if node.get("Args"):
                    yield [text(word) for word in node["Args"]]
                return
            if kind == "DeclClause":
                words = [
                    text(each) for each in node.get("Args", []) if not each.get("Value") or each.get("Naked")
                ]
                yield [node["Variant"]["Value"], *(word for word in words if "=" not in word)]
                return
            if kind in ("TestClause", "ArithmCmd", "LetClause"):
                return
            for key, value in node.items():
                if key not in ("Redirs", "Word", "Loop", "Comments"):
                    yield from commands(value)

    return list(commands(json.loads(done.stdout)))


def ours(script: str) -> list[list[str]]:
    def words(word: Word) -> str:
        return "".join(part.text for part in word)

    def commands(script: Script) -> Iterator[list[str]]:
        for pipeline in script:
            for node in pipeline.nodes:
                if isinstance(node, Block):
                    for body in node.bodies:
                        yield from commands(body)
                elif isinstance(node, Simple) and node.words:
                    first = words(node.words[0])
                    if first not in ("[[", "((", "let"):
                        yield [words(word) for word in node.words]

    return list(commands(parse(script).script))


def same(one: str, other: str) -> bool:
    """A word as it is written, and as its parts make it: equal but for the marks of quoting and expansion."""

    def bare(text: str) -> str:
        return "".join(char for char in text if char not in "\\'\"$`(){}\n \t")

    return bare(one) == bare(other) or "$'" in one


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_commands_and_words_agree_on_the_corpus(script: str) -> None:
    read = theirs(script)
    if read is None:
        assert parse(script).unclosed
        return
    compare(read, ours(script))
    assert not parse(script).unclosed


def compare(theirs: list[list[str]], ours: list[list[str]]) -> None:
    assert len(ours) == len(theirs), (ours, theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine) == len(other), (mine, other)
        assert all(same(one, two) for one, two in zip(other, mine, strict=True)), (mine, other)


WORDS = st.sampled_from(
    ["a", "-x", "x=1", "'q q'", '"d $v"', "$v", "${v:-w}", '"${v%%/*}"', "$(c d)", '"$(c "e f")"', "`g h`", "$((1+2))",
     "\\;", "é", "a\\ b", "'\"'", '"\'"', "{a,b}", "$@", '"$@"', "[x]", "-H", "tcp://0.0.0.0:2375", "#no", "x#y"]
)  # fmt: skip
COMMANDS = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: " ".join(["run", *words]))
REDIRECTED = st.tuples(
    COMMANDS, st.sampled_from(["", " > f", " >> f 2>&1", " < f", " 2>/dev/null", " &> f"])
).map("".join)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, min_size=1, max_size=3).map("\n".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from([" && ", " || ", " | ", "; ", " &\n"]), inner).map("".join),
        lists.map(lambda body: f"{{\n{body}\n}}"),
        lists.map(lambda body: f"( {body}\n)"),
        st.tuples(inner, lists).map(lambda each: f"if {each[0]}\nthen\n{each[1]}\nfi"),
        st.tuples(inner, lists, lists).map(lambda each: f"if {each[0]}; then {each[1]}\nelse\n{each[2]}\nfi"),
        lists.map(lambda body: f"for i in a b; do\n{body}\ndone"),
        st.tuples(inner, lists).map(lambda each: f"while {each[0]}\ndo {each[1]}\ndone"),
        st.tuples(WORDS, lists).map(
            lambda each: f"case {each[0]} in\n a|b*) {each[1]}\n;;\n *) run x ;;\nesac"
        ),
        lists.map(lambda body: f"f() {{\n{body}\n}}"),
        st.tuples(COMMANDS, st.sampled_from(["x $v\n", "plain\n", "'\"`\n"])).map(
            lambda each: f"{each[0]} <<'END'\n{each[1]}END"
        ),
        inner.map(lambda body: f"! {body}"),
    )


@given(st.lists(st.recursive(REDIRECTED, compound, max_leaves=6), min_size=1, max_size=3).map("\n".join))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=80)
def test_commands_and_words_agree_on_any_script(script: str) -> None:
    read = theirs(script + "\n")
    if read is None:
        judge("#!/bin/bash\n" + script)  # whatever it is, it gets a judgement
        return
    compare(read, ours(script + "\n"))
    assert not parse(script + "\n").unclosed


@pytest.mark.parametrize(
    "cut", ["'", '"', "$(", "${", "if x; then", "case x in a) y", "while x; do", "f() {", "( x", "`x"]
)
def test_what_is_not_closed_is_known(cut: str) -> None:
    assert parse(f"run a\n{cut}").unclosed
    assert theirs(f"run a\n{cut}") is None
