"""Writes a report as one page for people: each host drawn from a source to the port, and what stops it.

picture.py decides what is drawn, page.html.j2 how it is marked up. The page is whole by itself: style and script
stand in it, and its content security policy lets it load nothing and run nothing else, whatever a tag or a name holds.
"""

import base64
import datetime
import hashlib
from importlib import resources
from typing import Final

import jinja2

from ..findings import Report
from .picture import picture

_HERE: Final = resources.files(__name__)


def to_html(report: Report, version: str, at: datetime.datetime) -> str:
    """The report of an audit, or of a comparison with a stack, as a page."""
    style, script = (_HERE.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    # Values are text wherever they stand, and one that is missing is a mistake.
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(_HERE.joinpath("page.html.j2").read_text(encoding="utf-8"))
    allowed = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return page.render(
        picture=picture(report),
        command=report.command,
        version=version,
        at=at.astimezone(datetime.UTC),
        policy=policy,
        style=style,
        script=script,
    )


def _hash(text: str) -> str:
    """How a content security policy names an inline style or script (CSP level 3)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
