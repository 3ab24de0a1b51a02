"""Tables of marks, days late, the page on a class, and numbers for each student."""

import csv
import datetime
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from tools import collect, course, exercises, marks, report, seeds

WEEK = "week01"


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """Three students, of whom one has handed in nothing; exercise 1 has 2 points and the text 4."""
    path = tmp_path_factory.mktemp("book") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # nbgrader starts alembic by its name
        book = Gradebook(f"sqlite:///{path}")
    with book:
        for week, due in ((WEEK, "2027-05-03 18:00 UTC"), ("week02", "2027-05-10 18:00 UTC")):
            book.add_assignment(week, duedate=due)
            book.add_notebook(week, week)
            book.add_grade_cell("w01-1-check", week, week, max_score=2, cell_type="code")
            book.add_grade_cell("w01-6-text", week, week, max_score=4, cell_type="markdown")
        for name in ('Meier, "Anna"', "Ö\nx", "nobody"):
            book.add_student(name)
            if name != "nobody":
                book.add_submission(WEEK, name, timestamp=datetime.datetime(2027, 5, 4, 19))
                grade = book.find_grade("w01-1-check", WEEK, WEEK, name)
                grade.auto_score, grade.needs_manual_grade = 1.5, False
                book.find_grade("w01-6-text", WEEK, WEEK, name).needs_manual_grade = True
        book.db.commit()
    return path


@pytest.fixture
def gradebook(database, tmp_path):
    shutil.copy(database, tmp_path)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        yield book


def read(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_of_marks_holds_names_of_every_kind(gradebook, tmp_path):
    marks.write(tmp_path, gradebook, WEEK)
    rows = {row["student_id"]: row for row in read(tmp_path / "marks.csv") if row["assignment"] == WEEK}
    assert {name: (row["score"], row["points_not_yet_marked"]) for name, row in rows.items()} == {
        'Meier, "Anna"': ("1.5", "4.0"),
        "Ö\nx": ("1.5", "4.0"),
        "nobody": ("0.0", "0"),
    }
    assert not list(tmp_path.glob("marks-*.csv"))


def test_no_spreadsheet_computes_with_a_name(tmp_path):
    marks.table(tmp_path / "table.csv", [{"student_id": name, "score": -1.5} for name in ("=1+1", "@SUM(A1)", "-rf", "a=b")])
    assert [(row["student_id"], row["score"]) for row in read(tmp_path / "table.csv")] == [
        ("'=1+1", "-1.5"),
        ("'@SUM(A1)", "-1.5"),
        ("'-rf", "-1.5"),
        ("a=b", "-1.5"),
    ]


@pytest.mark.parametrize(
    ("platform", "columns"),
    [
        ("moodle", {"Identifier": "Participant 101", "Full name": "Anna", "Grade": "1.5"}),
        ("canvas", {"Student": "Anna", "ID": "101", "Section": "", WEEK: "1.5"}),
    ],
)
def test_platforms_get_their_own_tables(gradebook, tmp_path, platform, columns):
    marks.table(tmp_path / collect.PEOPLE, [{"student_id": 'Meier, "Anna"', "platform": platform, "number": "101", "name": "Anna"}])
    marks.write(tmp_path, gradebook, WEEK)
    assert read(tmp_path / f"marks-{WEEK}-{platform}.csv") == [columns]


@pytest.mark.parametrize(
    ("free", "hours", "penalty"),
    [(0, 1, 1.0), (0, 25, 2.0), (0, 24 * 30, 10.0), (1, 1, 1.0), (2, 1, 1.0), (3, 1, 0.0), (3, 25, 1.0), (9, 25, 0.0)],
)
def test_days_late_are_counted_over_the_term(gradebook, free, hours, penalty):
    """In the week before, two days were spent already."""
    step = SimpleNamespace(gradebook=gradebook, assignment_id="week02")
    plugin = SimpleNamespace(free_days=free, share_per_day=0.1, parent=step)
    assert marks.LateDays.late_submission_penalty(plugin, 'Meier, "Anna"', 10.0, hours * 3600) == pytest.approx(penalty)


def test_discrimination_is_the_correlation_with_the_rest():
    random = np.random.default_rng(0)
    ability = random.normal(size=200)
    shares = pd.DataFrame(
        {name: (ability + random.normal(size=200) > 0) * 1.0 for name in "abc"} | {"coin": random.integers(0, 2, 200) * 1.0, "all": 1.0}
    )
    found = report.discrimination(shares)
    rest = shares[["b", "c", "coin", "all"]].sum(axis=1)
    assert found.loc["a", "correlation"] == pytest.approx(np.corrcoef(shares["a"], rest)[0, 1])
    assert (found.loc[["a", "b", "c"], "low"] > 0).all() and found.loc["coin", "low"] < 0 < found.loc["coin", "high"]
    assert found.loc["all"].isna().all()


def test_a_page_on_a_class_has_no_names(gradebook, tmp_path):
    cells = [new_markdown_cell("## Exercise 1.1: A <title>"), new_code_cell("", metadata={"nbgrader": {"grade_id": "w01-1-check"}})]
    (tmp_path / "release" / WEEK).mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), tmp_path / "release" / WEEK / f"{WEEK}.ipynb")
    with pytest.raises(ValueError, match=r"^no notebook of week01 was graded, expected at least one"):
        report.write(tmp_path, WEEK)
    cells[1].metadata["grading"] = {"seconds": 2.5, "mistake": "the biases are forgotten"}
    folder = tmp_path / "autograded" / 'Meier, "Anna"' / WEEK
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), folder / f"{WEEK}.ipynb")
    page = report.write(tmp_path, WEEK).read_text()
    for words in (
        "1 notebooks",
        "Exercise 1.1: A &lt;title&gt;",
        "0% (0% to 79%)",
        "2.5",
        "the biases are forgotten",
        "Nobody solved Exercise 1.1.",
        "data:image/png;base64,",
    ):
        assert words in page
    assert "Meier" not in page


