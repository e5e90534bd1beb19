"""Reads what a Pulumi stack put out, secrets included, and its state: through the `pulumi` command, or from what that
printed elsewhere.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from .errors import CommandError

_OUTPUT = ("output", "--json", "--show-secrets")


def stack_outputs(stack: str | None, directory: Path | None) -> dict[str, Any]:
    """The outputs of a stack by name; raises CommandError where `pulumi` is missing or refuses."""
    return _ask(*_OUTPUT, stack=stack, directory=directory)


def read_outputs(file: Path) -> dict[str, Any]:
    """The outputs that `pulumi stack output --json --show-secrets` printed into a file; `-` is standard input.

    Raises CommandError for anything else.
    """
    text = sys.stdin.read() if file == Path("-") else file.read_text(encoding="utf-8")
    hint = f"give it what `pulumi stack {' '.join(_OUTPUT)}` prints"
    try:
        outputs = json.loads(text)
    except ValueError:
        # No part of it is shown: it may be a key.
        raise CommandError(f"{_place(file)} holds no JSON", hint) from None
    if not isinstance(outputs, dict):
        raise CommandError(f"{_place(file)} holds no map of outputs", hint)
    return cast(dict[str, Any], outputs)


def outputs_of(stack: str | None, directory: Path | None, file: Path | None) -> dict[str, Any]:
    """The outputs in a file where one is named, else those of a stack; raises CommandError."""
    if file is None:
        return stack_outputs(stack, directory)
    if stack or directory:
        raise CommandError("--from reads a file, --stack and --cwd ask pulumi", "leave one out")
    return read_outputs(file)


def _place(file: Path) -> str:
    return "standard input" if file == Path("-") else str(file)


def stack_export(stack: str | None, directory: Path | None, *, secrets: bool = False) -> dict[str, Any]:
    """A stack's state, secrets encrypted or not; raises CommandError where `pulumi` is missing or refuses."""
    return _ask("export", *(["--show-secrets"] * secrets), stack=stack, directory=directory)


def _ask(*words: str, stack: str | None, directory: Path | None) -> dict[str, Any]:
    # Not interactive: a prompt for a passphrase would stand in the middle of the JSON.
    command = ["pulumi", "--non-interactive", "stack", *words]
    if stack:
        command += ["--stack", stack]
    if directory:
        command += ["--cwd", str(directory)]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CommandError(
            "the command `pulumi` is not on PATH", "install it: https://www.pulumi.com/docs/install/"
        ) from None
    if finished.returncode != 0:
        raise CommandError(f"pulumi: {_reason(finished.stderr)}", _hint(finished.stderr))
    return json.loads(finished.stdout)


def _reason(stderr: str) -> str:
    """The line of an answer that says what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["no reason was given"])[0].rstrip(".;")


def _hint(stderr: str) -> str:
    if "passphrase" in stderr:
        return "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
    if "Pulumi.yaml" in stderr:
        return "run it in the project's folder, or name that with --cwd"
    return "name a stack of this project with --stack (`pulumi stack ls` lists them)"
