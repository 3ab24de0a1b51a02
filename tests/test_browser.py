"""The book in a real browser: every page in light, in dark and at the width of a phone, as a reader sees it."""

import contextlib
import functools
import http.server
import itertools
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error
from pypdf import PdfReader

from tests.test_book import LISTED, LIVE
from tools import pdf, slides

ROOT = Path(__file__).resolve().parent.parent
LECTURES = sorted((ROOT / "notebooks").glob("week*.ipynb"))

pytestmark = pytest.mark.browser

PAGES = [*LISTED, "genindex", "search"]
LOOKS = {"light": ("light", 1400), "dark": ("dark", 1400), "phone": ("light", 375)}
MAX_BYTES = 1_500_000  # of a page, without its pictures


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(html):
    """The address of a server of the built book on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=html))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def visited(site, browser):
    """Every page, opened once: what the console said, which addresses were asked for, and how long it took to be seen."""
    found = {}
    for page in PAGES:
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        said, asked = [], []
        tab.on("console", lambda message, said=said: said.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error, said=said: said.append(str(error)))
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.goto(f"{site}/{page}.html", wait_until="load")
        tab.wait_for_function("!window.MathJax || MathJax.startup.promise.then(() => true)")
        first = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        found[page] = {"said": said, "asked": asked, "first": first, "tab": tab}
    yield found
    for page in found.values():
        page["tab"].close()


@pytest.mark.parametrize("page", PAGES)
def test_the_console_is_silent_and_nothing_leaves_the_site(visited, site, page):
    # The theme resets a mode that is not stored yet, and calls it an error.
    assert [text for text in visited[page]["said"] if not text.startswith("Got invalid theme mode")] == []
    assert [address for address in visited[page]["asked"] if not address.startswith((site, "data:", "blob:"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_it_shows(visited, page):
    """Formulas and the theme's ornaments are no pictures; a figure's text has to describe it."""
    pictures = visited[page]["tab"].evaluate("[...document.querySelectorAll('article img')].map(i => [i.alt, i.naturalWidth])")
    assert [alt for alt, width in pictures if len(alt) < 20 or not width] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_formula_is_set(visited, page):
    script = (
        "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container') || m.querySelector('mjx-merror')).length"
    )
    assert visited[page]["tab"].evaluate(script) == 0
    # Tables that code made are not searched for formulas: theirs have to be words.
    raw = "[...document.querySelectorAll('article :is(p, li, td, th, figcaption):not(pre *)')].map(e => e.innerText)"
    assert [text for text in visited[page]["tab"].evaluate(raw) if re.search(r"\$[^$\s][^$]*\$|\\\(", text)] == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("page", PAGES)
def test_no_barrier_is_found(visited, page, look):
    """No violation of any level of the rules of axe-core; and no page has to be scrolled sideways."""
    theme, width = LOOKS[look]
    tab = visited[page]["tab"]
    tab.set_viewport_size({"width": width, "height": 900})
    tab.evaluate("theme => { document.documentElement.dataset.theme = theme; document.documentElement.dataset.mode = theme }", theme)
    tab.wait_for_timeout(400)  # the theme fades its colours
    found = Axe().run(tab).response["violations"]
    assert [(rule["id"], node["html"][:150]) for rule in found for node in rule["nodes"]] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(params=["http", "file"])
def start(request, site, html):
    """Where the pages' addresses begin, on a server and on the disk."""
    return site if request.param == "http" else html.as_uri()


@pytest.fixture(scope="module")
def alone(browser):
    """Tabs of a browser that reaches this machine only."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
    yield context
    context.close()


@pytest.mark.parametrize("name", LIVE)
def test_a_live_figure_opens_and_works_from_the_keyboard_without_a_barrier(alone, start, name):
    tab = alone.new_page()
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{start}/{LIVE[name]}.html", wait_until="load")
    tab.evaluate("MathJax.startup.promise.then(() => true)")
    assert sorted(re.findall(r"_static/live/(\w+\.\w+)", " ".join(asked))) == ["engine.js", "figures.js", "frame.js", "live.css"]
    part = tab.locator(f"#{name} + .live")
    part.locator(".live-answer").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_function("name => Live.shown[name]", arg=name)
    before = tab.evaluate("name => JSON.stringify(Live.shown[name]())", name)
    for control in part.locator(".live-panel :is(button, select, input)").all():
        for _ in range(20):
            if control.evaluate("control => control === document.activeElement"):
                break
            tab.keyboard.press("Tab")
        assert control.evaluate("control => control === document.activeElement"), control
        kind = control.evaluate("control => control.type")
        tab.keyboard.press({"range": "ArrowRight", "select-one": "ArrowDown"}.get(kind, "Tab"))
    tab.wait_for_function("([name, before]) => JSON.stringify(Live.shown[name]()) !== before", arg=[name, before])
    # Before axe looks, which asks for style sheets of its own.
    assert [text for text in said if not text.startswith("Got invalid theme mode")] == []
    assert [address for address in asked if not address.startswith((start, "data:", "blob:"))] == []
    for theme, width in LOOKS.values():
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate("theme => { document.documentElement.dataset.theme = theme; document.documentElement.dataset.mode = theme }", theme)
        tab.wait_for_timeout(400)  # the theme fades its colours
        found = Axe().run(tab, context=f"#{name} + .live").response["violations"]
        assert [(rule["id"], node["html"][:150]) for rule in found for node in rule["nodes"]] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.emulate_media(media="print")
    assert not part.is_visible()
    tab.close()


@pytest.mark.parametrize("word", ["Toeplitz", "persistence"])
def test_the_search_finds(browser, site, word):
    tab = browser.new_page()
    tab.goto(f"{site}/search.html?q={word}")
    tab.wait_for_selector("#search-results li a")
    assert tab.locator("#search-results li a").count() >= 1
    tab.close()


def test_pages_are_small_and_soon_seen(visited, html):
    assert {page: size for page in PAGES if (size := (html / f"{page}.html").stat().st_size) > MAX_BYTES} == {}
    assert {page: visited[page]["first"] for page in PAGES if visited[page]["first"] > 1000} == {}


@pytest.fixture(scope="module")
def decks(browser, tmp_path_factory):
    """The folder of every lecture's slides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slides, "OUT", tmp_path_factory.mktemp("slides"))
        patch.setattr(sys, "argv", ["slides.py"])
        slides.main()
        return slides.OUT