def test_a_seed_follows_from_the_course_and_the_name():
    assert seeds.of(7, "Müller") == seeds.of(7, "Mu\u0308ller") != seeds.of(8, "Müller")
    assert len({seeds.of(7, f"student {number}") for number in range(200)}) == 200


def test_everybody_gets_a_notebook_and_is_graded_with_its_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(exercises, "sources", lambda: [exercises.SOURCES / WEEK / f"{WEEK}.ipynb"])
    folder = tmp_path / "physics-2027"
    course.new(folder, 7, per_student=True)
    with pytest.raises(SystemExit, match=r"students.txt is not there, expected the students' names, one in each line"):
        course.release(folder, WEEK)
    (folder / "students.txt").write_text("anna\nMüller\ncopyist\n")
    assert course.release(folder, WEEK) == 0
    printed = {}
    for name, from_whom in (("anna", "anna"), ("Müller", "Müller"), ("copyist", "anna")):
        notebook = nbformat.read(folder / "handout" / from_whom / f"{WEEK}.ipynb", as_version=4)
        solved = nbformat.read(folder / "source" / WEEK / f"{WEEK}.ipynb", as_version=4)
        answers = {
            cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if cell.metadata.get("nbgrader", {}).get("solution")
        }
        answers["w01-6-text"] = f"The error is 0.0{seeds.of(7, from_whom)} eV for 16 and 0.{seeds.of(7, from_whom)} eV for 4 units."
        for cell in notebook.cells:
            cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        (folder / "submitted" / name / WEEK).mkdir(parents=True)
        nbformat.write(notebook, folder / "submitted" / name / WEEK / f"{WEEK}.ipynb")
    course.grade(folder, WEEK, trust=False)
    assert {row["student_id"]: row["score"] for row in read(folder / "marks.csv")} == {"anna": "17.0", "Müller": "17.0", "copyist": "17.0"}
    for name in ("anna", "Müller", "copyist"):
        graded = nbformat.read(folder / "autograded" / name / WEEK / f"{WEEK}.ipynb", as_version=4)
        assert seeds.told(graded) == seeds.of(7, name)
        printed[name] = "".join(
            output.text for cell in graded.cells for output in cell.get("outputs", []) if output.output_type == "stream"
        )
    assert len(set(printed.values())) == 3
    assert "copyist: its numbers are those of another name" in (folder / f"grading-{WEEK}.txt").read_text()
    pairs = (folder / f"pairs-{WEEK}.txt").read_text().splitlines()
    assert len(pairs) == 3 and pairs[2].startswith("anna and copyist: ")


def test_numbers_that_are_given_or_that_many_have_say_nothing():
    given = new_notebook(cells=[new_markdown_cell("an accuracy of 0.0123 eV")])
    texts = {"a": "0.0123 and 4.5678 and 1.2345", "b": "0.0123 and 4.5678 and 1.2345", "c": "4.5678, 12, 9.9", "d": "9.8765 and 1.1111"}
    notebooks = {name: new_notebook(cells=[new_markdown_cell(text)]) for name, text in texts.items()}
    assert seeds.alike(notebooks, given) == []
    notebooks["e"] = new_notebook(cells=[new_code_cell("x = 9.8765\ny = 1.1111")])
    assert seeds.alike(notebooks, given) == [("d", "e", ["1.1111", "9.8765"])]


def test_the_seed_of_a_source_is_found():
    source = exercises.prepared(nbformat.read(exercises.SOURCES / WEEK / f"{WEEK}.ipynb", as_version=4), seed=12)
    assert seeds.told(source) == 12 and seeds.told(new_notebook()) is None
