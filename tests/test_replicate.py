"""Replications: what is counted, what is kept after a kill, what the page shows; and no band that accepts either sign."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from dask.distributed import LocalCluster
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import replicate, results

ROOT = Path(__file__).resolve().parents[1]
SEED = "SEED = 0  # change it"
TABLES = """
from IPython.display import Markdown, display
display(Markdown(f"| Quantity | Measured | Expected |\\n|---|---|---|\\n| the seed | {SEED} | 0 to 2 |"))
display(Markdown(f"| Conclusion | Holds |\\n|---|---|\\n| The seed is even. | {'no' if SEED % 2 else 'yes'} |"))
what_you_should_see = bool
assert what_you_should_see(SEED % 2 == 0)
"""


def lecture(path: Path, *more: str) -> tuple[Path, nbformat.NotebookNode]:
    cells = [new_markdown_cell("# Week 1: Seeds"), *(new_code_cell(source) for source in (SEED, *more, TABLES))]
    shown = "| Quantity | Measured | Expected |\n|---|---|---|\n| the seed | 0 | 0 to 2 |\n\n| Conclusion | Holds |\n|---|---|\n| The seed is even. | yes |"
    cells[-1].outputs = [new_output("display_data", {"text/markdown": shown})]
    nbformat.write(new_notebook(cells=cells), path)
    return path, nbformat.read(path, as_version=4)


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(replicate, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(replicate, "SEEDS", range(1, 3))
    return tmp_path / "records"


def test_counts_how_often_each_finding_held(tmp_path, records):
    path, notebook = lecture(tmp_path / "week01.ipynb", "assert SEED != 2")
    replicate.run({path: notebook})
    assert replicate.counts(path, notebook) == {"Every cell runs": (1, 2), "the seed": (2, 2), "The seed is even.": (1, 2)}
    assert replicate.missing({path: notebook}) == []
    changed = lecture(path, "assert SEED != 3")
    assert len(replicate.missing(dict([changed]))) == 2  # other code, other records


@pytest.mark.parametrize(
    ("measured", "band", "inside"),
    [
        ("0.5", "0.5 to 1", True),
        ("1e-07", "0 to 1e-06", True),
        ("-2", "-1 to 0", False),
        ("0.1 to 0.6 (20 seeds)", "0 to 0.5", False),
        ("nan", "0 to 1", False),
    ],
)
def test_a_number_is_judged_as_it_is_printed(measured, band, inside):
    assert replicate._inside(measured, band) is inside


@pytest.mark.parametrize(("answer", "holds"), [("yes", True), ("no", False), ("20 of 20", True), ("19 of 20", False)])
def test_an_answer_is_read(answer, holds):
    assert replicate._holds(answer) is holds


def test_a_kernel_that_dies_counts_as_a_run_in_which_nothing_held(tmp_path, records):
    _, notebook = lecture(tmp_path / "week01.ipynb", "import os\nos._exit(1)")
    assert replicate.replicate(notebook, 1) == {"Every cell runs": False}


def test_a_killed_run_goes_on_where_it_was(tmp_path, records):
    path, notebook = lecture(
        tmp_path / "week01.ipynb", f"import time\nopen({str(tmp_path / 'log')!r}, 'a').write(str(SEED)); time.sleep(SEED > 1 and 60)"
    )
    program = (
        f"from tools import replicate\nfrom pathlib import Path\nimport nbformat\n"
        f"replicate.RECORDS, replicate.SEEDS = Path({str(records)!r}), range(1, 3)\n"
        f"path = Path({str(path)!r})\nreplicate.run({{path: nbformat.read(path, as_version=4)}})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("records/*/*/1.json")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert replicate.missing({path: notebook}) == [(path, 2)]


def test_runs_on_a_dask_cluster_by_the_same_command(tmp_path, records, monkeypatch):
    path, _ = lecture(tmp_path / "week01.ipynb")
    page = tmp_path / "page.md"
    monkeypatch.setattr(replicate, "PAGE", page)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        monkeypatch.setattr(sys, "argv", ["replicate.py", "--scheduler", cluster.scheduler_address, str(path)])
        replicate.main()
    assert "| The seed is even. | 1 of 2 |" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.ipynb"], "there is no notebook nothing.ipynb; it is given relative to the folder you are in."),
        (["without.ipynb"], "without.ipynb has no line or several lines 'SEED = 0', expected one that feeds the whole lecture."),
        (["--scheduler", "nowhere", "week01.ipynb"], "there is no Dask scheduler at nowhere: "),
    ],
)
def test_says_what_it_cannot_use(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    lecture(Path("week01.ipynb"))
    nbformat.write(new_notebook(cells=[new_code_cell("seed = 0")]), "without.ipynb")
    monkeypatch.setattr(sys, "argv", ["replicate.py", *arguments])
    with pytest.raises(SystemExit, match=sentence.replace("(", r"\(")):
        replicate.main()


def replicated():
    return {path: notebook for path, notebook in results.lectures().items() if replicate.has_seed(notebook)}


@pytest.mark.parametrize("path", replicated(), ids=lambda path: path.stem)
def test_the_page_has_every_conclusion_of_a_lecture_and_none_that_failed_twice(path):
    notebook = replicated()[path]
    page = dict(
        line.strip("| ").rsplit(" | ", 1) for line in section_on_the_page(path).splitlines() if line.startswith("| ") and " of " in line
    )
    assert list(page) == [replicate.RUNS, *replicate.findings(notebook)]
    held = {name: [int(number) for number in count.split(" of ")] for name, count in page.items()}
    assert {name: count for name, count in held.items() if count[1] != len(replicate.SEEDS) or count[0] < replicate.ENOUGH} == {}


def section_on_the_page(path: Path) -> str:
    return next(part for part in replicate.PAGE.read_text(encoding="utf-8").split("### ") if f"notebooks/{path.name})" in part)


@pytest.mark.parametrize("path", replicated(), ids=lambda path: path.stem)
def test_no_band_of_a_lecture_accepts_either_sign(path):
    rows = [line.strip("| ").split(" | ") for line in replicate.closing_lines(replicated()[path])]
    bands = [row[2].split(" to ") for row in rows if len(row) == 3 and " to " in row[2]]
    assert bands
    assert [band for band in bands if float(band[0]) < 0 < float(band[1])] == []
