"""Which shell asks, and how variables are set and unset in each.

The shell that asks is the nearest one that started this program, whatever $SHELL says: that is the login shell. Where
none is found, nobody guesses. Text for one shell is an error in every other that does not understand it, never a
silent nothing; tests/unit/test_cli_shells.py runs what it can.
"""

import os
import shlex
from collections.abc import Mapping
from enum import StrEnum

import shellingham  # pyright: ignore[reportMissingTypeStubs]

from .errors import CommandError


class ShellName(StrEnum):
    """The shells that `env` writes for."""

    sh = "sh"
    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"
    cmd = "cmd"


# Other names of the same syntax.
_ALIKE = {"dash": ShellName.sh, "ash": ShellName.sh, "ksh": ShellName.sh, "pwsh": ShellName.powershell}


def asking_shell() -> ShellName:
    """The shell that this program was started from; raises CommandError where none is found, or one not known here."""
    login_shell = os.environ.pop("SHELL", None)  # which shellingham would take for that of a login
    try:
        name = str(shellingham.detect_shell()[0])  # pyright: ignore[reportUnknownMemberType]
    except (shellingham.ShellDetectionFailure, RuntimeError):
        raise CommandError(
            "no shell started this command", f"name one: --shell {'|'.join(ShellName)}"
        ) from None
    finally:
        if login_shell is not None:
            os.environ["SHELL"] = login_shell
    try:
        return _ALIKE.get(name) or ShellName(name)
    except ValueError:
        raise CommandError(
            f"the shell {name} is not known here", f"name one that reads alike: --shell {'|'.join(ShellName)}"
        ) from None


def render_environment(variables: Mapping[str, str | None], shell: ShellName) -> str:
    """Commands that set these variables in a shell, or unset those without a value.

    Raises CommandError for a value that the shell cannot be given.
    """
    text = "".join(_assignment(name, value, shell) + "\n" for name, value in variables.items())
    match shell:
        case ShellName.cmd:
            # PowerShell would take `SET "A=b"` for a variable of its own, and say nothing; REM it does not know.
            return f"REM for cmd alone\n{text}"
        case ShellName.fish:
            # zsh would take `set --global` for options of its own, and say nothing; a block it does not parse.
            return f"begin;\n{text}end;\n"
        case _:
            return text


def render_failure(shell: ShellName | None) -> str:
    """What fails in the shell: `eval` of nothing would be a success, after which docker asks the daemon from before."""
    return "throw 'aws-docker env failed'\n" if shell is ShellName.powershell else "false\n"


def how_to_apply(shell: ShellName) -> str:
    """What its user writes to have the variables set."""
    match shell:
        case ShellName.fish:
            return "aws-docker env ... | source"
        case ShellName.powershell:
            return "aws-docker env ... | Out-String | Invoke-Expression"
        case ShellName.cmd:
            return """FOR /f "tokens=*" %i IN ('aws-docker env ...') DO @%i"""
        case _:
            return 'eval "$(aws-docker env ...)"'


def _assignment(name: str, value: str | None, shell: ShellName) -> str:
    match shell:
        case ShellName.fish:
            if value is None:
                return f"set --erase {name};"
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set --global --export {name} '{escaped}';"
        case ShellName.powershell:
            if value is None:
                return f"Remove-Item -ErrorAction Ignore Env:{name}"
            escaped = value.replace("'", "''")
            return f"$Env:{name} = '{escaped}'"
        case ShellName.cmd:
            # In quotes, nothing but a quote is special where FOR hands a line on.
            if value is not None and (set(value) & set('"\r\n')):
                raise CommandError(f"cmd cannot take {name}'s value {value!r}", "use PowerShell")
            return f'SET "{name}={value or ""}"'
        case _:
            return f"unset {name};" if value is None else f"export {name}={shlex.quote(value)};"
