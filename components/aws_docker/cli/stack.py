"""Reads what a Pulumi stack put out, secrets included, and its state, through the `pulumi` command."""

import json
import subprocess
from pathlib import Path
from typing import Any

from .errors import CommandError


def stack_outputs(stack: str | None, directory: Path | None) -> dict[str, Any]:
    """The outputs of a stack by name; raises CommandError where `pulumi` is missing or refuses."""
    return _ask("output", "--json", "--show-secrets", stack=stack, directory=directory)


def stack_export(stack: str | None, directory: Path | None) -> dict[str, Any]:
    """A stack's state, its secrets encrypted; raises CommandError where `pulumi` is missing or refuses."""
    return _ask("export", stack=stack, directory=directory)


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
        raise CommandError(f"pulumi: {_reason(finished.stderr)}", _mend(finished.stderr))
    return json.loads(finished.stdout)


def _reason(stderr: str) -> str:
    """The line of an answer that says what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["no reason was given"])[0].rstrip(".;")


def _mend(stderr: str) -> str:
    if "passphrase" in stderr:
        return "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
    if "Pulumi.yaml" in stderr:
        return "run it in the project's folder, or name that with --cwd"
    return "name a stack of this project with --stack (`pulumi stack ls` lists them)"
