"""The book: built once, as `make book` does but with no network, then read page by page as a browser would."""

import importlib
import inspect
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from book import live
from tests.conftest import CHROMIUM
from tests.test_exercises import secret_lines

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter for part in TOC["parts"] for chapter in part["chapters"]]
LISTED = [TOC["root"], *(page["file"] for chapter in CHAPTERS for page in (chapter, *chapter.get("sections", [])))]
NOTEBOOKS = [page for page in LISTED if page.startswith("notebooks/")]
LECTURES = [page for page in NOTEBOOKS if page.startswith("notebooks/week")]

ASKING = {page: live.cells(ROOT / f"{page}.ipynb") for page in LECTURES}  # of each lecture, what its figures ask for
LIVE = {name: page for page, asking in ASKING.items() for name, asked in asking.items() if "live" in asked}

# What a browser fetches by itself when it shows a page, as opposed to what a reader may click.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
FETCHED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch"}


def fetched(page):
    """The addresses that a browser fetches to show a page."""
    for name, attribute in FETCHED.items():
        yield from (tag[attribute] for tag in page.find_all(name, attrs={attribute: True}))
    yield from (tag["href"] for tag in page.find_all("link", href=True) if FETCHED_LINKS & set(tag.get("rel", [])))


def is_foreign(address):
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def test_the_build_gives_no_warning(build):
    status, log, _ = build
    assert status == 0, log[-3000:]
    assert not re.search(r"\b(WARNING|ERROR|CRITICAL)\b", log), log[-3000:]


