"""From a hand-out to marks, for a small class, some of whom would rather have the marks than the knowledge.

Attacks by code are tried here on the sandbox and the checks alone, without nbgrader's steps; `make class` hands them in.
"""

import copy
import csv
import http.server
import json
import shutil
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbgrader.api import Gradebook

from tests.test_grading_files import MENDED
from tests.test_grading_sandbox import left_behind
from tools import course, exercises, feedback, grading
from tools.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
WEEK = "week01"
ID = "w01-{}"
POINTS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 4, 6: 3}  # of the checks; the written answer's 4 are given by hand
ALL = sum(POINTS.values())


@pytest.fixture(scope="module")
def server():
    """A server on this machine that counts its visitors."""
    visitors = []

    class Counts(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            visitors.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counts)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/", visitors
    listening.shutdown()


def hostile(canary: Path, gradebook: Path, neighbour: Path, address: str) -> dict[str, tuple[dict[int, str], int]]:
    """For each kind of submission: what takes the place of the right answers to some exercises, and the marks that it deserves."""
    find = "import glob, os, sys\n"
    forge = f"{find}import numpy as np\n"
    # Right answers, but only from whoever can read the file: a gap in the walls would be seen in the marks.
    reads = [
        "from pathlib import Path\n"
        f"def count_parameters(sizes):\n    Path({str(path)!r}).read_bytes()\n    return sum((left + 1) * right for left, right in pairwise(sizes))\n"
        f"def count_multiplications(sizes, n):\n    Path({str(path)!r}).read_bytes()\n    return n * sum(left * right for left, right in pairwise(sizes))"
        for path in (neighbour, gradebook, ROOT / "assignments" / WEEK / f"{WEEK}.ipynb")
    ]
    return {
        "partly right": ({5: "def hinges(x, y):\n    return y[0], np.diff(y) / np.diff(x)", 6: "def median_error(M):\n    return 0.0"}, 10),
        "syntax error": ({2: "def count_parameters(sizes:\n    return 1"}, ALL - 2),
        "endless loop in a cell": ({4: "while True:\n    pass"}, ALL - 3),
        "endless loop in a function": ({4: "def slopes(z):\n    while True:\n        pass"}, ALL - 3),
        "out of memory in a cell": ({4: "held = []\nwhile True:\n    held.append(np.ones(10**7))"}, ALL - 3),
        "out of memory in a function": ({4: "def slopes(z):\n    return np.ones((10**6, 10**6))"}, ALL - 3),
        "fills the disk": (
            {4: "with open('/tmp/x', 'wb') as f:\n    while True:\n        f.write(bytes(10**7))"},
            ALL - 3,
        ),
        "starts processes without end": ({4: "import os\nwhile True:\n    os.fork()"}, ALL - 3),
        "deletes files": ({4: f"import shutil\nshutil.rmtree({str(canary)!r})"}, ALL - 3),
        "reads its neighbour's submission": ({2: reads[0]}, ALL - 2),
        "reads the gradebook": ({2: reads[1]}, ALL - 2),
        "reads the solutions": ({2: reads[2]}, ALL - 2),
        "patches NumPy": (
            {
                2: "import numpy as np\nnp.isclose = lambda *a, **k: np.array(True)\nnp.testing.assert_allclose = lambda *a, **k: None\n"
                "def count_parameters(sizes):\n    return 1\ndef count_multiplications(sizes, n):\n    return 1"
            },
            ALL - 2,
        ),
        "exits the kernel": ({4: "import os\nos._exit(0)"}, ALL - 3),
        "leaves politely": ({4: "import sys\nsys.exit(0)"}, ALL - 3),
        "opens a connection": ({4: f"import urllib.request\nurllib.request.urlopen({address!r}, timeout=2)"}, ALL - 3),
        "walks stack frames": (
            {
                2: f"{find}def count_parameters(sizes):\n    frame = sys._getframe()\n    while frame:\n        for name in ('wanted', 'layers', 'W'):\n"
                "            if name in frame.f_locals:\n                return frame.f_locals[name]\n        frame = frame.f_back\n    return 0\n"
                "count_multiplications = lambda sizes, n: count_parameters(sizes)"
            },
            ALL - 2,
        ),
        "equal to everything": (
            {
                2: "class Yes(float):\n    def __eq__(self, other):\n        return True\n    def __array__(self, *a, **k):\n        return np.array('yes', object)\n"
                "def count_parameters(sizes):\n    return Yes(1)\ndef count_multiplications(sizes, n):\n    return Yes(1)"
            },
            ALL - 2,
        ),
        "acts at exit": (
            {4: f"import atexit\natexit.register(lambda: open({str(canary / 'kept')!r}, 'w').write('gone'))\n1 / 0"},
            ALL - 3,
        ),
        "replaces files": (
            {4: "import physnets.checks\nopen(physnets.checks.__file__, 'w').write('def expect(*a, **k): pass')"},
            ALL - 3,
        ),
        "answers for the checker": (
            {
                2: f"{forge}for fd in range(3, 20):\n    try:\n        os.write(fd, b'{{\"value\": 13}}\\n' * 50)\n    except OSError:\n        pass"
            },
            ALL - 2,
        ),
        "replaces the program": ({4: "import sys\nsys.modules['__main__'].__dict__.clear()"}, POINTS[1] + POINTS[2] + POINTS[3]),
        "returns what cannot be data": (
            {2: "def count_parameters(sizes):\n    return (x for x in sizes)\ndef count_multiplications(sizes, n):\n    return object()"},
            ALL - 2,
        ),
    }


