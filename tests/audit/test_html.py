"""The audit's page: what it draws, that names are text; in a browser: that it filters, reads well, asks nobody."""

import datetime
import html.parser
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from aws_docker.audit.exposures import judge_region
from aws_docker.audit.facts import RegionFacts
from aws_docker.audit.findings import Unchecked, ranked
from aws_docker.audit.html import to_html
from aws_docker.audit.intent import Intent
from aws_docker.audit.report import to_json
from aws_docker.audit.results import AuditReport, Compared, VerifyReport
from aws_docker.audit.wording import audit_findings
from aws_docker.cli import main
from aws_docker.core.addresses import AddressSet
from lab.engine.cloud import Cloud
from tests.conftest import browser_path

from .regions import ALLOW_ALL, HOST, entry, region, route, rule

AT = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)
OPEN = b"#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n"


def audited(*regions: RegionFacts, unchecked: tuple[Unchecked, ...] = ()) -> AuditReport:
    trusted = AddressSet.of(["10.0.0.0/8"])
    judged = [judge_region(facts, trusted) for facts in regions]
    return AuditReport(
        [exposure for each in judged for exposure in each.exposures],
        ranked(finding for each in judged for finding in audit_findings(each)),
        [*(each for one in judged for each in one.unchecked), *unchecked],
        [("1", "eu-central-1")],
        trusted,
    )


def host(name: str, number: int, **more: Any) -> RegionFacts:
    """A region of one host with this name."""
    interface = replace(HOST, id=f"eni-{number}", instance=f"i-{number}", **more.pop("interface", {}))
    facts = region(more.pop("rules", ()), host=interface, **more)
    return replace(
        facts, instances=tuple(replace(each, id=f"i-{number}", name=name) for each in facts.instances)
    )


INTERNET = [route("0.0.0.0/0", "igw-1"), route("::/0", "igw-1")]
THREE = (
    host("legacy-build", 1, rules=[rule("0.0.0.0/0", 2000, 3000)], routes=INTERNET, user_data=OPEN),
    host(
        "team-build",
        2,
        rules=[rule("10.0.5.0/24")],
        routes=[*INTERNET, route("10.0.5.0/24", "vgw-1"), route("10.9.0.0/16", "tgw-1")],
        entries=[entry(90, "10.9.0.0/16", allow=False), *ALLOW_ALL],
    ),
    host("batch", 3, interface={"public": (), "ipv6": ()}),
)


class Text(html.parser.HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))


# --- What is drawn --------------------------------------------------------------------------------------------------


def lanes(page: str) -> list[str]:
    return [
        str(attributes["aria-label"])
        for tag, attributes in Text(page).elements
        if attributes.get("class") == "nodes"
    ]


def test_each_way_in_is_drawn_and_what_stops_the_others() -> None:
    drawn = lanes(to_html(audited(*THREE), "0.1.0", AT))
    assert drawn[:2] == ["the internet reaches TCP 2375", "this subnet reaches TCP 2375, and is trusted"]
    assert "behind a VPN reaches TCP 2376, and is trusted" in drawn
    assert "the internet does not reach TCP 2376: no rule of a security group names them" in drawn
    assert (
        "behind a transit gateway does not reach TCP 2376: the network ACL lets nobody in, or no answer out"
        in drawn
    )
    assert "the internet does not reach TCP 2376: the interface has no public address" in to_html(
        audited(*THREE), "0.1.0", AT
    )


def test_every_step_of_a_finding_stands_in_the_page() -> None:
    report = audited(*THREE)
    texts = " ".join(Text(to_html(report, "0.1.0", AT)).texts)
    for finding in json.loads(to_json(report))["findings"]:
        assert finding["message"] in texts
        for step in (step for path in finding["paths"] for step in path):
            assert step["id"] in texts, step
        for closing in finding["close"]:
            assert closing["hint"] in texts


def test_the_worst_comes_first_and_whom_nobody_reaches_last() -> None:
    page = to_html(audited(*reversed(THREE)), "0.1.0", AT)
    assert (
        page.index("legacy-build")
        < page.index("team-build")
        < page.index("Reached by nobody")
        < page.index("batch")
    )


def test_a_stacks_host_is_drawn_beside_what_is_intended_for_it() -> None:
    facts = host("build", 1, rules=[rule("0.0.0.0/0")], routes=INTERNET)
    judged = judge_region(facts, AddressSet.of(["10.0.5.0/24"]))
    intent = Intent("build", "i-1", "1", "eu-central-1", "198.51.100.10", True, ())
    compared = Compared(intent, AddressSet.of(["10.0.5.0/24"]), judged.exposures, None, ())
    page = to_html(VerifyReport([compared], ranked(audit_findings(judged)), []), "0.1.0", AT)
    assert "build intends 10.0.5.0/24" in page
    assert "the internet reaches TCP 2376" in lanes(page)
    assert not [lane for lane in lanes(page) if lane == "the internet reaches TCP 2376, and is trusted"]


def test_what_could_not_be_checked_is_said_at_the_top() -> None:
    page = to_html(audited(unchecked=(Unchecked("arn:x", "AWS refuses it."),)), "0.1.0", AT)
    texts = Text(page).texts
    assert "This is not the whole answer: what could not be checked stands at the end." in texts
    assert "AWS refuses it." in texts
    assert "This is not the whole answer" not in to_html(audited(), "0.1.0", AT)


