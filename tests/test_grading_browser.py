"""The instructor's browser: nothing that a student has written runs in the formgrader or in feedback. Run by `make class`."""

import copy
import os
import re
import resource
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.test_grading import ALL, ATTACKS, ID, WEEK, attacks, given_marks, hostile, put, snapshot
from tools import course

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course in which mallory attacks from an unsolved notebook, wherever a student can write."""
    folder = tmp_path_factory.mktemp("course") / "physics-2027"
    course.new(folder, seed=7)
    assert course.release(folder, WEEK) == 0
    released = nbformat.read(folder / "release" / WEEK / f"{WEEK}.ipynb", as_version=4)
    put(folder, "mallory & co'", released, {"w01-6-text": "\n\n".join(ATTACKS)}, change=attacks)
    (folder / "submitted" / ATTACKS[1].replace("/", "") / WEEK).mkdir(parents=True)
    course.grade(folder, WEEK, trust=False)
    return folder


@pytest.fixture(scope="module")
def lab(graded):
    """JupyterLab as the page for instructors says to start it: its address, with a token."""
    port, token = 18_888, "known"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(graded / ".jupyter"),
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
    ]
    server = subprocess.Popen(command, cwd=graded, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=1).close()
            break
        except OSError:
            time.sleep(0.3)
    yield f"http://127.0.0.1:{port}", token
    server.terminate()
    server.wait()


def looked_at(browser, address: str) -> tuple[str, str]:
    """Open a page, click on every link that a student wrote, and return its title and text."""
    tab = browser.new_page()
    alerts = []
    tab.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    tab.goto(address, wait_until="load")
    tab.wait_for_timeout(1500)
    assert tab.title() != "taken"
    for link in tab.get_by_text("plot", exact=True).all():
        link.click(force=True, no_wait_after=True, timeout=2000)
    tab.wait_for_timeout(300)
    found = tab.title(), tab.locator("body").inner_text()
    tab.close()
    assert alerts == []
    return found


def test_nothing_of_a_students_runs_in_the_formgrader(graded, lab, browser):
    address, token = lab
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        number = gradebook.find_submission_notebook(WEEK, WEEK, "mallory & co'").id
    for path in (
        f"submissions/{number}/",
        "manage_assignments",
        "manage_students",
        f"gradebook/{WEEK}/{WEEK}",
        f"manage_submissions/{WEEK}",
        "manage_students/mallory%20&%20co'",
    ):
        title, text = looked_at(browser, f"{address}/formgrader/{path}?token={token}")
        assert title != "taken" and "Traceback" not in text, path
        if path.startswith("submissions"):
            assert "document.title = 'taken'" in text, "what was written is shown as a text"
            assert "Model answer and what the points are for" in text
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission_notebook(WEEK, WEEK, "mallory & co'").score == 0


def test_nothing_of_a_students_runs_in_feedback(graded, browser):
    page = next((graded / "feedback").rglob("*.html"))
    title, text = looked_at(browser, page.as_uri())
    assert title != "taken" and "document.title = 'taken'" in text and re.search(r"not yet marked of 4", text)


def worked() -> float:
    """Seconds of the processor, of this process and of all that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def test_a_class_of_120_is_graded(tmp_path):
    """Some with figures, some who attack: everybody gets what is deserved, and the grader stays small."""
    folder = tmp_path / "physics-2027"
    course.new(folder, seed=7)
    assert course.release(folder, WEEK) == 0
    released = nbformat.read(folder / "release" / WEEK / f"{WEEK}.ipynb", as_version=4)
    solved = nbformat.read(folder / "source" / WEEK / f"{WEEK}.ipynb", as_version=4)
    right = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    figure = "\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "kept").write_text("kept")
    neighbour = folder / "submitted" / "student 001" / WEEK / f"{WEEK}.ipynb"
    attackers = hostile(canary, folder / "gradebook.db", neighbour, "http://127.0.0.1:9/")
    wanted = {}
    for name, (answers, points) in attackers.items():
        put(folder, name, copy.deepcopy(released), right | {ID.format(number): code for number, code in answers.items()})
        wanted[name] = points
    for number in range(120 - len(attackers)):
        name, answers = f"student {number:03}", dict(right)
        if number % 4 == 0:
            answers["w01-2"] += figure
        put(folder, name, copy.deepcopy(released), answers)
        wanted[name] = ALL
    untouched = snapshot(folder / "submitted") | snapshot(canary)
    started, before = time.monotonic(), worked()
    course.grade(folder, WEEK, trust=False)
    took, spent = time.monotonic() - started, worked() - before
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # MB, the most there was
    print(f"120 submissions: {took:.0f} s, {spent:.0f} s of the processor, at most {held:.0f} MB")
    assert len(wanted) == 120 and given_marks(folder) == wanted
    assert snapshot(folder / "submitted") | snapshot(canary) == untouched
    assert spent < 15 * 60  # of the processor, since this machine may have more to do; what never ends takes 80 s of it
    assert held < 1000
