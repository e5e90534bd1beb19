"""What the command says of itself: help with an example for each command, completion, and colours only where wanted."""

import os
import pty
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import typer

from aws_docker.cli.app import app

COMMAND = Path(sysconfig.get_path("scripts")) / "aws-docker"
GROUP: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", GROUP.commands)
def test_each_commands_help_has_an_example_of_it(name: str) -> None:
    paragraphs = [each.strip() for each in GROUP.commands[name].help.split("\n\n")]
    examples = [each for each in paragraphs if f"aws-docker {name}" in each]
    assert examples, f"{name} --help shows no example"
    shown = run(name, "--help").stdout
    assert f"aws-docker {name}" in shown
    for option in GROUP.commands[name].params:
        assert option.help, f"{name}: {option.name} has no help"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=True,
    )


COMPLETING = {
    "bash": {"COMP_WORDS": "aws-docker do", "COMP_CWORD": "1"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "aws-docker do"},
    "fish": {"_TYPER_COMPLETE_ARGS": "aws-docker do", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    "powershell": {"_TYPER_COMPLETE_ARGS": "aws-docker do", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "do"},
}


@pytest.mark.parametrize("shell", COMPLETING)
def test_a_shell_completes_commands(shell: str) -> None:
    offered = run(**COMPLETING[shell], _AWS_DOCKER_COMPLETE=f"complete_{shell}").stdout
    assert "doctor" in offered
    assert "verify" not in offered


def test_bash_takes_the_script_and_completes_options() -> None:
    script = run(_AWS_DOCKER_COMPLETE="source_bash").stdout
    words = "COMP_WORDS=(aws-docker audit --all); COMP_CWORD=2"
    asks = f"{words}; _aws_docker_completion aws-docker; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    path = f"{COMMAND.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asks}"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["--all-regions"]


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the command prints where it has a terminal."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "CI")}
    kept |= {"AWS_EC2_METADATA_DISABLED": "true", "TERM": "xterm-256color", "PATH": "/nonexistent"}
    with subprocess.Popen(
        [COMMAND, *arguments], env={**kept, **environment}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                if not (more := os.read(ours, 65536)):
                    break
            except OSError:  # the other end has closed
                break
            printed += more
        process.wait(60)
    os.close(ours)
    return printed.decode()


def coloured(text: str) -> bool:
    return any(f"\x1b[{bold}3{colour}m" in text for bold in ("", "1;") for colour in range(8))


def test_colours_stand_on_a_terminal_only_and_not_where_they_are_not_wanted() -> None:
    without_credentials = {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}
    assert coloured(on_a_terminal("doctor", **without_credentials))
    assert not coloured(on_a_terminal("doctor", NO_COLOR="1", **without_credentials))
    assert "\x1b" not in on_a_terminal("doctor", TERM="dumb", **without_credentials)
    assert "\x1b" not in run("--help").stdout
