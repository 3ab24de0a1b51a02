"""Make the whole book one PDF file with bookmarks, _build/course.pdf: Sphinx joins the pages into one, Chromium prints it.

python tools/pdf.py
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
JOINED, PDF = ROOT / "_build" / "singlehtml", ROOT / "_build" / "course.pdf"
NO_BROWSER = "no Chromium or Chrome was found, which prints the book (on Debian: apt-get install chromium)."
FOOTER = '<div style="width: 100%; font-size: 8pt; text-align: center"><span class="pageNumber"></span></div>'


def build() -> Path:
    """Join the pages. Returns the page of all."""
    book = Path(sysconfig.get_path("scripts"), "jupyter-book")
    command = [book, "build", ROOT, "--builder", "custom", "--custom-builder", "singlehtml"]
    shutil.rmtree(JOINED, ignore_errors=True)  # Sphinx would keep an old style sheet
    subprocess.run(command, check=True)
    # Its links to pictures and scripts start from the top, wherever the book's first page lies.
    return (JOINED / "book" / "welcome.html").replace(JOINED / "course.html")


def write_pdf(page: Path, chromium: str) -> None:
    """Print the joined page once its formulas are set."""
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(page.as_uri(), wait_until="load")
        tab.evaluate("MathJax.startup.promise.then(() => true)")
        new = PDF.with_suffix(".new")
        margin = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
        # A screen's letters are large on paper.
        tab.pdf(
            path=new,
            format="A4",
            margin=margin,
            scale=0.75,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template=" ",
            footer_template=FOOTER,
        )
        new.replace(PDF)
        browser.close()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit(NO_BROWSER)
    write_pdf(build(), chromium)
    print(f"The book is in {PDF.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
