"""Mistakes that feedback knows: each kept wrong answer is taken for itself or for nothing, never for another one."""

import nbformat
import numpy as np
import pytest

from tools import exercises, mistakes

# The checks of weeks 2, 3, 5 and 9 to 11 take longer; they are tried with the class of 120.
WEEKS = ["week01", "week04", "week06", "week07", "week08", "week12"]


def answering(values: list) -> object:
    """A student's program that gives these values, one after the other."""
    left = iter(values)
    return lambda request: next(left)


def recognised(week: str, seed: int | None) -> tuple[int, int]:
    """How many of a week's wrong answers are recognised, and how many there are; no answer may be taken for another."""
    path, kept = exercises.SOURCES / week / f"{week}.ipynb", mistakes.written(week)
    found = 0
    for name in sorted({name for name, _, _ in kept}):
        probe = mistakes.probe(path, f"{name}-check", seed)
        assert mistakes.recognised(probe, answering(probe.right)) is None, f"the right answer to {name} is taken for a wrong one"
        for what, values in probe.wrong.items():
            said = mistakes.recognised(probe, answering(values))
            assert said in (what, None), f"{name}: {what} is taken for {said}"
            found += said == what
    return found, len(kept)


@pytest.mark.parametrize("week", WEEKS)
def test_no_wrong_answer_is_taken_for_another_and_most_are_recognised(week):
    found, kept = recognised(week, seed=7)
    assert found >= 0.8 * kept


@pytest.mark.browser
@pytest.mark.parametrize("week", sorted({path.stem for path in exercises.sources()} - set(WEEKS)))
def test_no_wrong_answer_is_taken_for_another_in_the_slow_weeks(week):
    found, kept = recognised(week, seed=7)
    assert found >= 0.5 * kept


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
