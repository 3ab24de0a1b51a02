"""The exercises: solved they pass, unsolved and wrong answers fail, and no solution is published."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from tools import exercises, grading, mistakes
from tools.exercises import PUBLISHED, TABLE, prepared, sources, students_version

ROOT = Path(__file__).resolve().parent.parent
WEEKS = [path.stem for path in sources()]
KINDS = {"derive and implement", "predict, then run", "find the bug", "extend the lecture"}
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS", re.MULTILINE | re.DOTALL)


def source(week: str, seed: int = 0) -> nbformat.NotebookNode:
    return prepared(nbformat.read(ROOT / "assignments" / week / f"{week}.ipynb", as_version=4), seed)


def graded(cell) -> dict:
    return cell.metadata.get("nbgrader", {})


def cells(notebook, role: str) -> dict[str, str]:
    """Sources of the given, answer or check cells, by their identifier."""
    is_role = {
        "given": lambda about: about["locked"] and not about["grade"],
        "answer": lambda about: about["solution"],
        "check": lambda about: about["grade"] and not about["solution"],
    }[role]
    return {graded(c)["grade_id"]: c.source for c in notebook.cells if c.cell_type == "code" and graded(c) and is_role(graded(c))}


def visible(check: str) -> str:
    return HIDDEN.sub("", check)


class Class:
    """A week's exercises, run in this process: what is given, some answers, and the checks of one exercise."""

    def __init__(self, week: str, seed: int = 0) -> None:
        self.notebook = source(week, seed)
        self.solved = cells(self.notebook, "answer")
        self.checks = {name.removesuffix("-check"): text for name, text in cells(self.notebook, "check").items()}
        self.known: dict = {}
        for name, text in cells(self.notebook, "given").items():
            exec(compile(text, name, "exec"), self.known)

    def verdict(self, check: str, answers: dict[str, str], calls: list | None = None) -> str | None:
        """Why a check fails, if it does; `calls` collects what the answers gave."""
        known, answered = self.known.copy(), self.known.copy()
        for name, text in answers.items():
            exec(compile(text, name, "exec"), answered)
        found = {name: answered[name] for name in grading.wanted_names(check, known) if name in answered}
        if calls is not None:
            found = {name: recorded(value, calls) for name, value in found.items()}
        try:
            exec(compile(check, "check", "exec"), known | found)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None


def recorded(value: object, calls: list) -> object:
    if not callable(value):
        calls.append(repr(value))
        return value

    def called(*args, **kwargs):
        result = value(*args, **kwargs)
        with np.printoptions(threshold=100_000):
            calls.append(repr(result))
        return result

    return called


@pytest.mark.parametrize("week", WEEKS)
def test_each_week_has_four_to_six_exercises_of_several_kinds(week):
    notebook = nbformat.read(ROOT / "assignments" / week / f"{week}.ipynb", as_version=4)
    found = exercises.exercises(notebook)
    assert 4 <= len(found) <= 6
    assert [about["id"] for about in found] == [f"w{week[4:]}-{number + 1}" for number in range(len(found))]
    assert {about["kind"] for about in found} <= KINDS and len({about["kind"] for about in found}) >= 3
    assert found[0]["difficulty"] == "warm-up" and found[-1]["difficulty"] == "investigation"
    assert all(about["difficulty"] in ("warm-up", "medium", "investigation") and about["points"] > 0 for about in found)
    lecture = nbformat.read(next((ROOT / "notebooks").glob(f"{week}_*.ipynb")), as_version=4)
    goals = lecture.cells[0].source.partition("**After this lecture you can**")[2]
    count = len(re.findall(r"^\d\. ", goals.partition("\n## ")[0], re.MULTILINE)) or 5
    assert {about["goal"] for about in found} == set(range(1, count + 1)), "every goal of the lecture has an exercise"
    titles = re.findall(r"^## Exercise (\S+): ", "\n".join(c.source for c in notebook.cells), re.MULTILINE)
    assert titles == [f"{int(week[4:])}.{number + 1}" for number in range(len(found))]


@pytest.mark.parametrize("week", WEEKS)
def test_every_check_has_a_visible_and_a_hidden_part_and_random_inputs(week):
    for name, check in Class(week).checks.items():
        assert HIDDEN.search(check) and visible(check).strip(), name
        assert "default_rng([SEED," in check, f"the check of {name} draws no random inputs from the course's seed"


