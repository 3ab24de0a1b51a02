"""What the visible part of a check accepts, the hidden part accepts too, here and out of the sandbox."""

import json
from collections import namedtuple
from collections.abc import Callable

import numpy as np
import pytest

from tests.test_exercises import WEEKS, Class, visible
from tools import grading, sandboxed

# Arrays and pairs; texts and nested lists. `make class` tries all weeks.
QUICK = {"week01", "week12"}


def arrays(change: Callable) -> Callable:
    """Change every array in a result."""

    def changed(value: object) -> object:
        if isinstance(value, np.ndarray) and value.ndim:
            return change(value)
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        return type(value)(changed(item) for item in value) if type(value) in (tuple, list) else value

    return changed


def numbers(change: Callable) -> Callable:
    """Change every single number in a result."""

    def changed(value: object) -> object:
        if type(value) in (tuple, list):
            return type(value)(changed(item) for item in value)
        return change(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else value

    return changed


def parts(change: Callable) -> Callable:
    """Change a pair, or more of the kind."""
    return lambda value: change(value) if isinstance(value, tuple | list) else value


def tuples(value: object) -> object:
    return tuple(map(tuples, value)) if isinstance(value, list) else value


CONTAINERS = {
    "nested lists": arrays(np.ndarray.tolist),
    "nested tuples": arrays(lambda array: tuples(array.tolist())),
    "lists of rows": arrays(list),
    "columns first": arrays(np.asfortranarray),
    "arrays without axes": numbers(np.asarray),
    "numbers of NumPy": numbers(lambda value: np.asarray(value)[()]),
    "lists": parts(list),
    "generators": parts(iter),
    "named tuples": parts(lambda values: namedtuple("Answer", [f"part{i}" for i in range(len(values))])(*values)),
    "texts of NumPy": lambda value: np.str_(value) if isinstance(value, str) else value,
}


def there_and_back(value: object) -> object:
    return sandboxed.decode(json.loads(json.dumps(sandboxed.encode(value))))


def verdict(lesson: Class, check: str, convert: Callable) -> str | None:
    """Why a check fails, if it does, where each right answer is converted."""
    names = lesson.known.copy()
    for name, text in lesson.solved.items():
        exec(compile(text, name, "exec"), names)
    found = {}
    for name in grading.wanted_names(check, lesson.known):
        value = names[name]
        found[name] = (lambda *args, value=value, **kwargs: convert(value(*args, **kwargs))) if callable(value) else convert(value)
    try:
        exec(compile(check, "check", "exec"), lesson.known | found)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("week", [week if week in QUICK else pytest.param(week, marks=pytest.mark.browser) for week in WEEKS])
def test_the_hidden_part_takes_what_the_visible_part_takes(week):
    lesson = Class(week, seed=3)
    refused = []
    for name, check in lesson.checks.items():
        for container, convert in CONTAINERS.items():
            if verdict(lesson, visible(check), convert) is None:
                refused += [(name, container, said) for said in [verdict(lesson, check, convert)] if said]
                refused += [(name, container, said) for said in [verdict(lesson, check, lambda v, c=convert: there_and_back(c(v)))] if said]
    assert refused == []
