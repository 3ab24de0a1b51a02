"""The comparison of loop and grid, at its smallest: it runs, and says what it promises in the form it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["numpy-grid", "keras-dense-grid", "keras-cnn-grid"]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """The printed lines and the written table of a trial with four networks and one epoch."""
    table = tmp_path_factory.mktemp("bench") / "table.md"
    program = [sys.executable, ROOT / "tools" / "bench.py", "--values", "2", "--epochs", "1", "--output", table]
    printed = subprocess.run(program, check=True, capture_output=True, text=True, encoding="utf-8", timeout=400).stdout
    return printed.splitlines(), table.read_text(encoding="utf-8").splitlines()


def test_it_prints_a_ratio_for_each_comparison_and_then_the_table(trial):
    printed, table = trial
    assert [re.fullmatch(r"([a-z-]+) ratio=\d+\.\d", line)[1] for line in printed[:4]] == [*NAMES, "rollout"]
    assert printed[4:] == ["", *table]


@pytest.mark.parametrize("committed", [False, True], ids=["trial", "committed"])
def test_the_table_has_a_row_for_each_comparison(trial, committed):
    lines = (ROOT / "book" / "bench.md").read_text(encoding="utf-8").splitlines() if committed else trial[1]
    networks = "49 networks, 100 epochs" if committed else "4 networks, 1 epochs"
    assert re.fullmatch(rf"Measured on \d{{4}}-\d\d-\d\d with Python .* on \d+ processor cores, .* at \d+ GFLOP/s: {networks}\.", lines[0])
    assert lines[1] == lines[-4] == ""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:-4]]
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows[2:]] == NAMES
    for row in rows[2:]:
        slow, fast = map(float, row[2].split(" → "))
        if committed:  # a trial is over before a digit of the seconds is
            assert float(row[1]) == pytest.approx(slow / fast, rel=0.05)
        assert all(0 <= float(accuracy) <= 1 for accuracy in row[3].split(" → "))
        assert row[4] == "nan" or -1 <= float(row[4]) <= 1
        assert re.fullmatch(r"\d+, \d+ learned", row[5])
        assert re.fullmatch(r"\d+\.\d\d% → \d+\.\d\d%", row[6])
    name, ratio, times, steps, difference = (cell.strip() for cell in lines[-1].strip("|").split("|"))
    assert (name, steps) == ("rollout", "200" if committed else "2")
    slow, fast = map(float, times.split(" → "))
    if committed:
        assert float(ratio) == pytest.approx(slow / fast, rel=0.05)
    assert float(difference) < 1e-4  # single precision
