"""The program that re-runs notebooks: clean outputs, and never a damaged file."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent


def rerun(*arguments: object) -> subprocess.CompletedProcess:
    program = [sys.executable, ROOT / "tools" / "run_notebooks.py", *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_stores_clean_outputs(tmp_path):
    path = tmp_path / "lecture.ipynb"
    noisy = 'import sys\nprint("one")\nprint("careful", file=sys.stderr)\nprint("two")'
    nbformat.write(
        new_notebook(cells=[new_code_cell(noisy), new_code_cell("1 + 1")], metadata={"language_info": {"name": "x", "version": "1"}}), path
    )
    assert rerun(path).returncode == 0
    notebook = nbformat.read(path, as_version=4)
    assert [(output.name, output.text) for output in notebook.cells[0].outputs] == [("stdout", "one\ntwo\n")]
    assert notebook.cells[1].outputs[0].data == {"text/plain": "2"}
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (nbformat.writes(new_notebook(cells=[new_code_cell("1 / 0")])), "was left as it was, because a cell failed"),
        (nbformat.writes(new_notebook(cells=[new_code_cell("import os; os._exit(1)")])), "was left as it was, because a cell failed"),
        ("half a notebook {", "is no notebook"),
        (None, "there is no notebook"),
    ],
)
def test_leaves_a_failing_notebook_alone(tmp_path, content, sentence):
    path = tmp_path / "lecture.ipynb"
    if content:
        path.write_text(content)
    result = rerun(path)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback (most recent call last)\n  File" not in result.stderr
    assert [p.read_text() for p in tmp_path.iterdir()] == ([content] if content else [])
