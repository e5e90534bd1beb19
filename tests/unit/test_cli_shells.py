"""Which shell asked, and that each reads back what was written for it, and fails on what was written for another."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_docker.cli.errors import CommandError
from aws_docker.cli.shells import ShellName, render_environment, render_failure

ASK = "from aws_docker.cli.shells import asking_shell; print(asking_shell())"


def asked(*command: str, login_shell: str, argv0: str | None = None) -> str:
    """What is taken for the asking shell by a program that this command starts."""
    done = subprocess.run(
        [argv0, *command[1:]] if argv0 else command,
        executable=command[0],
        env={**os.environ, "SHELL": login_shell},
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout or done.stderr.splitlines()[-1]).strip()


# A command after it, or a shell becomes its last command.
PYTHON = f"{shlex.quote(sys.executable)} -c {shlex.quote(ASK)}; true"


@pytest.mark.parametrize(
    ("command", "shell"),
    [
        (("/bin/bash", "-c", PYTHON), "bash"),
        (("/bin/bash", "-c", f'echo "$({PYTHON})"'), "bash"),
        (("/bin/sh", "-c", PYTHON), "sh"),
        # The nearest counts, through programs that are none: uv run, poetry run, env.
        (("/bin/bash", "-c", f"/bin/sh -c {shlex.quote(PYTHON)}; true"), "sh"),
        (("/bin/bash", "-c", f"env timeout 60 {PYTHON}"), "bash"),
    ],
    ids=["bash", "in a substitution", "sh", "sh in bash", "behind other programs"],
)
@pytest.mark.parametrize("login_shell", ["/usr/bin/fish", "/bin/zsh", ""])
def test_the_asking_shell_is_the_one_that_started_the_command(
    command: tuple[str, ...], shell: str, login_shell: str
) -> None:
    assert asked(*command, login_shell=login_shell) == shell


def test_a_login_shell_is_told_by_itself(tmp_path: Path) -> None:
    # A login shell's name starts with a dash.
    assert asked("/bin/bash", "-c", PYTHON, login_shell="/usr/bin/fish", argv0="-bash") == "bash"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fish", "fish"), ("zsh", "zsh"), ("pwsh", "powershell"), ("dash", "sh"), ("ksh", "sh")],
)
def test_other_shells_are_known_by_name(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).symlink_to("/bin/bash")
    assert asked(str(tmp_path / name), "-c", PYTHON, login_shell="/bin/bash") == expected


def test_a_shell_of_another_syntax_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "tcsh").symlink_to("/bin/bash")
    said = asked(str(tmp_path / "tcsh"), "-c", PYTHON, login_shell="/bin/bash")
    assert "the shell tcsh is not known here; name one that reads alike: --shell sh|bash|zsh|fish|" in said


AWKWARD = 'it\'s "a" $HOME `id` \\ ; & folder\nwith two lines'


@pytest.mark.parametrize("shell", [ShellName.sh, ShellName.bash])
def test_a_shell_reads_back_what_was_written(shell: ShellName) -> None:
    setting = render_environment({"DOCKER_CERT_PATH": AWKWARD}, shell)
    unsetting = render_environment({"DOCKER_CERT_PATH": None}, shell)
    for script, expected in ((setting, AWKWARD), (setting + unsetting, "")):
        printed = subprocess.run(
            [shell.value, "-c", script + "printenv DOCKER_CERT_PATH"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert printed.stderr == ""
        assert printed.stdout.removesuffix("\n") == expected


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_quotes_of_fish_and_powershell_close_only_at_the_end(value: str) -> None:
    # fish: inside single quotes only \' and \\ are escapes. PowerShell: only '' is one.
    fish = render_environment({"X": value}, ShellName.fish)
    inner = fish.removeprefix("begin;\nset --global --export X '").removesuffix("';\nend;\n")
    assert re.fullmatch(r"(?:[^'\\]|\\['\\])*", inner)
    assert re.sub(r"\\(['\\])", r"\1", inner) == value

    powershell = render_environment({"X": value}, ShellName.powershell)
    inner = powershell.removeprefix("$Env:X = '").removesuffix("'\n")
    assert re.fullmatch(r"(?:[^']|'')*", inner)
    assert inner.replace("''", "'") == value


@pytest.mark.parametrize("shell", [ShellName.fish, ShellName.powershell, ShellName.cmd])
@pytest.mark.parametrize("reader", ["sh", "bash"])
def test_another_shells_text_is_an_error(shell: ShellName, reader: str) -> None:
    for variables in ({"DOCKER_HOST": "tcp://10.0.5.10:2376"}, {"DOCKER_HOST": None}):
        done = subprocess.run(
            [reader, "-c", 'eval "$1"', reader, render_environment(variables, shell)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert done.stderr


def test_zsh_does_not_take_fishs_text_in_silence() -> None:
    # There `set --global --export A b` sets options, without a word (zsh 5.9); a block it does not parse.
    for value in ("x", None):
        lines = render_environment({"DOCKER_HOST": value}, ShellName.fish).splitlines()
        assert (lines[0], lines[-1]) == ("begin;", "end;")


def test_powershell_does_not_take_cmds_text_in_silence() -> None:
    # There `SET "A=b"` sets a variable of its own, without a word; REM is no command.
    assert render_environment({"DOCKER_HOST": "x"}, ShellName.cmd).splitlines()[0].startswith("REM ")


def test_cmd_gets_one_quoted_assignment_a_line() -> None:
    text = render_environment({"A": r"C:\a & b\100% (x)^", "B": None}, ShellName.cmd)
    assert text.splitlines()[1:] == [r'SET "A=C:\a & b\100% (x)^"', 'SET "B="']


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\rb"])
def test_cmd_is_not_given_what_would_end_the_assignment(value: str) -> None:
    with pytest.raises(CommandError, match="cmd cannot take A's value"):
        render_environment({"A": value}, ShellName.cmd)


@pytest.mark.parametrize("reader", ["sh", "bash"])
@pytest.mark.parametrize("shell", [None, ShellName.sh, ShellName.fish])
def test_a_failure_stops_a_script(reader: str, shell: ShellName | None) -> None:
    script = f"set -e; eval '{render_failure(shell)}'; echo the old daemon"
    done = subprocess.run([reader, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
