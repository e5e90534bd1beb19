"""Takes the pictures of the audit's page that the README shows, docs/audit-light.png and docs/audit-dark.png.

    .venv/bin/python -m docs.make_pictures

The hosts are those of tests/audit/test_html.py. Needs Chromium.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from aws_docker import __version__
from aws_docker.audit.html import to_html
from tests.audit.test_html import AT, THREE, audited
from tests.conftest import browser_path

_FOLDER = Path(__file__).parent
_SIZE = {"width": 1060, "height": 840}


def main() -> None:
    """Both pictures."""
    if (browser := browser_path()) is None:
        sys.exit("there is no Chromium: run lab/setup.sh")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder) / "report.html"
        report.write_text(to_html(audited(*THREE), __version__, AT))
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = running.new_page(viewport=_SIZE, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(report.as_uri())
            page.screenshot(path=_FOLDER / f"audit-{scheme}.png")
        running.close()


if __name__ == "__main__":
    main()
