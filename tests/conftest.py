"""The book, built once for all tests that read it, and a browser to read it with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from filelock import FileLock
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def build(tmp_path_factory, testrun_uid):
    """The finished build, as `make book` does it but with no network: the exit status, the log, and the folder of HTML pages."""
    output = tmp_path_factory.getbasetemp().parent / f"book-{testrun_uid}"
    html, log, status = output / "_build" / "html", output / "log", output / "status"
    with FileLock(f"{output}.lock"):  # the workers run side by side; the first that needs the book builds it
        if not status.is_file():
            output.mkdir()
            nowhere = "http://127.0.0.1:9"  # nobody listens on the discard port
            command = [shutil.which("jupyter-book", path=Path(sys.executable).parent), "build", ROOT, "-W", "-n", "--keep-going"]
            process = subprocess.run(
                [*command, "--path-output", output],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"http_proxy": nowhere, "https_proxy": nowhere, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
                timeout=300,
                check=False,
            )
            log.write_bytes(process.stdout)
            status.write_text(str(process.returncode))
    return int(status.read_text()), log.read_text(encoding="utf-8"), html


@pytest.fixture(scope="session")
def html(build):
    """The folder of HTML pages."""
    _, log, folder = build
    if not (folder / "index.html").is_file():
        pytest.fail("the book was not built:\n" + log[-2000:])
    return folder


@pytest.fixture(scope="session")
def pages(html):
    """Every HTML page, parsed, by its path; the theme's templates under _static are no pages."""
    paths = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


@pytest.fixture(scope="module")
def browser():
    """A browser without a window."""
    if CHROMIUM is None:
        pytest.fail("there is no Chromium or Chrome browser (on Debian: apt-get install chromium).")
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
