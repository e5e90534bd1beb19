"""A language host that is not the lab's: it chooses each program's interpreter as Pulumi's own does.

Pulumi's sdk/python has the rules, in cmd/pulumi-language-python/main.go (parseOptions: a component plugin's virtual
environment is `venv` where nothing else is said, a policy pack has none) and toolchain/pip.go (Command, CommandPath).
"""

import os
import shutil
from pathlib import Path
from typing import Any

from lab.engine.language_host import LanguageHost, main


class PulumisLanguageHost(LanguageHost):
    def python(self, info: Any, kind: str = "") -> str:
        with Path(os.environ["SEEN_BY_LANGUAGE_HOST"]).open("a") as seen:
            seen.write(f"{kind or 'program'}\n")
        environment = dict(info.options).get("virtualenv") or ("venv" if kind == "resource" else "")
        if environment:
            return str(Path(info.root_directory) / environment / "bin/python")
        return shutil.which("python3") or shutil.which("python") or "python3"


if __name__ == "__main__":
    main(PulumisLanguageHost())