NAMES = [
    "<script>document.title = 'owned'</script>",
    '"><img src="http://127.0.0.1:1/x" onerror="document.title=1">',
    "</style><b>bold</b>",
    "{{ 7 * 7 }}",
    "' onmouseover='document.title=1",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text(name: str) -> None:
    plain = Text(to_html(audited(host("build", 1, user_data=OPEN)), "0.1.0", AT))
    page = Text(to_html(audited(host(name, 1, user_data=OPEN)), "0.1.0", AT))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert any(" ".join(name.split()) in text for text in page.texts)


def test_the_command_writes_it_beside_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Cloud() as cloud:
        image = cloud.client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"]
        named = [
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "<script>alert(1)</script>"}]}
        ]
        cloud.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=named)
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        file = tmp_path / "report.html"
        monkeypatch.setattr("sys.argv", ["aws-docker", "audit", "--json", "--html", str(file)])
        with pytest.raises(SystemExit) as end:
            main()
    document = json.loads(capsys.readouterr().out)
    assert end.value.code == document["exit_status"]
    page = Text(file.read_text())
    assert "<script>alert(1)</script>" in page.texts
    assert [tag for tag, _ in page.elements].count("script") == 1
    for interface in document["interfaces"]:
        assert any(interface["interface"] in text for text in page.texts)


# --- In a browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(requires: Any) -> Iterator[Browser]:
    requires("chromium")
    with sync_playwright() as playwright:
        # Its own sandbox does not work for root; what it shows is ours.
        running = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of three hosts, as a file on disk, in a browser without a network."""
    (tmp_path / "report.html").write_text(to_html(audited(*THREE), "0.1.0", AT))
    with browser.new_context(offline=True, color_scheme="light") as context:
        page = context.new_page()
        errors: list[object] = []
        page.on("pageerror", lambda error: errors.append(error))
        page.on("console", lambda message: errors.append(message.text))
        page.goto((tmp_path / "report.html").as_uri())
        yield page
        assert errors == []


def visible(page: Page) -> list[str]:
    return [
        text.split("\n")[0].strip() for text in page.locator(".host:visible > :first-child").all_inner_texts()
    ]


def test_it_filters_by_words_and_by_severity(shown: Page) -> None:
    assert shown.locator("#shown").inner_text() == "3 of 3 hosts shown"
    shown.get_by_role("searchbox", name="Filter hosts").fill("vgw-1 team")
    assert [name.split()[0] for name in visible(shown)] == ["team-build"]
    assert shown.locator("#shown").inner_text() == "1 of 3 hosts shown"
    shown.get_by_role("searchbox").fill("")
    shown.get_by_role("checkbox", name="critical").uncheck()
    assert [name.split()[0] for name in visible(shown)] == ["team-build", "batch"]
    shown.get_by_role("checkbox", name="as intended").uncheck()
    assert visible(shown) == []


def test_it_is_used_by_keyboard_alone(shown: Page) -> None:
    met: list[str] = []
    for _ in range(3):
        shown.keyboard.press("Tab")
        met.append(shown.evaluate("document.activeElement.textContent.trim() + document.activeElement.id"))
    assert met[:2] == ["Skip to the hosts", "words"]
    assert shown.evaluate("document.activeElement.value") == "critical"
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.keyboard.press("Space")
    assert shown.locator("#shown").inner_text() == "2 of 3 hosts shown"


def test_who_does_not_see_it_is_told_each_way_in_words(shown: Page) -> None:
    hosts = shown.get_by_role("article")
    assert hosts.count() == 2
    first = shown.get_by_role("article", name="legacy-build critical")
    way = first.get_by_role("list", name="the internet reaches TCP 2375")
    kinds = [item.inner_text().split("\n")[0] for item in way.get_by_role("listitem").all()]
    assert kinds == ["source", "gateway", "network ACL", "rule", "security group", "port"]
    assert [heading.inner_text() for heading in shown.get_by_role("heading", level=1).all()] == [
        "Who reaches Docker"
    ]
    assert shown.locator("html").get_attribute("lang") == "en"


CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return channels(colour);
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(back(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(low)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(shown: Page, scheme: Any) -> None:
    shown.emulate_media(color_scheme=scheme)
    background = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    # WCAG 2.2, 1.4.3
    assert shown.evaluate(CONTRAST) == []


def test_on_paper_there_is_no_filter_and_the_paper_is_white(shown: Page) -> None:
    shown.emulate_media(media="print", color_scheme="dark")
    assert not shown.locator("#filter").is_visible()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.evaluate(CONTRAST) == []


def test_it_fits_a_telephone(shown: Page) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    assert shown.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("guard", ["escaping", "the page's policy", "none"])
def test_it_asks_nobody_for_anything(
    browser: Browser, tmp_path: Path, listener: tuple[str, list[str]], guard: str
) -> None:
    address, asked = listener
    name = f"<img src='{address}/img'><script>fetch('{address}/script'); document.title = 'owned'</script>"
    page_text = to_html(
        audited(host(name if guard == "escaping" else "NAME", 1, user_data=OPEN)), "0.1.0", AT
    )
    if guard != "escaping":
        # As though the template forgot to escape: then the policy holds by itself.
        page_text = page_text.replace("NAME", name)
    if guard == "none":
        page_text = page_text.replace('http-equiv="Content-Security-Policy"', "")
    (tmp_path / "report.html").write_text(page_text)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((tmp_path / "report.html").as_uri())
        page.wait_for_timeout(300)
        title = page.title()
    # Without either, it would ask: that the listener hears nothing else says something.
    assert sorted(set(asked)) == (["/img", "/script"] if guard == "none" else [])
    assert title == ("owned" if guard == "none" else "Who reaches Docker: audit of 2026-11-25")
