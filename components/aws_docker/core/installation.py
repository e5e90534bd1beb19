"""Decides which line installs more of this package: from where this copy came. Never by a name in a public index that
others could own: whoever registered it would run code with the credentials of those who read our hint.
"""

import importlib.metadata
import json
from typing import Any

REPOSITORY = "https://github.com/<owner>/pulumi-aws-docker"


def install_line(extra: str) -> str:
    """The command that installs the package with an extra, from the place that this copy was installed from."""
    try:
        distribution = importlib.metadata.distribution("aws-docker")
        version, origin = distribution.version, distribution.read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        version, origin = "…", None
    return f"pip install 'aws-docker[{extra}] @ {_place(origin, version)}'"


def _place(origin: str | None, version: str) -> str:
    """The origin that an installer noted (PEP 610), else the repository at this version's tag."""
    noted: dict[str, Any] = json.loads(origin) if origin else {}
    if not (url := noted.get("url")):
        return f"git+{REPOSITORY}@v{version}"
    if control := noted.get("vcs_info"):
        return f"{control['vcs']}+{url}@{control.get('requested_revision') or control['commit_id']}"
    return url
