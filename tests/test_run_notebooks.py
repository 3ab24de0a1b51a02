"""The program that re-runs notebooks: clean outputs, and never a damaged file."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.run_notebooks import unexpected_stderr

ROOT = Path(__file__).resolve().parent.parent


def rerun(*arguments: object) -> subprocess.CompletedProcess:
    program = [sys.executable, ROOT / "tools" / "run_notebooks.py", *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_stores_clean_outputs(tmp_path):
    path = tmp_path / "lecture.ipynb"
    noisy = 'from tqdm import tqdm\nprint("one")\nfor _ in tqdm(range(3), desc="training"):\n    pass\nprint("two")'
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
    "source",
    ["import warnings\nwarnings.warn('careful')", "import os, time\nos.write(2, b'E0000 careful\\n')\ntime.sleep(1)"],
    ids=["Python", "C++"],
)
def test_does_not_store_what_it_would_have_to_hide(tmp_path, monkeypatch, source):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # a kernel that knows of pytest does not collect what C++ writes
    path = tmp_path / "lecture.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)"), new_code_cell(source)]), path)
    before = path.read_text()
    result = rerun(path)
    assert result.returncode == 1
    assert "was left as it was: cell 1 wrote to stderr, where only progress bars and downloads are expected:\n" in result.stderr
    assert "careful" in result.stderr
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "unexpected"),
    [
        ("training 3 networks: 100%|██████████| 50/50 [00:01<00:00, 28.70epoch/s]\n", ""),
        ("\r  0%|          | 0/3 [00:00<?, ?it/s]\r 33%|###3      | 1/3 [00:00<00:01,  2.00s/it]\n", ""),
        ("Downloading file 'a.gz' from 'https://b' to '/c'.\na.gz:   0%|          | 0.00/1.00 [00:00<?, ?B/s]\n", ""),
        ("Failed to download 'a.gz'. Will attempt the download again 1 more time.\nphysnets: coloured digits stand in.\n", ""),
        ("100%|██████████| 3/3 [00:00<00:00, 9.9it/s]\nE0000 failed\n", "E0000 failed"),
        ("loss 30%|high\n", "loss 30%|high"),
    ],
)
def test_only_progress_bars_and_downloads_may_stand_on_stderr(text, unexpected):
    outputs = [new_output("stream", name="stderr", text=part) for part in (text[:9], text[9:])]
    assert unexpected_stderr([*outputs, new_output("stream", name="stdout", text="one")]) == unexpected


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
