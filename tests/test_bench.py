"""The comparison of plain loops with the engine, at its smallest: it runs, and says what it promises in the form it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["numpy-grid", "keras-dense-grid", "keras-cnn-grid", "lstm-starts", "gru-starts", "simplernn-starts", "conv1d-starts"]
NAMES += ["batchnorm-starts", "dropout-starts", "mnist-cnn-starts"]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """The printed lines and the written table of a trial with few networks and one epoch."""
    table = tmp_path_factory.mktemp("bench") / "table.md"
    program = [sys.executable, ROOT / "tools" / "bench.py", "--short", "--output", table]
    printed = subprocess.run(program, check=True, capture_output=True, text=True, encoding="utf-8", timeout=400).stdout
    return printed.splitlines(), table.read_text(encoding="utf-8").splitlines()


def test_it_prints_a_ratio_for_each_comparison_and_then_the_table(trial):
    printed, table = trial
    assert [re.fullmatch(r"([a-z0-9-]+) ratio=\d+\.\d", line)[1] for line in printed[: len(NAMES) + 1]] == [*NAMES, "rollout"]
    assert printed[len(NAMES) + 1 :] == ["", *table]


@pytest.mark.parametrize("committed", [False, True], ids=["trial", "committed"])
def test_the_table_has_a_row_for_each_comparison(trial, committed):
    lines = (ROOT / "book" / "bench.md").read_text(encoding="utf-8").splitlines() if committed else trial[1]
    assert re.fullmatch(r"Measured on \d{4}-\d\d-\d\d with Python .* on \d+ processor cores, .* at \d+ GFLOP/s\.", lines[0])
    assert lines[1] == lines[-4] == ""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:-4]]
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows[2:]] == NAMES
    for name, members, epochs, batch, ratio, times, losses in rows[2:]:
        assert min(int(members), int(epochs), int(batch)) >= 1
        slow, fast = map(float, times.split(" → "))
        one_by_one, together = map(float, losses.split(" → "))
        if committed:  # a trial is over before a digit of the seconds is, and its losses are those of the first steps
            assert float(ratio) == pytest.approx(slow / fast, rel=0.05)
            assert together == pytest.approx(one_by_one, rel=0.3), name
    name, ratio, times, steps, difference = (cell.strip() for cell in lines[-1].strip("|").split("|"))
    assert (name, steps) == ("rollout", "200" if committed else "2")
    slow, fast = map(float, times.split(" → "))
    if committed:
        assert float(ratio) == pytest.approx(slow / fast, rel=0.05)
    assert float(difference) < 1e-4  # single precision
