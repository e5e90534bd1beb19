"""The worlds that a script makes are those that a real shell comes to, under every outcome of what only it knows."""

# ruff: noqa: E501 - a row of a table is a line

import itertools
import json
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_docker.boot import judge
from aws_docker.boot.following import Following
from aws_docker.boot.formats.documents import read

# --- What a real shell does ---

STUBS = """
dockerd() { printf '%s\\0' "dockerd $*" >> "$LOG"; }
"""


def really(script: str, asked: int, folder: Path) -> set[str]:
    """What a script starts, over all outcomes of the commands c0 … that it asks."""
    seen: set[str] = set()
    for outcomes in itertools.product("01", repeat=asked):
        log = folder / "log"
        log.write_text("")
        asks = "".join(f"c{number}() {{ return {outcome}; }}\n" for number, outcome in enumerate(outcomes))
        subprocess.run(
            ["sh", "-c", f"cd {folder}; rm -f f1 f2\n{asks}{STUBS}{script}"],
            env={"LOG": str(log), "PATH": "/usr/bin:/bin"},
            timeout=10,
            check=False,
        )
        seen |= set(log.read_text().split("\0"))
    return seen - {""}


def judged(script: str) -> set[str]:
    """What the judge follows the same script to."""
    following = Following()
    started: set[str] = set()
    following.daemon = lambda world, argv, where: started.add(" ".join(argv))  # type: ignore[method-assign]
    following.follow(read(script))
    assert not following.machine.unread
    return started


# --- Scripts ---

NAMES = st.sampled_from(["a", "b"])
WORDS = st.sampled_from(["x", "y", "$a", '"$b"', "${a:-z}", "${b}w", "$(cat f1)", '"$1"', "${#a}"])
TESTS = st.sampled_from(
    [
        '[ "$a" = x ]',
        '[ -z "$b" ]',
        '[ -n "$a" ] && [ "$b" != y ]',
        "! [ -f f1 ]",
        "grep -q x f2",
        "true",
        "false",
        "[ $# -gt 1 ]",
        'case "$b" in x*) true ;; *) false ;; esac',
    ]
)


class Asks:
    """Numbers the commands that a script asks: each is asked once."""

    def __init__(self) -> None:
        self.count = 0

    def one(self) -> str:
        self.count += 1
        return f"c{self.count - 1}"


@st.composite
def statements(draw: st.DrawFn, asks: Asks, depth: int, *, loops: bool = True) -> str:
    kinds = ["assign", "write", "append", "start"]
    if depth:
        kinds += ["if", "if", "else", "case", "function", "group", "subshell"] + (
            ["for", "call"] if loops else []
        )
    kind = draw(st.sampled_from(kinds))

    def inner(count: int = 2, *, again: bool = False) -> str:
        return "\n".join(
            draw(statements(asks, depth - 1, loops=loops and not again))
            for _ in range(draw(st.integers(1, count)))
        )

    def condition() -> str:
        # In what may run twice, a question would have two answers.
        if asks.count < 4 and loops and draw(st.booleans()):
            return draw(st.sampled_from(["{}", "! {}", '{} && [ -n "$a" ]', '{} || [ "$b" = x ]'])).format(
                asks.one()
            )
        return draw(TESTS)

    match kind:
        case "assign":
            return f"{draw(NAMES)}={draw(WORDS)}"
        case "write":
            return f"echo {draw(WORDS)} > {draw(st.sampled_from(['f1', 'f2']))}"
        case "append":
            return f"echo {draw(WORDS)} >> {draw(st.sampled_from(['f1', 'f2']))}"
        case "start":
            return f"dockerd {draw(WORDS)} {draw(WORDS)} $(cat f2)"
        case "if":
            return f"if {condition()}; then\n{inner()}\nfi"
        case "else":
            return f"if {condition()}; then\n{inner()}\nelse\n{inner()}\nfi"
        case "case":
            return f"case {draw(WORDS)} in\nx|y) {inner(1)} ;;\nz*) {inner(1)} ;;\n*) {inner(1)} ;;\nesac"
        case "for":
            return f"for a in p q $b; do\n{inner(2, again=True)}\ndone"
        case "function" | "call":
            return f"f() {{\n{inner(2)}\n}}\nf {draw(WORDS)} {draw(WORDS)}"
        case "group":
            return f"{condition()} && {{\n{inner()}\n}}"
        case _:
            return f"( {inner()} )"


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, int]:
    asks = Asks()
    lines = ["a=x", "b=", "echo x > f1", "echo > f2"]
    lines += [draw(statements(asks, 2)) for _ in range(draw(st.integers(1, 5)))]
    lines.append('dockerd "$a" "$b" end')
    return "\n".join(lines) + "\n", asks.count


@given(scripts())
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    max_examples=60,
)
def test_the_worlds_are_those_of_a_real_shell(tmp_path: Path, generated: tuple[str, int]) -> None:
    script, asked = generated
    assert judged("#!/bin/sh\n" + script) == really(script, asked, tmp_path)


