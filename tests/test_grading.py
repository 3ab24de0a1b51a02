"""From a hand-out to marks, for a class of thirty, some of whom would rather have the marks than the knowledge."""

import csv
import http.server
import json
import shutil
import sys
import threading
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest

from tools import course, exercises, grading, sandboxed

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
        "replaces the program": ({4: "import sys\nsys.modules['__main__'].__dict__.clear()"}, 0),
        "returns what cannot be data": (
            {2: "def count_parameters(sizes):\n    return (x for x in sizes)\ndef count_multiplications(sizes, n):\n    return object()"},
            ALL - 2,
        ),
    }


def put(folder: Path, name: str, notebook: nbformat.NotebookNode, answers: dict[str, str]) -> None:
    for cell in notebook.cells:
        name_of_cell = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name_of_cell, cell.source)
    path = folder / "submitted" / name / WEEK / f"{WEEK}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def without_checks(notebook: nbformat.NotebookNode) -> None:
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-check")]


def checks_rewritten(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-check"):
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def marked(tmp_path_factory, server):
    """A class of thirty, handed out, collected and graded. Returns the folder, the marks wanted, and those given."""
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
    wanted = {"perfect": ALL, "perfect too": ALL, "empty": 0, "without the checks": ALL, "rewrites the checks": 0, "no notebook": 0}
    copy = lambda: nbformat.from_dict(released)  # noqa: E731
    for name in ("perfect", "perfect too"):
        put(folder, name, copy(), right)
    put(folder, "empty", copy(), {})
    notebook = copy()
    without_checks(notebook)
    put(folder, "without the checks", notebook, right)
    notebook = copy()
    checks_rewritten(notebook)
    put(folder, "rewrites the checks", notebook, {})
    put(folder, "no notebook", copy(), {})
    (folder / "submitted" / "no notebook" / WEEK / f"{WEEK}.ipynb").write_text("this is not JSON")
    neighbour = folder / "submitted" / "perfect" / WEEK / f"{WEEK}.ipynb"
    for name, (answers, marks) in hostile(canary, folder / "gradebook.db", neighbour, server[0]).items():
        put(folder, name, copy(), right | {ID.format(number): code for number, code in answers.items()})
        wanted[name] = marks
    put(folder, "last in the alphabet", copy(), right)
    wanted["last in the alphabet"] = ALL
    untouched = snapshot(folder / "submitted") | snapshot(canary) | snapshot(ROOT / "physnets")
    course.grade(folder, WEEK, trust=False)
    with (folder / "marks.csv").open() as file:
        given = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert snapshot(folder / "submitted") | snapshot(canary) | snapshot(ROOT / "physnets") == untouched
    assert not [process for process in psutil.process_iter(["cmdline"]) if sandboxed.__file__ in (process.info["cmdline"] or [])]
    return folder, wanted, given


def test_everybody_gets_the_marks_deserved(marked):
    _, wanted, given = marked
    assert len(wanted) >= 30
    assert given == wanted


def test_nobody_reached_the_server(marked, server):
    assert server[1] == []


def test_everybody_who_handed_in_a_notebook_gets_feedback(marked):
    folder, wanted, _ = marked
    assert {path.parent.parent.name for path in folder.glob("feedback/*/*/*.html")} == wanted.keys() - {"no notebook"}


def test_feedback_says_why(marked):
    page = (marked[0] / "feedback" / "endless loop in a function" / WEEK / f"{WEEK}.html").read_text()
    assert "your code was stopped: it took longer than 4 seconds" in page


def test_without_bubblewrap_untrusted_work_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    with pytest.raises(SystemExit, match=r"^bubblewrap is not installed .* nothing was graded; --trust grades without a sandbox\.$"):
        course.grade(tmp_path, WEEK, trust=False)


@pytest.mark.parametrize("trust", [False, True])
def test_a_program_is_asked_and_ended(trust):
    sandbox = grading.Sandbox(seconds=20, megabytes=500, processes=8, trust=trust)
    assert sandbox.ask(run="import os\ndef double(x):\n    return 2 * x\nprint(os.getcwd())")["printed"].startswith("/tmp")
    reply = sandbox.ask(call="double", args=sandboxed.encode((np.arange(3.0),)), kwargs=sandboxed.encode({}))
    np.testing.assert_array_equal(sandboxed.decode(reply["value"]), [0, 2, 4])
    sandbox.close()
    assert sandbox.process.returncode is not None and not Path(sandbox.folder.name).exists()


@pytest.mark.parametrize("week", [path.stem for path in exercises.sources()])
def test_solved_exercises_get_all_points_in_the_sandbox(week):
    """What a check needs from the student has to travel as plain data, within the time."""
    notebook = exercises.prepared(nbformat.read(ROOT / "assignments" / week / f"{week}.ipynb", as_version=4), seed=2)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    checks = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("grade")]
    inside = [grading.without_magics(cell.source) for cell in code if cell not in checks]
    submission = grading.Submission(inside, lambda: grading.Sandbox(20, 2000, 32, trust=False), seconds=120)
    known, errors = {}, [result["error"] for result in submission.results if "error" in result]
    for cell in code:
        if cell in checks:
            errors += [error for error in [grading.check(cell.source, known, submission).get("error")] if error]
        elif cell.metadata.get("nbgrader", {}).get("locked"):
            exec(compile(cell.source, "given", "exec"), known)
    submission.close()
    assert errors == []


PLAIN = [
    None,
    True,
    3,
    2.5,
    "text",
    [1, [2.0, "x"]],
    (1, 2),
    {"a": [1], 2: (3,)},
    np.arange(6).reshape(2, 3),
    np.array([1 + 2j]),
    float("inf"),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_goes_there_and_back(value):
    back = sandboxed.decode(json.loads(json.dumps(sandboxed.encode(value))))
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)


@pytest.mark.parametrize(
    "coded",
    [
        {"array": ["|O8", [1], ""]},
        {"array": ["<f8", [10**12], ""]},
        {"array": ["no type", [1], ""]},
        {"dict": [[{"list": []}, 1]]},
        {"object": 1},
        [1],
    ],
)
def test_what_is_not_plain_is_refused(coded):
    with pytest.raises((ValueError, TypeError)):
        sandboxed.decode(coded)


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