# Those whose feedback is looked at.
HANDED_IN = ["partly right", "endless loop in a function", "equal to everything"]
# Right answers that a notebook takes: written with IPython's own means, and names used again where their check has passed.
INVENTIVE = {
    1: "%time from fractions import Fraction\ndisplay(1)\ndef helper(n):\n    return [Fraction(1)] * n\n"
    "def coincidence(n, k):\n    return (x for x in (helper(n), Fraction(1, 2) - k))",
    2: "files = !ls\nawait __import__('asyncio').sleep(0)\nrng = np.random.default_rng(5)\n\ndef count_parameters(sizes):\n"
    '    """%"""\n    return sum((left + 1) * right for left, right in pairwise(sizes))\n\n'
    "def count_multiplications(sizes, n):\n    return n * sum(left * right for left, right in pairwise(sizes))\nnp.diff?",
    4: "def helper(z):\n    return np.where(z > 0, 1, 0.01)\ndef slopes(z):\n    sigma = 1 / (1 + np.exp(-z))\n"
    "    rows = [sigma * (1 - sigma), 1 - np.tanh(z) ** 2, helper(z), np.where(z > 0, 1, np.exp(np.minimum(z, 0)))]\n    return [list(row) for row in rows]",
    5: "from collections import namedtuple\nNet = namedtuple('Net', 'c v')\ndef helper(x, y):\n    return np.diff(np.diff(y) / np.diff(x), prepend=0)\n"
    "def hinges(x, y):\n    return Net(y[0], helper(x, y))",
}
AFTERWARDS = "r_fit = np.linspace(1, 2, 7)\nmedian_error = hinges = None\nimport matplotlib.pyplot as plt\nplt.plot(r_fit);"
ATTACKS = [
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "<svg onload=\"document.title = 'taken'\"></svg>",
    "[plot](javascript:document.title='taken')",
    "<iframe srcdoc=\"<script>parent.document.title = 'taken'</script>\"></iframe>",
]


def put(
    folder: Path, name: str, notebook: nbformat.NotebookNode, answers: dict[str, str], file=f"{WEEK}/{WEEK}.ipynb", change=None
) -> None:
    """Hand in a notebook with these answers, after something has become of it."""
    for cell in notebook.cells:
        name_of_cell = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name_of_cell, cell.source)
    if change:
        change(notebook)
    path = folder / "submitted" / name / file
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook))