# What of a slide lies beyond its 1280 by 720 pixels, and the size of its smallest letters.
MEASURE = """() => {
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale(), box = slide.getBoundingClientRect();
  const beyond = [];
  let smallest = 100;
  for (const part of slide.querySelectorAll("*")) {
    if (part.closest("aside, mjx-container")) continue;
    const where = part.getBoundingClientRect();
    if (!where.width || !where.height) continue;
    if (where.bottom - box.top > 722 * scale || where.right - box.left > 1282 * scale || part.scrollWidth > part.clientWidth + 2 && part.matches("pre"))
      beyond.push(part.tagName + " " + part.textContent.slice(0, 40));
    if ([...part.childNodes].some(node => node.nodeType == 3 && node.textContent.trim()))
      smallest = Math.min(smallest, parseFloat(getComputedStyle(part).fontSize));
  }
  return {beyond, smallest, empty: !slide.innerText.trim() && !slide.querySelector("img")};
}"""


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_slides_hold_what_they_show_and_can_be_read_from_the_last_row(decks, browser, path):
    tab = browser.new_page(viewport={"width": 1280, "height": 720}, offline=True)
    said = []
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.on("requestfailed", lambda request: said.append(request.url))
    tab.goto((decks / f"{path.stem}.html").as_uri())
    tab.evaluate("window.ready")
    measured = {}
    for number in range(tab.evaluate("Reveal.getTotalSlides()")):
        measured[number + 1] = tab.evaluate(MEASURE)
        tab.evaluate("Reveal.next()")
    assert len(measured) >= 20
    assert {number: slide["beyond"] for number, slide in measured.items() if slide["beyond"]} == {}
    assert {number for number, slide in measured.items() if slide["empty"]} == set()
    assert min(slide["smallest"] for slide in measured.values()) >= 20
    assert tab.evaluate("document.querySelectorAll('mjx-merror').length") == 0
    assert said == []
    tab.close()


def test_jupyterlab_opens_on_the_contents(browser, tmp_path):
    wanted = subprocess.run(
        ["make", "--dry-run", "--silent", "lab"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()[-1]
    options = ["--no-browser", "--allow-root", "--ServerApp.port=8931", "--IdentityProvider.token="]
    environment = os.environ | {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path)}
    with subprocess.Popen([*wanted.split(), *options], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as lab:
        try:
            tab = browser.new_page()
            for _ in range(60):
                with contextlib.suppress(Error):
                    tab.goto("http://127.0.0.1:8931/")
                    break
                time.sleep(0.5)
            tab.locator(".jp-MarkdownViewer a", has_text="Week 12: Exploring the latent space").wait_for()
            tab.close()
        finally:
            lab.terminate()


def bookmarks(reader, marks):
    """Title and page of every bookmark, of whatever level."""
    for mark in marks:
        if isinstance(mark, list):
            yield from bookmarks(reader, mark)
        else:
            yield mark.title, reader.get_destination_page_number(mark)


@pytest.fixture(scope="module")
def printed():
    """The book as one PDF file, and the page of all pages that it was printed from."""
    subprocess.run([sys.executable, pdf.__file__], check=True)  # apart, because this process has a browser open already
    return pdf.PDF, pdf.JOINED / "course.html"


def test_the_pdf_has_a_bookmark_for_every_lecture(printed):
    reader = PdfReader(printed[0])
    marks = dict(reversed([*bookmarks(reader, reader.outline)]))  # the page of results names the lectures once more
    titles = [nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ") for path in LECTURES]
    # The letters of a heading that goes over two lines are joined without a space.
    pages = {"".join(title.split()): page for title, page in marks.items()}
    assert [title for title in titles if "".join(title.split()) not in pages] == []
    starts = [pages["".join(title.split())] for title in titles]
    assert starts == sorted(starts) and all(after - before >= 10 for before, after in itertools.pairwise(starts))


def test_nothing_is_wider_than_the_paper(printed, browser):
    """Seen as the printer sees it."""
    tab = browser.new_page(viewport={"width": 897, "height": 1200})  # 178 mm between the margins, at three quarters of the size
    tab.emulate_media(media="print")
    tab.goto(printed[1].as_uri(), wait_until="load")
    tab.evaluate("MathJax.startup.promise.then(() => true)")
    script = """[...document.querySelectorAll('article :is(pre, table, img, mjx-container, p)')]
        .filter(e => e.tagName == 'PRE' && e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > innerWidth)
        .map(e => e.tagName + ': ' + e.innerText.slice(0, 80))"""
    assert tab.evaluate(script) == []
    tab.close()
