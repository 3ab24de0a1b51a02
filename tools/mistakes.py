"""Recognise a mistake: which of the wrong answers kept in tests/wrong_answers a student's answer agrees with.

Compared is what an answer gives where its check has called the right one. A mistake is named if the student's answer agrees with one kept
wrong answer everywhere, and with no other, and if right and wrong differ there in more than might be chance. Otherwise nothing is said.
"""

import contextlib
import functools
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
import numpy as np
import yaml

from tools import exercises, sandboxed
from tools.feedback import about

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "tests" / "wrong_answers"
MAX_CALLS = 40  # of a check that are compared
FAILED = object()  # what a call gave that raised an error: like nothing


@dataclass(frozen=True)
class Probe:
    """The calls of one check, and what the right and the wrong answers give.

    Args:
        calls: requests to a student's program.
        right: what the right answer gives to each, as plain data.
        wrong: for each mistake, what an answer with it gives to each.
    """

    calls: list[dict]
    right: list[object]
    wrong: dict[str, list[object]]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is kept.

    Args:
        exercise: its id.
        what: what is wrong, in a few words for the instructor.
        section: the heading of the section of the week's lecture that puts it right.
        hint: what a student who has made it is told.
        code: the answer.
    """

    exercise: str
    what: str
    section: str
    hint: str
    code: str


HEAD = re.compile(r"^# %% (?P<exercise>\S+): (?P<what>.+)\n# Section: (?P<section>.+)\n# Hint: (?P<hint>.+)\n", re.MULTILINE)


@functools.cache
def written(week: str) -> list[Mistake]:
    """The wrong answers kept for a week.

    Raises:
        ValueError: one of them lacks a line of its head.
    """
    path = WRONG / f"{week}.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    heads = list(HEAD.finditer(text))
    if len(heads) != len(re.findall("^# %%", text, re.MULTILINE)):
        raise ValueError(
            f"{path.name} has a wrong answer without its head, expected '# %% ID: what is wrong', '# Section: …', '# Hint: …'."
        )
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [Mistake(**head.groupdict(), code=text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]


def alike(one: object, other: object) -> bool:
    """Whether two results are the same, up to rounding."""
    if one is FAILED or other is FAILED:
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    try:
        a, b = np.asarray(one), np.asarray(other)
    except ValueError:  # parts of different shapes
        a = b = np.array(None)
    if a.dtype.hasobject or b.dtype.hasobject:
        parts = isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other)
        return all(map(alike, one, other)) if parts else one is None and other is None
    if a.shape != b.shape or (a.dtype.kind in "biufc") != (b.dtype.kind in "biufc"):
        return False
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True) if a.dtype.kind in "biufc" else np.array_equal(a, b))


def weight(value: object) -> int:
    """How much it says that two answers agree on a value: little for a word or a whole number, enough for a number with decimals."""
    if isinstance(value, list | tuple):
        return sum(weight(item) for item in value)
    if isinstance(value, dict):
        return weight(list(value.values()))
    array = np.asarray(value)
    return 3 if array.dtype.kind in "fc" and np.any(array != np.round(array)) else array.size > 3 or 1


def recognised(probe: Probe, call: Callable[[dict], object]) -> str | None:
    """The mistake in an answer, if it is one of those known and no other.

    Args:
        probe: the calls to compare.
        call: asks the student's program; raises an AssertionError if there is no value.
    """
    mine = []
    for request in probe.calls:
        try:
            mine.append(call(request))
        except AssertionError:
            mine.append(FAILED)
    agreeing = [what for what, theirs in probe.wrong.items() if all(map(alike, mine, theirs))]
    differing = [value for value, right in zip(mine, probe.right, strict=True) if not alike(value, right)]
    return agreeing[0] if len(agreeing) == 1 and sum(map(weight, differing)) >= 3 else None


def hint(week: str, check: str, what: str) -> str:
    """What feedback says of a mistake, with a link to the section of the lecture that puts it right."""
    exercise = check.removesuffix("-check")
    found = next(known for known in written(week) if (known.exercise, known.what) == (exercise, what))
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    lecture = next((ROOT / "notebooks").glob(f"{week}_*.ipynb"))
    anchor = quote(found.section.replace(" ", "-"))  # as Jupyter makes it of a heading
    address = f"{repository['url']}/blob/{repository['branch']}/notebooks/{lecture.name}#{anchor}"
    return (
        "**A hint.** On these inputs your answer gives what an answer with one known mistake gives. "
        f"{found.hint} See [Week {int(week.removeprefix('week'))}, “{found.section}”]({address})."
    )


@functools.cache
def probe(path: Path, check: str, seed: int | None = None) -> Probe | None:
    """What a check of a source notebook calls, and what right and wrong answers give; None if no wrong answer is kept for it.

    Args:
        path: the source, with its solutions.
        check: the check's name.
        seed: another seed than that of the source.
    """
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code" and about(cell)]
    exercise = check.removesuffix("-check")
    wrong = {known.what: known.code for known in written(path.stem) if known.exercise == exercise}
    if not wrong:
        return None
    solved = {about(cell)["grade_id"]: cell.source for cell in cells if about(cell)["solution"]}
    known: dict = {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        for cell in cells:
            source = cell.source if seed is None else exercises.SEED_LINE.sub(f"SEED = {seed}", cell.source)
            if about(cell)["grade_id"] == check:
                break
            if about(cell)["locked"] and not about(cell)["grade"]:
                exec(compile(source, "given", "exec"), known)
        try:
            calls, right = recorded(source, known, answered(known, solved))
        except Exception:  # the solution does not pass its own check: then there is nothing to compare with, and grading goes on
            return None
        found = {what: [given(answered(known, solved | {exercise: code}), request) for request in calls] for what, code in wrong.items()}
    # What fails, or gives what cannot be compared, cannot be recognised.
    return Probe(calls, right, {what: values for what, values in found.items() if all(value is not FAILED for value in values)})


def answered(known: dict, answers: dict[str, str]) -> dict:
    """The names that answers define."""
    names = known.copy()
    for name, source in answers.items():
        with contextlib.suppress(Exception):  # of an exercise further down, whose given cells are not there yet
            exec(compile(source, name, "exec"), names)
    return names


def recorded(check: str, known: dict, names: dict) -> tuple[list[dict], list[object]]:
    """The calls that a check makes of the right answer, at most some, and what they give."""
    from tools.grading import wanted_names  # which itself asks for probes

    calls: list[dict] = []
    results: list[object] = []

    def listening(name: str, value: object) -> object:
        if not callable(value):
            calls.append({"get": name})
            results.append(value)
            return value

        def called(*args: object, **kwargs: object) -> object:
            request = {"call": name, "args": sandboxed.encode(args), "kwargs": sandboxed.encode(kwargs)}
            result = value(*args, **kwargs)
            if len(calls) < MAX_CALLS:
                calls.append(request)
                results.append(sandboxed.decode(sandboxed.encode(result)))
            return result

        return called

    exec(compile(check, "check", "exec"), known | {name: listening(name, names[name]) for name in wanted_names(check, known)})
    return calls, results


def given(names: dict, request: dict) -> object:
    """What an answer gives to a request, as plain data."""
    try:
        if "get" in request:
            return sandboxed.decode(sandboxed.encode(names[request["get"]]))
        value = names[request["call"]](*sandboxed.decode(request["args"]), **sandboxed.decode(request["kwargs"]))
        return sandboxed.decode(sandboxed.encode(value))
    except Exception:
        return FAILED
