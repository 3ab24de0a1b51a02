"""From nbgrader's gradebook to tables of marks; what is kept when a submission is graded again; days late."""

import csv
import math
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Int

from tools.collect import PEOPLE, people
from tools.feedback import about, is_written

DAY = 86_400  # seconds


class LateDays(LateSubmissionPlugin):
    """Takes points for each day that a submission is late, beyond a number of days that a student is free to spend over the term."""

    free_days = Int(0, help="How many days late, in all weeks together, cost nothing.").tag(config=True)
    share_per_day = Float(0.1, help="The share of a submission's points that each further day costs.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        # self.parent is nbgrader's step, which knows the gradebook and the week.
        gradebook, week = self.parent.gradebook, self.parent.assignment_id
        due = gradebook.find_assignment(week).duedate
        late = [
            s.total_seconds_late
            for s in gradebook.find_student(student_id).submissions
            if s.assignment.duedate and s.assignment.duedate < due
        ]
        spent = sum(math.ceil(seconds / DAY) for seconds in late)
        days = math.ceil(total_seconds_late / DAY)
        charged = min(days, max(0, spent + days - self.free_days))
        return score * min(1.0, charged * self.share_per_day)


def written_answers(path: Path) -> dict[str, str]:
    """The texts of the written answers of a graded notebook, by their names; none if there is no notebook yet."""
    if not path.is_file():
        return {}
    return {about(cell)["grade_id"]: cell.source for cell in nbformat.read(path, as_version=4).cells if is_written(cell)}


def settled(gradebook: Gradebook, week: str, student: str) -> set[str]:
    """The names of what an instructor has marked by hand and is done with."""
    try:
        grades = gradebook.find_submission_notebook(week, week, student).grades
    except MissingEntry:
        return set()
    return {grade.name for grade in grades if grade.manual_score is not None and not grade.needs_manual_grade}


def keep_settled(gradebook: Gradebook, week: str, student: str, names: set[str]) -> None:
    """Say of marks given by hand that they are done; nbgrader asks for all of them again after each run."""
    for grade in gradebook.find_submission_notebook(week, week, student).grades:
        if grade.name in names:
            grade.needs_manual_grade = False
    gradebook.db.commit()


def rows(gradebook: Gradebook) -> list[dict]:
    """One row for each week and student: what `marks.csv` says."""
    found = []
    for assignment in gradebook.assignments:
        handed_in = {submission.student_id: submission for submission in assignment.submissions}
        for student in gradebook.students:
            submission = handed_in.get(student.id)
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades] if submission else []
            score, penalty = (submission.score, submission.late_submission_penalty or 0.0) if submission else (0.0, 0.0)
            found.append(
                {
                    "assignment": assignment.name,
                    "student_id": student.id,
                    "duedate": assignment.duedate or "",
                    "timestamp": (submission and submission.timestamp) or "",
                    "raw_score": score,
                    "late_submission_penalty": penalty,
                    "score": max(0.0, score - penalty),
                    "max_score": assignment.max_score,
                    "points_not_yet_marked": sum(grade.max_score for grade in grades if grade.needs_manual_grade),
                }
            )
    return found


def table(path: Path, lines: list[dict]) -> None:
    """Write a table that spreadsheets read, whatever is in the names."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows({key: harmless(value) for key, value in line.items()} for line in lines)


def harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def write(folder: Path, gradebook: Gradebook, week: str) -> None:
    """Write `marks.csv`, and for a class whose files came from Moodle or Canvas what these import for a week."""
    lines = rows(gradebook)
    if not lines:
        return
    table(folder / "marks.csv", lines)
    scores = {line["student_id"]: line["score"] for line in lines if line["assignment"] == week}
    known = [(person, scores[person["student_id"]]) for person in people(folder / PEOPLE) if person["student_id"] in scores]
    moodle = [
        {"Identifier": f"Participant {person['number']}", "Full name": person["name"], "Grade": f"{score:g}"}
        for person, score in known
        if person["platform"] == "moodle"
    ]
    canvas = [
        {"Student": person["name"], "ID": person["number"], "Section": "", week: f"{score:g}"}
        for person, score in known
        if person["platform"] == "canvas"
    ]
    for platform, found in (("moodle", moodle), ("canvas", canvas)):
        if found:
            table(folder / f"marks-{week}-{platform}.csv", found)