def checks_rewritten(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-check"):
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100


def attacks(notebook: nbformat.NotebookNode) -> None:
    """In every kind of cell, and in what code prints and raises."""
    notebook.cells += [nbformat.v4.new_markdown_cell(attack) for attack in ATTACKS]
    notebook.cells += [nbformat.v4.new_raw_cell(ATTACKS[0]), nbformat.v4.new_code_cell(f"print({ATTACKS[0]!r})\n{ATTACKS[1]!r}")]
    notebook.cells += [nbformat.v4.new_code_cell(f"raise type({ATTACKS[1]!r}, (Exception,), {{}})({ATTACKS[0]!r})")]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def given_marks(folder: Path) -> dict[str, float]:
    with (folder / "marks.csv").open(newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def marked(tmp_path_factory, server):
    """A class, handed out, collected and graded. Returns the folder, the marks wanted, and those given."""
    folder = tmp_path_factory.mktemp("class") / "physics-2027"
    canary = tmp_path_factory.mktemp("canary")
    (canary / "kept").write_text("kept")
    course.new(folder, seed=7)
    settings = folder / "nbgrader_config.py"
    settings.write_text(settings.read_text() + "c.SandboxExecute.seconds_per_cell = 4\nc.SandboxExecute.megabytes = 700\n")
    assert course.release(folder, WEEK) == 0
    released = nbformat.read(folder / "release" / WEEK / f"{WEEK}.ipynb", as_version=4)
    solved = nbformat.read(folder / "source" / WEEK / f"{WEEK}.ipynb", as_version=4)
    right = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    right["w01-6-text"] = "The error falls below 0.01 eV from 16 units on, so 20 are enough."
    wanted = {"perfect": ALL, "empty": 0, "rewrites the checks": 0, "no notebook": 0, "a PDF": 0, "Meier, Anna": ALL, "renamed": ALL}
    fresh = lambda: copy.deepcopy(released)  # noqa: E731
    put(folder, "perfect", fresh(), right)
    put(folder, "Meier, Anna", fresh(), right, change=MENDED["everything twice"])
    put(folder, "renamed", fresh(), right, f"{WEEK} (1).ipynb", change=MENDED["no metadata"])
    put(folder, "empty", fresh(), {})
    put(folder, "rewrites the checks", fresh(), {}, change=checks_rewritten)
    put(folder, "odd metadata", fresh(), right, change=MENDED["odd metadata"])
    wanted["odd metadata"] = ALL
    inventive = right | {ID.format(number): code for number, code in INVENTIVE.items()}
    put(folder, "inventive", fresh(), inventive, change=lambda notebook: notebook.cells.append(nbformat.v4.new_code_cell(AFTERWARDS)))
    wanted["inventive"] = ALL
    put(folder, "mallory", fresh(), {"w01-6-text": "\n\n".join(ATTACKS)}, change=attacks)
    wanted["mallory"] = 0
    put(folder, "no notebook", fresh(), {})
    (folder / "submitted" / "no notebook" / WEEK / f"{WEEK}.ipynb").write_text("this is not JSON")
    (folder / "submitted" / "a PDF" / WEEK).mkdir(parents=True)
    (folder / "submitted" / "a PDF" / WEEK / "report.pdf").touch()
    (folder / "submitted" / "<img src=x onerror=alert(1)>" / WEEK).mkdir(parents=True)
    (folder / "submitted" / "stray.ipynb").touch()
    neighbour = folder / "submitted" / "perfect" / WEEK / f"{WEEK}.ipynb"
    for name in HANDED_IN:
        answers, points = hostile(canary, folder / "gradebook.db", neighbour, server[0])[name]
        put(folder, name, fresh(), right | {ID.format(number): code for number, code in answers.items()})
        wanted[name] = points
    put(folder, "zoe, last in the alphabet", fresh(), right, change=MENDED["no checks"])
    wanted["zoe, last in the alphabet"] = ALL
    untouched = snapshot(folder / "submitted") | snapshot(canary) | snapshot(ROOT / "physnets")
    course.grade(folder, WEEK, trust=False)
    assert snapshot(folder / "submitted") | snapshot(canary) | snapshot(ROOT / "physnets") == untouched
    assert left_behind() == []
    return folder, wanted, given_marks(folder)


def test_everybody_gets_the_marks_deserved(marked):
    _, wanted, given = marked
    assert given == wanted


def errors(week: str, seed: int, answers: dict[str, str], seconds: float, megabytes: int) -> dict[str | None, str]:
    """What goes wrong in the cells of a solved notebook, by their names, where some answers are others."""
    notebook = exercises.prepared(nbformat.read(ROOT / "assignments" / week / f"{week}.ipynb", as_version=4), seed)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    locked = {grading.grade_id(cell): cell.source for cell in code if feedback.about(cell).get("locked")}
    judge = grading.Judge(locked, {name for name in locked if name.endswith("-check")}, seconds, megabytes)
    steps = [(grading.grade_id(cell), answers.get(grading.grade_id(cell), cell.source)) for cell in code]
    try:
        submission = grading.Submission(steps, judge, lambda: Sandbox(seconds, megabytes, 32, trust=False), 120)
    finally:
        judge.close()
    return {name: result["error"] for (name, _), result in zip(steps, submission.results, strict=True) if "error" in result}


# What goes beyond a limit or ends the program is tried in tests/test_grading_sandbox.py, too; `make class` tries these here as well.
CRUDE = {"acts at exit", "deletes files", "endless loop in a cell", "exits the kernel", "fills the disk", "leaves politely"}
CRUDE |= {"out of memory in a cell", "out of memory in a function", "starts processes without end", "syntax error"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.browser) if name in CRUDE else name
        for name in sorted(hostile(Path(), Path(), Path(), "").keys() - set(HANDED_IN))
    ],
)
def test_an_attack_costs_its_own_exercise_alone(marked, server, tmp_path, name):
    folder, _, _ = marked
    (tmp_path / "kept").write_text("kept")
    neighbour = folder / "submitted" / "perfect" / WEEK / f"{WEEK}.ipynb"
    answers, points = hostile(tmp_path, folder / "gradebook.db", neighbour, server[0])[name]
    untouched = snapshot(folder) | snapshot(tmp_path) | snapshot(ROOT / "physnets")
    found = errors(WEEK, 7, {ID.format(number): code for number, code in answers.items()}, seconds=4, megabytes=700)
    assert sum(POINTS[number] for number in POINTS if ID.format(number) + "-check" not in found) == points, found
    assert snapshot(folder) | snapshot(tmp_path) | snapshot(ROOT / "physnets") == untouched
    assert server[1] == [], "nobody reached the server"


