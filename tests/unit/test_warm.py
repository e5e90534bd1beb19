"""The lab's forks: what they run behaves as a process of its own, and ends with the one that asked for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.engine import warm
from tests.conftest import ROOT


@pytest.fixture(params=["forked", "afresh"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    own = warm.environment() if request.param == "forked" else {}
    return {**os.environ, **own, "OF_THE_TEST": "here"}


def run(program: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*warm.START, str(program), *arguments],
        cwd=program.parent,
        env=environment,
        input="asked",
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_program_has_its_own_surroundings(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "beside.py").write_text("said = 'beside'\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, beside\n"
        "print(sys.stdin.read(), beside.said, sys.argv[1:], os.getcwd(), os.environ['OF_THE_TEST'], __name__)\n"
        "print('to stderr', file=sys.stderr)\n"
    )
    done = run(program, environment, "one", "two")
    assert done.stdout == f"asked beside ['one', 'two'] {tmp_path} here __main__\n"
    assert done.stderr == "to stderr\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no such thing')", 1, "no such thing\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os._exit(3)", 3, ""),
    ],
)
def test_how_a_program_ended_is_passed_on(
    tmp_path: Path, environment: dict[str, str], text: str, code: int, said: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(text)
    done = run(program, environment)
    assert done.returncode == code
    assert said in done.stderr


def test_the_component_is_the_one_on_the_programs_path(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "aws_docker.py").write_text("said = 'another'\n")
    program = tmp_path / "program.py"
    program.write_text("import aws_docker; print(aws_docker.said)\n")
    assert run(program, environment).stdout == "another\n"


def test_a_fork_ends_with_the_one_that_asked(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import os, time; print(os.getpid()); time.sleep(60)")
    with subprocess.Popen(
        [*warm.START, str(program)], env={**os.environ, **warm.environment()}, stdout=subprocess.PIPE
    ) as asker:
        assert asker.stdout is not None
        fork = Path(f"/proc/{int(asker.stdout.readline())}")
        assert int(fork.name) != asker.pid
        asker.kill()
    until = time.monotonic() + 10
    while fork.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not fork.exists()


def test_the_forks_parent_ends_with_the_lab() -> None:
    lab = subprocess.run(
        [sys.executable, "-c", "from lab.engine import warm; print(warm.socket_path())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(lab.stdout.strip()).parent
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not folder.exists()
