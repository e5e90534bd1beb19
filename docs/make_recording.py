"""Records a run of `make demo` as the README shows it: docs/demo-light.svg and docs/demo-dark.svg.

    .venv/bin/python -m docs.make_recording

What is shown is what the run printed, whole. It is not written where the run did not end as intended.
"""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

_FOLDER: Final = Path(__file__).parent
_COLUMNS: Final = 118
THEMES: Final = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
# A picture asks nobody for its letters.
_FORMAT: Final = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def run() -> str:
    """What a run of the demo prints on a terminal of this width, with its colours."""
    terminal = {
        "FORCE_COLOR": "1",
        "TTY_INTERACTIVE": "0",
        "COLUMNS": str(_COLUMNS),
        "TERM": "xterm-256color",
    }
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        env={**os.environ, **terminal},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the demo did not end as intended, so that it is not shown:\n{done.stdout}")
    return done.stdout


def drawn(printed: str, theme: TerminalTheme) -> str:
    """The same as SVG."""
    console = Console(record=True, width=_COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(printed.strip("\n")))
    return console.export_svg(title="make demo", theme=theme, code_format=_FORMAT, unique_id="demo")


def main() -> None:
    """Both pictures of one run."""
    printed = run()
    for name, theme in THEMES.items():
        (_FOLDER / f"demo-{name}.svg").write_text(drawn(printed, theme))


if __name__ == "__main__":
    main()