def test_everybody_who_handed_in_a_notebook_gets_feedback(marked):
    folder, wanted, _ = marked
    assert {path.parent.parent.name for path in folder.glob("feedback/*/*/*.html")} == wanted.keys() - {"no notebook", "a PDF"}


def test_the_summary_names_who_has_no_marks_and_why(marked):
    text = (marked[0] / f"grading-{WEEK}.txt").read_text()
    assert text.startswith(f"{WEEK}: {len(marked[1]) - 2} graded, 4 without marks; the marks are in marks.csv.")
    without = text.partition("Without marks from this run:\n")[2].splitlines()
    assert [line.strip().partition(": ")[0] for line in without] == ["<img src=x onerror=alert(1)>", "a PDF", "no notebook", "stray.ipynb"]
    assert "  a PDF: there is no notebook, only week01/report.pdf." in without
    # Nothing is said of those whose file is as it was handed out.
    assert "perfect" not in text and "  renamed: the notebook was week01 (1).ipynb" in text.splitlines()


def page(folder: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((folder / "feedback" / name / WEEK / f"{WEEK}.html").read_text(), "html.parser")


def test_feedback_says_why(marked):
    found = page(marked[0], "endless loop in a function").text
    assert "your code was stopped: it took longer than 4 seconds" in found


def test_feedback_names_exercises_and_what_is_not_yet_read(marked):
    folder = marked[0]
    found = page(folder, "inventive")
    items = [item.text.split() for item in found.find("ul").find_all("li")]
    assert " ".join(items[0]) == "Exercise 1.1: A coincidence of several detectors: 2.0 of 2.0"
    assert " ".join(items[-1]) == "Exercise 1.6: A bond that can break, written answer: not yet marked of 4.0"
    assert "answers worth 4.0 points are still to be read" in found.text
    assert found.find_all("img", src=lambda address: address.startswith("data:image/png")), "the student's figure is there"
    # The model answer and the hidden tests are the instructor's.
    assert "Model answer" not in found.text and "BEGIN HIDDEN" not in found.text and "the network between its nodes" not in found.text
    graded = (folder / "autograded" / "inventive" / WEEK / f"{WEEK}.ipynb").read_text()
    assert "Model answer" in graded and "a width is named and read off" in graded and "the network between its nodes" in graded
    assert "a width is named and read off" not in found.text


def test_feedback_knows_the_mistake(marked):
    """A mistake that is kept is named with a link to its lecture; another one is not guessed at."""
    hints = [tag.parent.text for tag in page(marked[0], "partly right").find_all("strong") if tag.text == "A hint."]
    assert len(hints) == 1 and "one known mistake gives. What you return are the slopes of the pieces; what does one unit do" in hints[0]
    links = [tag["href"] for tag in page(marked[0], "partly right").find_all("a") if tag.text.startswith("Week 1, “The adjustable step")]
    name, _, anchor = links[0].rpartition("/")[2].partition("#")
    assert (ROOT / "notebooks" / name).is_file() and anchor == "The-adjustable-step-and-the-tower-of-steps"
    assert "A hint." not in page(marked[0], "perfect").text + page(marked[0], "equal to everything").text


def test_nothing_that_a_student_writes_is_a_program_in_a_page(marked):
    """As HTML; in a browser tests/test_grading_browser.py looks."""
    found, clean = page(marked[0], "mallory"), page(marked[0], "perfect")
    assert len(found.find_all("script")) == len(clean.find_all("script"))
    assert not found.find_all(["iframe", "svg", "object", "embed", "form"])
    attributes = {name for tag in found.find_all() for name in tag.attrs}
    assert not [name for name in attributes if name.startswith("on")] and "srcdoc" not in attributes
    assert not [tag for tag in found.find_all("a") if tag.get("href", "").lower().startswith("javascript")]
    assert "taken" in found.text, "what was written is shown as a text"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[a](https://a.org) [b](#b)", '<p><a href="https://a.org">a</a> <a href="#b">b</a></p>'),
        ("[a](JavaScript:1) [b](&#106;avascript:1)", "<p><a>a</a> <a>b</a></p>"),
        ("[a](data:text/html,<script>1</script>)", "<p><a>a</a></p>"),
        ("$a<b$ and `a<b`", "<p>$a&lt;b$ and <code>a&lt;b</code></p>"),
        ("<p style='position: fixed'>a</p>", "<p>a</p>"),
        ("</div></textarea><style>*</style>", "&lt;/textarea&gt;&lt;style&gt;*&lt;/style&gt;"),
        ("![a](data:image/png;base64,AAAA)", '<p><img src="data:image/png;base64,AAAA" alt="a"></p>'),
        ("![a](data:image/svg+xml;base64,AAAA)", '<p><img alt="a"></p>'),
        ("![a](https://a.org/seen.png)", '<p><img alt="a"></p>'),
    ],
)
def test_a_text_is_shown_and_does_nothing(written, shown):
    assert feedback.safe(written) == f"<div>{shown}</div>"