@pytest.mark.parametrize("week", WEEKS)
def test_solved_exercises_pass_and_their_answers_follow_the_seed(week):
    answers = []
    for seed in (0, 1):
        lesson = Class(week, seed)
        calls = {name: [] for name in lesson.checks}
        for name, check in lesson.checks.items():
            assert lesson.verdict(check, lesson.solved, calls[name]) is None, f"{name}, seed {seed}"
        answers.append(calls)
    same = [name for name in answers[0] if answers[0][name] == answers[1][name]]
    assert not same, f"the right answers to {same} do not change with the seed"


@pytest.mark.parametrize("week", WEEKS)
def test_unsolved_exercises_fail_with_a_sentence_that_says_what_is_expected(week):
    lesson = Class(week)
    stubs = cells(students_version(source(week)), "answer")
    for name, check in cells(students_version(source(week)), "check").items():
        message = lesson.verdict(check, stubs)
        assert message and re.fullmatch(r"AssertionError: .*expected.*", message, re.DOTALL), f"{name}: {message}"


@pytest.mark.parametrize("week", WEEKS)
def test_every_hidden_test_finds_a_wrong_answer_kept_for_it(week):
    """A wrong answer fails its check, and of each exercise at least one is found by the hidden part alone."""
    lesson = Class(week)
    caught = dict.fromkeys(lesson.checks, 0)
    for wrong in mistakes.written(week):
        answers = lesson.solved | {wrong.exercise: wrong.code}
        assert lesson.verdict(lesson.checks[wrong.exercise], answers), f"{wrong.exercise}: {wrong.what}"
        caught[wrong.exercise] += lesson.verdict(visible(lesson.checks[wrong.exercise]), answers) is None
    assert all(caught.values()), caught


@pytest.mark.parametrize("week", WEEKS)
def test_the_model_answer_says_what_each_point_is_for(week):
    (model,) = [cell for cell in source(week).cells if cell.cell_type == "markdown" and graded(cell).get("solution")]
    assert len(re.findall(r"^- \*\*1 point\*\*: \S.+\.$", model.source, re.MULTILINE)) == graded(model)["points"]


@pytest.mark.parametrize("week", WEEKS)
def test_the_published_notebook_is_generated_and_shows_no_solution(week):
    path = PUBLISHED / f"{week}.ipynb"
    made = nbformat.writes(students_version(source(week)))
    assert path.read_text(encoding="utf-8").strip() == made.strip(), f"{path.name} is not current: make exercises"


def secret_lines() -> set[str]:
    """The lines of solutions and hidden tests, without those that say nothing or that a lecture or what is given says as well."""
    secret, told = set(), set()
    for week in WEEKS:
        for cell in source(week).cells:
            regions = re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", cell.source, re.DOTALL)
            if cell.cell_type == "markdown" and graded(cell).get("solution"):
                regions.append(cell.source)
            secret |= {line.strip() for region in regions for line in region.splitlines()}
            open_part = re.sub(r"### BEGIN.*?### END [A-Z ]*", "", cell.source, flags=re.DOTALL)
            told |= (
                set()
                if graded(cell).get("solution") and cell.cell_type == "markdown"
                else {line.strip() for line in open_part.splitlines()}
            )
    for path in (ROOT / "notebooks").glob("week*.ipynb"):
        told |= {line.strip() for cell in nbformat.read(path, as_version=4).cells for line in cell.source.splitlines()}
    return {line for line in secret if len(line) >= 25 and not any(line in open_line for open_line in told)}


def test_no_solution_and_no_hidden_test_is_published():
    """What is published: the notebooks, the pages, which are made of these and of book/, and the package."""
    secret = secret_lines()
    assert len(secret) >= 10 * len(WEEKS)
    published = [path for folder in ("notebooks", "book", "physnets", "data") for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in published:
        content = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".ipynb":
            content = "\n".join(cell.source for cell in nbformat.reads(content, as_version=4).cells)
        assert not [line for line in secret if line in content], path


def test_the_table_is_generated():
    assert TABLE.read_text(encoding="utf-8") == exercises.table(), "the table is not current: make exercises"
