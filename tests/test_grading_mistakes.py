"""Mistakes that feedback knows: each kept wrong answer is taken for itself or for nothing, never for another one."""

import re
from pathlib import Path
from urllib.parse import quote

import nbformat
import numpy as np
import pytest

from tools import exercises, mistakes

ROOT = Path(__file__).resolve().parent.parent
# What these two check takes seconds; they are tried by `make class`.
SLOW = {"w02-5", "w05-5"}
WEEKS = [path.stem for path in exercises.sources()]
EXERCISES = sorted({kept.exercise for week in WEEKS for kept in mistakes.written(week)})


def answering(values: list) -> object:
    """A student's program that gives these values, one after the other."""
    left = iter(values)
    return lambda request: next(left)


def probed(exercise: str) -> mistakes.Probe:
    week = f"week{exercise[1:3]}"
    return mistakes.probe(exercises.SOURCES / week / f"{week}.ipynb", f"{exercise}-check", seed=7)


def recognised(exercise: str) -> set[str]:
    """The wrong answers to an exercise that are recognised; no answer may be taken for another, and the right one for none."""
    probe, found = probed(exercise), set()
    assert mistakes.recognised(probe, answering(probe.right)) is None, "the right answer is taken for a wrong one"
    for what, values in probe.wrong.items():
        said = mistakes.recognised(probe, answering(values))
        assert said in (what, None), f"{what} is taken for {said}"
        found |= {said} - {None}
    return found


@pytest.mark.parametrize("exercise", [pytest.param(name, marks=pytest.mark.browser) if name in SLOW else name for name in EXERCISES])
def test_no_wrong_answer_is_taken_for_another(exercise):
    kept = {known.what for known in mistakes.written(f"week{exercise[1:3]}") if known.exercise == exercise}
    silent = kept - recognised(exercise)
    assert len(silent) < len(kept), "none of the wrong answers is recognised"


def test_six_in_seven_are_recognised():
    """Of the exercises that are not slow; the probes are those of the test above."""
    names = [name for name in EXERCISES if name not in SLOW]
    kept = [known for name in names for known in mistakes.written(f"week{name[1:3]}") if known.exercise == name]
    assert sum(len(recognised(name)) for name in names) >= 6 / 7 * len(kept)


@pytest.mark.parametrize("week", WEEKS)
def test_each_mistake_has_a_hint_of_its_own_and_a_section(week):
    lecture = nbformat.read(next((ROOT / "notebooks").glob(f"{week}_*.ipynb")), as_version=4)
    headings = re.findall(r"^##+ (.+)$", "\n".join(cell.source for cell in lecture.cells if cell.cell_type == "markdown"), re.MULTILINE)
    kept = mistakes.written(week)
    assert len({(known.exercise, known.what) for known in kept}) == len({(known.exercise, known.hint) for known in kept}) == len(kept)
    for known in kept:
        assert headings.count(known.section) == 1, f"{known.exercise}: the lecture has no section {known.section}"
        assert re.fullmatch(r".{20,250}[.?]", known.hint), known.hint
        said = mistakes.hint(week, f"{known.exercise}-check", known.what)
        assert known.hint in said and f".ipynb#{quote(known.section.split()[0])}" in said and known.what not in said


def test_a_wrong_answer_without_a_hint_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(mistakes, "WRONG", tmp_path)
    (tmp_path / "week77.py").write_text("# %% w77-1: wrong\n# Section: One\ndef f():\n    return 1\n")
    with pytest.raises(ValueError, match=r"^week77.py has a wrong answer without its head, expected"):
        mistakes.written("week77")


def test_what_agrees_with_two_mistakes_or_with_none_is_not_judged():
    calls = [{"get": "a"}, {"get": "b"}]
    probe = mistakes.Probe(calls, [0.5, 1.5], {"one": [0.5, 2.5], "two": [0.5, 2.5 + 1e-9], "three": [0.25, 1.5]})
    assert mistakes.recognised(probe, answering([0.5, 2.5])) is None
    assert mistakes.recognised(probe, answering([0.25, 1.5])) == "three"
    assert mistakes.recognised(probe, answering([0.25, 1.6])) is None
    assert mistakes.recognised(probe, answering([0.5, 1.5])) is None


def test_a_word_in_common_is_no_evidence():
    probe = mistakes.Probe([{"get": "a"}], ["dense"], {"one": ["recurrent"]})
    assert mistakes.recognised(probe, answering(["recurrent"])) is None


def test_an_answer_that_fails_is_no_known_mistake():
    def fails(request):
        raise AssertionError

    assert mistakes.recognised(mistakes.Probe([{"get": "a"}], [0.5], {"one": [1.5]}), fails) is None


def test_an_exercise_whose_solution_fails_has_no_probe(tmp_path):
    notebook = nbformat.read(exercises.SOURCES / "week01" / "week01.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("0.5 - k", "k")
    nbformat.write(notebook, tmp_path / "week01.ipynb")
    assert mistakes.probe(tmp_path / "week01.ipynb", "w01-1-check") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0 + 1e-9, True),
        (np.zeros(2), [0, 0], True),
        (np.zeros(2), np.zeros((2, 1)), False),
        ((1.0, np.zeros(2)), (1.0, np.zeros(2)), True),
        ((1.0, np.zeros(2)), (1.0, np.zeros(3)), False),
        ("a", "a", True),
        ("1", 1, False),
        ({"a": [1]}, {"a": [1.0]}, True),
        (None, None, True),
        (float("nan"), float("nan"), True),
        (mistakes.FAILED, mistakes.FAILED, False),
    ],
)
def test_alike(one, other, same):
    assert mistakes.alike(one, other) is same
