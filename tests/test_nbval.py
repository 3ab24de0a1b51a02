"""Proof that the regression test over the notebooks fails when it should, and only then.

A small notebook is run and stored by the project's own tool; copies of it get at most one fault a cell; nbval judges them all in one run.
"""

import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.nbval_settings import compared
from tools.run_notebooks import run

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 8  # seconds, for the hung and the dead kernel below

IMPORTS, ENERGY, FIGURE, BAND, NOISE, COUNT = range(6)
CELLS = [
    "import matplotlib.pyplot as plt\nfrom tqdm import tqdm\n\nfrom physnets.checks import what_you_should_see",
    'print("lowest energy 0.1234 of 5 levels")\nfor _ in tqdm(range(3), desc="loading"):\n    pass',
    "fig, ax = plt.subplots()\nax.plot([0, 1], [0, 1]);",
    'what_you_should_see([("accuracy", 0.975, 0.9, 1.0)])',
    'print("trained to 0.7312")',
    "count = 5",
]


def in_output(cell: int, old: str, new: str):
    """A fault: the committed output of a cell says something else than the cell gives today."""

    def fault(notebook):
        for output in notebook.cells[cell].outputs:
            if output.get("name") == "stdout":
                assert old in output.text
                output.text = output.text.replace(old, new)
            elif "text/markdown" in output.get("data", {}):
                assert old in output.data["text/markdown"]
                output.data["text/markdown"] = output.data["text/markdown"].replace(old, new)

    return fault


def in_source(cell: int, old: str, new: str):
    """A fault: the code of a cell has changed."""

    def fault(notebook):
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return fault


USAGE_ERROR = "from IPython.core.error import UsageError\nraise UsageError"

# Each changes one cell: its number, and how.
HARMLESS = {
    "last_digit": (ENERGY, in_output(ENERGY, "0.1234", "0.1235")),
    "another_progress_bar": (ENERGY, in_source(ENERGY, 'range(3), desc="loading"', "range(5)")),
    "value_within_band": (BAND, in_output(BAND, "0.975", "0.942")),
    "value_that_may_vary": (NOISE, in_output(NOISE, "0.7312", "0.6999")),
}
FAULTS = {
    "number": (ENERGY, in_output(ENERGY, "0.1234", "0.1236")),
    "whole_number": (ENERGY, in_output(ENERGY, "5 levels", "6 levels")),
    "text": (ENERGY, in_output(ENERGY, "lowest", "highest")),
    "exception": (ENERGY, in_source(ENERGY, "print(", "raise ValueError(")),
    "no_output": (ENERGY, in_source(ENERGY, 'print("lowest', 'str("lowest')),
    "dead_kernel": (ENERGY, in_source(ENERGY, "print(", "import os; os._exit(1); print(")),
    "endless_loop": (ENERGY, in_source(ENERGY, "print(", "while True: pass\nprint(")),
    "figure_code_breaks": (FIGURE, in_source(FIGURE, "[0, 1]);", "[0, 1, 2]);")),
    "figure_not_drawn": (FIGURE, in_source(FIGURE, "ax.plot", "plt.close(fig); ax.plot")),
    "value_out_of_band": (BAND, in_source(BAND, "0.975", "0.875")),
    "another_band": (BAND, in_output(BAND, "0.9 to 1", "0.8 to 1")),
    "words_around_a_varying_value": (NOISE, in_output(NOISE, "trained to", "stuck at")),
    "stderr_of_a_library": (
        IMPORTS,
        in_source(IMPORTS, "import matplotlib", 'import os; os.write(2, b"E0000 failed\\n")\nimport matplotlib'),
    ),
    "warning": (FIGURE, in_source(FIGURE, "ax.plot", 'import warnings; warnings.warn("careful")\nax.plot')),
    "unknown_magic": (COUNT, in_source(COUNT, "count", "%this_magic_does_not_exist\ncount")),
    "unknown_cell_magic": (COUNT, in_source(COUNT, "count", "%%nosuch\ncount")),
    "usage_error": (COUNT, in_source(COUNT, "count", f"{USAGE_ERROR}\ncount")),
    "usage_error_without_a_word": (COUNT, in_source(COUNT, "count", f"import io, sys\nsys.stderr = io.StringIO()\n{USAGE_ERROR}\ncount")),
}