def test_marks_given_by_hand_are_kept_and_done(marked):
    """Marks by hand, a comment, another run; then a changed answer is asked for again."""
    folder = marked[0]
    small = folder.parent / "small"
    shutil.copytree(folder, small, ignore=shutil.ignore_patterns("submitted", "feedback"))
    for name in ("perfect", "renamed"):
        shutil.copytree(folder / "submitted" / name, small / "submitted" / name)
    database = f"sqlite:///{small / 'gradebook.db'}"
    with Gradebook(database) as gradebook:
        for name in ("perfect", "renamed"):
            grade = gradebook.find_grade("w01-6-text", WEEK, WEEK, name)
            grade.manual_score, grade.needs_manual_grade = 3.5, False
            gradebook.find_comment("w01-6-text", WEEK, WEEK, name).manual_comment = "Why *there*?"
        gradebook.db.commit()
    changed = small / "submitted" / "renamed" / f"{WEEK} (1).ipynb"
    changed.write_text(changed.read_text().replace("so 20 are enough", "so 30 are enough"))
    course.grade(small, WEEK, trust=False)
    with Gradebook(database) as gradebook:
        asked = {name: gradebook.find_grade("w01-6-text", WEEK, WEEK, name).needs_manual_grade for name in ("perfect", "renamed")}
    assert asked == {"perfect": False, "renamed": True}
    assert given_marks(small)["perfect"] == given_marks(small)["renamed"] == ALL + 3.5
    assert "Why there?" in page(small, "perfect").text


def test_without_bubblewrap_untrusted_work_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    with pytest.raises(SystemExit, match=r"^bubblewrap is not installed .* nothing was graded; --trust grades without a sandbox\.$"):
        course.grade(tmp_path, WEEK, trust=False)


# With NumPy alone, and with TensorFlow; `make class` tries all weeks.
QUICK = {"week01", "week11"}


@pytest.mark.parametrize(
    "week", [path.stem if path.stem in QUICK else pytest.param(path.stem, marks=pytest.mark.browser) for path in exercises.sources()]
)
def test_solved_exercises_get_all_points_in_the_sandbox(week):
    """What a check needs from the student has to travel as plain data, within the time."""
    assert errors(week, 2, {}, seconds=20, megabytes=2000) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "{tmp}/course", "--seed", "-1"], "the seed is -1, expected a whole number, 0 or more."),
        (["new", "{tmp}", "--seed", "1"], "{tmp} is not empty, expected a new folder; nothing was written."),
        (["grade", "{tmp}", "week01"], "{tmp} has no nbgrader_config.py, expected a folder made by `course.py new`."),
    ],
)
def test_wrong_use_gets_one_sentence(tmp_path, monkeypatch, arguments, message):
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["course.py", *(part.format(tmp=tmp_path) for part in arguments)])
    with pytest.raises(SystemExit) as stop:
        course.main()
    assert stop.value.code == message.format(tmp=tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