# --- The bounds ---


def nested(depth: int, body: str) -> str:
    return "\n".join(f"if ask{number}; then" for number in range(depth)) + f"\n{body}\n" + "fi\n" * depth


def test_a_listener_is_found_behind_any_number_of_questions() -> None:
    found = judge("#!/bin/sh\n" + nested(25, "dockerd -H tcp://0.0.0.0:2375"))
    assert [str(each.listener) for each in found.listeners] == ["tcp://0.0.0.0:2375"]


@pytest.mark.parametrize("count", [3, 10, 60])
def test_questions_that_change_nothing_for_docker_cost_nothing(count: int) -> None:
    lines = [
        f"if ask{n}; then s{n}=up; echo up >> /var/log/x; else s{n}=down; echo down >> /etc/x; fi"
        for n in range(count)
    ]
    lines += [f'echo "state {n} is $s{n}"' for n in range(count)]
    lines.append("dockerd -H tcp://0.0.0.0:2375")
    found = judge("#!/bin/sh\n" + "\n".join(lines))
    assert [each.where for each in found.listeners] == [f"line {2 * count + 2}"]
    assert found.unread == ()


def test_past_the_bound_each_value_is_still_tried_and_it_is_said() -> None:
    lines = [f"if ask{n}; then o{n}='-H tcp://0.0.0.0:{3000 + n}'; else o{n}=; fi" for n in range(8)]
    lines.append("dockerd -H fd:// " + " ".join(f"$o{n}" for n in range(8)))
    found = judge("#!/bin/sh\n" + "\n".join(lines))
    assert {each.listener.port for each in found.listeners} == set(range(3000, 3008))
    assert any("can be followed" in each for each in found.unread)


@pytest.mark.parametrize("how", ["unit", "python", "sh -c", "later"])
def test_the_bound_holds_wherever_a_script_runs(how: str) -> None:
    lines = "; ".join(f"if ask{n}; then o{n}=a{n}; else o{n}=b; fi" for n in range(24))
    script = f"{lines}; dockerd -H tcp://0.0.0.0:2375 " + " ".join(f"$o{n}" for n in range(24))
    documents = {
        "unit": "#cloud-config\n"
        + json.dumps(
            {
                "write_files": [
                    {
                        "path": "/etc/systemd/system/x.service",
                        "content": f"[Service]\nExecStart=/bin/sh -c '{script}'".replace("$", "$$"),
                    }
                ]
            }
        ),
        "python": f"#!/usr/bin/python3\nimport os\nos.system({script!r})\n",
        "sh -c": f"#!/bin/sh\nsh -c '{script}'\n",
        "later": "#cloud-config\n"
        + json.dumps({"write_files": [{"path": "/etc/rc.local", "content": f"#!/bin/sh\n{script}\n"}]}),
    }
    started = time.process_time()
    assert judge(documents[how]).unsafe
    assert time.process_time() - started < 2


def test_past_the_bound_nothing_is_said_of_what_does_not_concern_docker() -> None:
    lines = [f"if ask{n}; then o{n}=a; else o{n}=b; fi" for n in range(8)]
    lines.append("start-web " + " ".join(f"$o{n}" for n in range(8)))
    assert judge("#!/bin/sh\n" + "\n".join(lines)).unread == ()


# --- What a finding takes for granted ---

CONDITIONS = [
    ("it fails", "if [ -d /srv/pki ]; then :; else dockerd -H tcp://0.0.0.0:2375; fi", "where -d /srv/pki fails"),
    ("it holds", '[ "$MODE" = lab ] && dockerd -H tcp://0.0.0.0:2375', "where $MODE = lab holds"),
    ("a command", "if grep -q lab /etc/site; then dockerd -H tcp://0.0.0.0:2375; fi", "where grep -q lab /etc/site succeeds"),
    ("a command that fails", "systemctl start docker || dockerd -H tcp://0.0.0.0:2375", "where systemctl start docker fails"),
    ("an arm", "case $MODE in lab) dockerd -H tcp://0.0.0.0:2375 ;; esac", "where $MODE is lab holds"),
    ("two", "if a; then if b; then dockerd -H tcp://0.0.0.0:2375; fi; fi", "where a succeeds and b succeeds"),
    ("either way", "if a; then x=1; else x=2; fi; dockerd -H tcp://0.0.0.0:2375", ""),
    ("known", "x=1; if [ $x = 1 ]; then dockerd -H tcp://0.0.0.0:2375; fi", ""),
]  # fmt: skip


@pytest.mark.parametrize(("script", "condition"), [pytest.param(*row[1:], id=row[0]) for row in CONDITIONS])
def test_a_finding_names_what_it_takes_for_granted(script: str, condition: str) -> None:
    (found,) = judge("#!/bin/bash\n" + script).listeners
    assert found.where == "line 2" + (f", {condition}" if condition else "")
