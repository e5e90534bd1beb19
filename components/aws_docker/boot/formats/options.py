"""daemon.json as far as a piece of text sets its options, where it is no JSON, or not yet. Pure."""

import json
import re
from typing import Any, cast


def overlaid(text: str, added: str) -> dict[str, Any]:
    """daemon.json with the options that a piece of JSON sets, whole or not."""
    try:
        found: Any = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = {}
    options = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    hosts = re.findall(r"(?:tcp|unix|fd)://[^\s\"',\]]{0,200}", added)
    if hosts:
        options["hosts"] = hosts
    for name, value in re.findall(
        r"\"?(tls\w{0,10})\"?\s{0,9}[:=]\s{0,9}(true|false|\"[^\"]{0,200}\")", added
    ):
        options[name] = json.loads(value)
    return options