def shared_out(faults):
    """Names of faults for as few notebooks as it takes, no two of which change the same cell."""
    notebooks = []
    for name, (cell, _) in faults.items():
        room = next((names for names in notebooks if cell not in [faults[other][0] for other in names]), None)
        if room is None:
            notebooks.append(room := [])
        room.append(name)
    return notebooks


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """The faults in each notebook, the failure messages of each of its cells, and the seconds the whole run took."""
    folder = tmp_path_factory.mktemp("faults")
    sound = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    sound.cells[NOISE].metadata["tags"] = ["values-vary"]
    path = folder / "sound.ipynb"
    nbformat.write(sound, path)
    run(path)
    copies = {"harmless": [*HARMLESS], "nothing": []} | {f"faulty{k}": names for k, names in enumerate(shared_out(FAULTS))}
    for copy, names in copies.items():
        notebook = nbformat.read(path, as_version=4)
        for name in names:
            (HARMLESS | FAULTS)[name][1](notebook)
        nbformat.write(notebook, folder / f"{copy}.ipynb")
    path.unlink()
    settings = ["-c", ROOT / "pyproject.toml", "-p", "tests.nbval_settings", "-p", "no:cacheprovider", "-o", "addopts="]
    options = ["--nbval", f"--nbval-cell-timeout={CELL_TIMEOUT}", "-n2", "--dist=loadfile", f"--junitxml={folder}/junit.xml"]
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "pytest", folder, *settings, *options], cwd=ROOT, capture_output=True, check=False)
    seconds = time.monotonic() - start
    messages = {copy: {cell: [] for cell in range(len(CELLS))} for copy in copies}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):
        copy = next(copy for copy in copies if f"{copy}.ipynb" in case.get("classname"))
        cell = int(case.get("name").removeprefix("Cell "))
        messages[copy][cell] += [child.get("message") + (child.text or "") for child in case if child.tag in ("failure", "error")]
    return copies, messages, seconds


def said(verdicts, name):
    """The failure messages of the cell that a fault changes."""
    copies, messages, _ = verdicts
    copy = next(copy for copy, names in copies.items() if name in names)
    return "".join(messages[copy][FAULTS[name][0]])


@pytest.mark.parametrize("copy", ["nothing", "harmless"])
def test_passes_without_a_fault(verdicts, copy):
    assert not any(verdicts[1][copy].values())


@pytest.mark.parametrize("name", FAULTS)
def test_fails_on(verdicts, name):
    assert said(verdicts, name)


def test_a_cell_without_a_fault_passes_beside_one_with(verdicts):
    copies, messages, _ = verdicts
    assert ["dead_kernel"] in copies.values() and ["endless_loop"] in copies.values()  # these two would fail all cells after them
    number = next(copy for copy, names in copies.items() if "whole_number" in names)
    assert messages[number][IMPORTS] == messages[number][NOISE] == []


def test_says_why(verdicts):
    assert "0.1236" in said(verdicts, "number") and "0.1234" in said(verdicts, "number")
    assert "outside the expected band: accuracy is 0.875, expected 0.9 to 1" in said(verdicts, "value_out_of_band")
    assert f"Timeout of {CELL_TIMEOUT} seconds exceeded" in said(verdicts, "endless_loop")
    assert "E0000 failed" in said(verdicts, "stderr_of_a_library")
    assert "`%this_magic_does_not_exist` not found" in said(verdicts, "unknown_magic")
    assert "without a traceback" in said(verdicts, "usage_error_without_a_word")
    assert "Timeout" in said(verdicts, "dead_kernel") or "dead" in said(verdicts, "dead_kernel")


def test_hung_and_dead_kernels_are_given_up_long_before_nbval_would_by_itself(verdicts):
    addopts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    assert "--nbval-cell-timeout=200 " in addopts
    assert verdicts[2] < 300  # two notebooks, five cells of 8 s each, and the starts; nbval by itself would wait 2000 s


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("x = 0.97", "x = 0.96", True),
        ("x = 0.97", "x = 0.95", False),
        ("1.0e-05", "1.1e-05", True),
        ("1.0e-05", "1.2e-05", False),
        ("-0.5", "0.5", False),
        ("7 of 10", "7 of 11", False),
        ("0.123456789012", "0.123456789099", True),
        ("123456.7", "123456.9", False),
        ("nan", "0.5", False),
        ("[0. 1.]", "[0. 1.]", True),
        ("[0. 1.]", "[0. 2.]", False),
        ("[1. 0.5]", "[0.9 0.5]", True),
        ("a  1.5\n b", "a 1.5 b", True),
        ("1.5 and 2.5", "1.5", False),
    ],
)
def test_numeric_tolerance(a, b, same):
    assert (compared(a, []) == compared(b, [])) is same
    assert (compared(a, []) != compared(b, [])) is not same