def test_every_listed_page_is_built_and_every_lecture_is_listed(html):
    assert [page for page in LISTED if not (html / f"{page}.html").is_file()] == []
    stored = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/exercises/*.ipynb")]
    assert {str(path.relative_to(ROOT).with_suffix("")) for path in stored} == set(NOTEBOOKS)


def test_no_page_fetches_anything_from_a_foreign_host(html, pages):
    foreign = [(path.name, address) for path, page in pages.items() for address in fetched(page) if is_foreign(address)]
    for sheet in html.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8", errors="replace")
        addresses = re.findall(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""", text)
        foreign += [(sheet.name, address) for address in addresses if is_foreign(address)]
    assert foreign == []


def test_links_and_anchors_within_the_book_resolve(pages):
    anchors = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        addresses = [tag["href"] for tag in page.find_all("a", href=True)] + list(fetched(page))
        for address in addresses:
            parts = urlsplit(address)
            if parts.netloc or parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            missing_anchor = parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]
            if not target.is_file() or missing_anchor:
                broken.append((path.name, address))
    assert broken == []


def test_mathjax_is_a_local_file(html, pages):
    page = html / "book" / "notation.html"
    scripts = pages[page].find_all("script", src=re.compile("mathjax", re.IGNORECASE))
    assert len(scripts) == 1
    assert (page.parent / urlsplit(scripts[0]["src"]).path).resolve().is_file()


@pytest.fixture(scope="module")
def offline(browser):
    """A tab of a browser that reaches no network."""
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium or Chrome browser")
@pytest.mark.parametrize("page", ["book/notation", *NOTEBOOKS])
def test_formulas_are_set_with_the_network_off(html, offline, page):
    offline.goto((html / f"{page}.html").as_uri())
    offline.evaluate("MathJax.startup.promise.then(() => true)")
    formulas = offline.evaluate("[...document.querySelectorAll('.math')].map(m => [m.textContent, !!m.querySelector('mjx-container')])")
    assert formulas and [text for text, is_set in formulas if not is_set] == []
    assert offline.evaluate("document.querySelectorAll('mjx-merror, [data-mjx-error]').length") == 0


def test_plotly_is_loaded_where_a_figure_needs_it_and_nowhere_else(pages):
    with_figure = {path.stem for path, page in pages.items() if page.select("script.plotly-figure")}
    with_plotly = {path.stem for path, page in pages.items() if page.find("script", src=re.compile("plotly"))}
    assert with_figure == with_plotly == {"week10_stock_prices"}


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium or Chrome browser")
def test_the_interactive_figure_takes_the_place_of_its_picture_with_the_network_off(html, offline):
    offline.goto((html / "notebooks" / "week10_stock_prices.html").as_uri())
    offline.wait_for_selector(".scatterlayer .trace", state="attached")
    dom = BeautifulSoup(offline.content(), "html.parser")
    for script in dom.select("script.plotly-figure"):
        figure = dom.find(id=script["data-for"])
        assert figure.select(".main-svg .scatterlayer .trace")
        assert figure.find("img") is None
        assert "Share" not in str(figure.select(".modebar"))  # nothing leaves for a foreign host


def test_the_scripts_of_live_figures_are_on_their_pages_and_nowhere_else(html, pages):
    with_scripts = {path for path, page in pages.items() if page.find("script", src=re.compile("_static/live/"))}
    assert with_scripts == {html / f"{page}.html" for page, asking in ASKING.items() if asking}
    for page, asking in ASKING.items():
        placed = {tag["data-for"]: json.loads(tag.string) for tag in pages[html / f"{page}.html"].select("script.live-cell")}
        assert placed == asking
        assert [name for name in placed if pages[html / f"{page}.html"].find("figure", id=name) is None] == []


def test_the_laboratory_lists_every_live_figure(html, pages):
    page = pages[html / f"{live.LABORATORY}.html"]
    listed = [(link["href"], link.get_text()) for link in page.select("article li a")]
    wanted = [(f"../{LIVE[name]}.html#{name}", ASKING[LIVE[name]][name]["live"]) for name in LIVE]
    assert listed == wanted and len(wanted) >= 3


@pytest.mark.parametrize("lecture", NOTEBOOKS)
def test_launch_buttons_open_the_lecture_in_the_configured_repository(html, pages, lecture):
    links = {tag["href"] for tag in pages[html / f"{lecture}.html"].find_all("a", href=True)}
    url, branch, buttons = CONFIG["repository"]["url"], CONFIG["repository"]["branch"], CONFIG["launch_buttons"]
    repository = urlsplit(url).path.strip("/")
    assert f"{buttons['colab_url']}/github/{repository}/blob/{branch}/{lecture}.ipynb" in links
    assert f"{buttons['binderhub_url']}/v2/gh/{repository}/{branch}?urlpath=lab/tree/{lecture}.ipynb" in links
    path = f"lab/tree/{repository.split('/')[1]}/{lecture}.ipynb"
    assert f"{buttons['jupyterhub_url']}/hub/user-redirect/git-pull?repo={quote(url)}&urlpath={path}&branch={branch}" in links


@pytest.mark.parametrize("lecture", NOTEBOOKS)
def test_the_notebook_for_download_is_the_committed_one(html, pages, lecture):
    page = html / f"{lecture}.html"
    link = pages[page].find("a", class_="btn-download-source-button", href=True)
    assert (page.parent / link["href"]).resolve().read_bytes() == (ROOT / f"{lecture}.ipynb").read_bytes()


@pytest.mark.parametrize("lecture", LECTURES)
def test_results_are_shown_as_a_table(html, pages, lecture):
    notebook = json.loads((ROOT / f"{lecture}.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    expected = sum("".join(output.get("data", {}).get("text/markdown", "")).startswith("| Quantity |") for output in outputs)
    tables = pages[html / f"{lecture}.html"].select(".cell_output table")
    headers = [[cell.get_text(strip=True) for cell in table.find_all("th")] for table in tables]
    assert headers.count(["Quantity", "Measured", "Expected"]) == expected >= 1


def test_no_solution_is_on_a_page_or_in_a_download(html, pages):
    secret = secret_lines()
    texts = {path: page.get_text() for path, page in pages.items()}
    texts |= {path: path.read_text(encoding="utf-8") for path in (html / "_sources").rglob("*") if path.suffix in (".md", ".ipynb", ".txt")}
    index = (html / "searchindex.js").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in index and "BEGIN HIDDEN" not in index
    found = [(path.name, line) for path, text in texts.items() for line in secret if line in text or json.dumps(line)[1:-1] in text]
    assert found == []


def test_every_reference_stands_in_the_bibliography_once(html, pages):
    entries = re.findall(r"^@\w+\{", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), re.M)
    assert len(pages[html / "book" / "bibliography.html"].select("article section ul > li")) == len(entries)


def test_every_public_function_is_on_the_api_page(html, pages):
    names = []
    for path in sorted((ROOT / "physnets").glob("[!_]*.py")):
        module = importlib.import_module(f"physnets.{path.stem}")
        functions = inspect.getmembers(module, inspect.isfunction)
        names += [f"{module.__name__}.{name}" for name, f in functions if f.__module__ == module.__name__ and not name.startswith("_")]
    page = pages[html / "book" / "api.html"]
    assert names
    assert [name for name in names if not page.find(id=name)] == []
    assert "$" not in page.find("article").get_text()
