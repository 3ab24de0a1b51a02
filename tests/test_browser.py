"""The book in a real browser: every page in light, in dark and at the width of a phone, as a reader sees it."""

import functools
import http.server
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.test_book import CHROMIUM, LISTED

pytestmark = pytest.mark.browser

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
def browser():
    if CHROMIUM is None:
        pytest.fail("there is no Chromium or Chrome browser (on Debian: apt-get install chromium).")
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visited(site, browser):
    """Every page, opened once: what the console said, which addresses were asked for, and how long it took to be seen."""
    found = {}
    for page in LISTED:
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


@pytest.mark.parametrize("page", LISTED)
def test_the_console_is_silent_and_nothing_leaves_the_site(visited, site, page):
    # The theme resets a mode that is not stored yet, and calls it an error.
    assert [text for text in visited[page]["said"] if not text.startswith("Got invalid theme mode")] == []
    assert [address for address in visited[page]["asked"] if not address.startswith((site, "data:", "blob:"))] == []


@pytest.mark.parametrize("page", LISTED)
def test_every_picture_says_what_it_shows(visited, page):
    """Formulas and the theme's ornaments are no pictures; a figure's text has to describe it."""
    pictures = visited[page]["tab"].evaluate("[...document.querySelectorAll('article img')].map(i => [i.alt, i.naturalWidth])")
    assert [alt for alt, width in pictures if len(alt) < 20 or not width] == []


@pytest.mark.parametrize("page", LISTED)
def test_every_formula_is_set(visited, page):
    script = (
        "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container') || m.querySelector('mjx-merror')).length"
    )
    assert visited[page]["tab"].evaluate(script) == 0


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("page", LISTED)
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


@pytest.mark.parametrize("word", ["Toeplitz", "persistence"])
def test_the_search_finds(browser, site, word):
    tab = browser.new_page()
    tab.goto(f"{site}/search.html?q={word}")
    tab.wait_for_selector("#search-results li a")
    assert tab.locator("#search-results li a").count() >= 1
    tab.close()


def test_pages_are_small_and_soon_seen(visited, html):
    assert {page: size for page in LISTED if (size := (html / f"{page}.html").stat().st_size) > MAX_BYTES} == {}
    assert {page: visited[page]["first"] for page in LISTED if visited[page]["first"] > 1000} == {}
