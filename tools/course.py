"""The instructor's path from an assignment to marks: a thin layer over nbgrader, which keeps the gradebook and writes the feedback.

python tools/course.py new FOLDER --seed 2027           make a course: the sources of all assignments with this course's numbers
python tools/course.py release FOLDER week01            make the students' notebooks in FOLDER/release/week01, to be handed out
python tools/course.py collect FOLDER week01 FILE.zip   sort the archive of Moodle or Canvas into FOLDER/submitted/NAME/week01
python tools/course.py grade FOLDER week01              grade FOLDER/submitted/NAME/week01/week01.ipynb for all NAMEs; write
                                                        FOLDER/feedback/ and FOLDER/marks.csv
"""

import argparse
import contextlib
import logging
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nbgrader.api import Gradebook  # noqa: E402  (the clone need not be installed where this is started)
from nbgrader.converters import Autograde, GenerateFeedback  # noqa: E402
from nbgrader.coursedir import CourseDirectory  # noqa: E402
from nbgrader.server_extensions.formgrader import handlers  # noqa: E402
from nbgrader.utils import parse_utc  # noqa: E402
from sqlalchemy.exc import SAWarning  # noqa: E402
from traitlets.config import Config  # noqa: E402
from traitlets.config.loader import PyFileConfigLoader  # noqa: E402

from tools import collect, exercises, grading, handed_in, marks, report, sandbox, seeds  # noqa: E402

CONFIG = f"""# nbgrader's settings for this course; `nbgrader --help-all` lists them.
import sys

sys.path.insert(0, {str(ROOT)!r})

c = get_config()
c.CourseDirectory.course_id = {{name!r}}
# What is graded is made of what lies in submitted/: `course.py grade` puts copied, split and renamed cells in order first.
c.CourseDirectory.submitted_directory = "tidied"
c.ClearSolutions.code_stub = {{{{"python": "...  # your code here"}}}}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "tools.grading.SandboxExecute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "tools.feedback.MakeSafe",
    "tools.feedback.AddModelAnswers",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "tools.feedback.Feedback",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# The limits of a cell or a call, and of a submission.
c.SandboxExecute.seconds_per_cell = 20
c.SandboxExecute.seconds = 120
c.SandboxExecute.megabytes = 2000
c.SandboxExecute.processes = 32
# The seed from which each student's own follows, or None where all have the same numbers.
c.SandboxExecute.course_seed = {{course_seed}}
# Whether feedback shows the hidden tests themselves, or only the sentence that says what was found and expected.
c.Feedback.show_hidden_tests = False
# Days late; a week's deadline is set by `nbgrader db assignment add week01 --duedate "2027-05-03 18:00 CEST"`.
c.AssignLatePenalties.plugin_class = "tools.marks.LateDays"
c.LateDays.free_days = 0
c.LateDays.share_per_day = 0.0
"""


def new(folder: Path, seed: int, per_student: bool = False) -> None:
    """Make a course folder: nbgrader's settings and the sources with this course's numbers."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty, expected a new folder; nothing was written.")
    for path in exercises.sources():
        target = folder / "source" / path.stem / path.name
        target.parent.mkdir(parents=True)
        nbformat.write(exercises.prepared(nbformat.read(path, as_version=4), seed), target)
    (folder / "nbgrader_config.py").write_text(
        CONFIG.format(name=folder.resolve().name, course_seed=seed if per_student else None), encoding="utf-8"
    )


def release(folder: Path, week: str) -> int:
    # nbgrader starts alembic by its name.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", week, "--force"]
    if status := subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        return status
    if (seed := settings(folder, trust=False).SandboxExecute.get("course_seed")) is not None:
        try:
            seeds.hand_out(folder, week, seed)
        except FileNotFoundError as error:
            sys.exit(str(error))
    return 0


def settings(folder: Path, trust: bool) -> Config:
    """The course's settings, as nbgrader reads them."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    config.CourseDirectory.root = str(folder.resolve())
    config.SandboxExecute.trust = trust
    config.HTMLExporter.template_name, config.HTMLExporter.template_file = "student", "student.html.j2"
    config.HTMLExporter.extra_template_basedirs = [str(ROOT / "tools" / "pages"), handlers.template_path]
    return config


def tidy(folder: Path, week: str, name: str, released: nbformat.NotebookNode, course_seed: int | None) -> list[str]:
    """Put a student's notebook in order, for nbgrader to grade.

    Returns:
        What had to be mended, in sentences.

    Raises:
        ValueError: there is no notebook, or not one that can be read.
    """
    handed_in.check_name(name)
    path = handed_in.find(folder / "submitted" / name, week)
    handed = handed_in.read(path)
    seed = seeds.told(handed)
    notebook, notes = handed_in.tidy(handed, released)
    if course_seed is not None and seed not in (None, seeds.of(course_seed, name)):
        notes.append("its numbers are those of another name; it was graded with this student's own")
    if path.name != f"{week}.ipynb" or path.parent.name != week:
        notes.append(f"the notebook was {path.relative_to(folder / 'submitted' / name)}")
    target = folder / "tidied" / name / week
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{week}.ipynb")
    stamp = path.parent / "timestamp.txt"
    if stamp.is_file():
        try:
            parse_utc(stamp.read_text().strip())
            shutil.copy(stamp, target)
        except (ValueError, OverflowError):
            notes.append("timestamp.txt has no date, so it counts as handed in in time")
    return notes


def convert(converter: type, folder: Path, week: str, name: str, config: Config) -> None:
    """Take one of nbgrader's steps for one student."""
    course = CourseDirectory(config=config, assignment_id=week, student_id=name)
    with warnings.catch_warnings(action="ignore", category=SAWarning):  # nbgrader's own, of no use to an instructor
        converter(coursedir=course, config=config, force=True).start()


def grade_one(folder: Path, week: str, name: str, released: nbformat.NotebookNode, config: Config) -> list[str]:
    """Grade one student's submission and write the feedback. Returns what had to be mended.

    Raises:
        Exception: it could not be graded.
    """
    notes = tidy(folder, week, name, released, config.SandboxExecute.get("course_seed"))
    database = f"sqlite:///{folder.resolve() / 'gradebook.db'}"
    graded = folder / "autograded" / name / week / f"{week}.ipynb"
    before = marks.written_answers(graded)
    with Gradebook(database) as gradebook:
        done = marks.settled(gradebook, week, name)
    convert(Autograde, folder, week, name, config)
    notes += grading.failed_given(nbformat.read(graded, as_version=4))
    after = marks.written_answers(graded)
    with Gradebook(database) as gradebook:
        marks.keep_settled(gradebook, week, name, {answer for answer in done if before.get(answer) == after.get(answer)})
    convert(GenerateFeedback, folder, week, name, config)
    return notes


def grade(folder: Path, week: str, trust: bool) -> int:
    """Grade all submissions of a week; what fails in one does not keep the others."""
    if not trust:
        try:
            sandbox.probe()
        except OSError as error:
            sys.exit(str(error))
    path = folder / "release" / week / f"{week}.ipynb"
    if not path.is_file() or not (folder / "submitted").is_dir():
        missing = "was not released" if not path.is_file() else "has no submissions: there is no folder submitted/"
        sys.exit(f"{week} {missing}; nothing was graded.")
    released = nbformat.read(path, as_version=4)
    log = logging.getLogger("traitlets")  # where nbgrader's parts write
    log.handlers, log.propagate = [logging.FileHandler(folder / "grading.log", mode="w", encoding="utf-8")], False
    config = settings(folder, trust)
    graded, mended, without = [], {}, {}
    for student in sorted((folder / "submitted").iterdir()):
        name = student.name
        try:
            if not student.is_dir():
                raise ValueError("this file lies beside the students' folders, expected in one of them.")
            notes = grade_one(folder, week, name, released, config)
            graded.append(name)
            if notes:
                mended[name] = "; ".join(notes)
            print(f"graded: {printable(name)}", flush=True)
        except Exception as error:
            if not isinstance(error, ValueError):
                log.exception("%s could not be graded", ascii(name))
                error = f"an error of the grader, see grading.log: {type(error).__name__}"
            without[name] = str(error)
    with Gradebook(f"sqlite:///{folder.resolve() / 'gradebook.db'}") as gradebook:
        for name in without:
            with contextlib.suppress(ValueError):
                handed_in.check_name(name)
                if not (folder / "submitted" / name).is_dir():
                    continue
                gradebook.update_or_create_student(name)
        marks.write(folder, gradebook, week)
    if graded:
        report.write(folder, week)
    if config.SandboxExecute.get("course_seed") is not None:
        write_pairs(folder, week, graded, released)
    summary = summarised(week, graded, mended, without)
    (folder / f"grading-{week}.txt").write_text(summary, encoding="utf-8")
    print(f"\n{summary}", end="")
    return int(bool(without))


def write_pairs(folder: Path, week: str, graded: list[str], released: nbformat.NotebookNode) -> None:
    """Write `pairs-WEEK.txt`: who shares numbers that should differ. A hint to read both, and no more."""
    notebooks = {name: nbformat.read(folder / "tidied" / name / week / f"{week}.ipynb", as_version=4) for name in graded}
    lines = [f"{printable(one)} and {printable(other)}: {', '.join(shared)}" for one, other, shared in seeds.alike(notebooks, released)]
    heading = "Pairs who have numbers in common that nobody else has, though their seeds differ. This proves nothing: read both answers."
    (folder / f"pairs-{week}.txt").write_text("\n".join([heading, "", *(lines or ["None."])]) + "\n", encoding="utf-8")


def printable(name: str) -> str:
    """A name that a terminal only shows."""
    return name if name.isprintable() else ascii(name)


def summarised(week: str, graded: list[str], mended: dict[str, str], without: dict[str, str]) -> str:
    """What happened, in a few lines."""
    lines = [f"{week}: {len(graded)} graded, {len(without)} without marks; the marks are in marks.csv."]
    for heading, found in (("Graded, but look:", mended), ("Without marks from this run:", without)):
        lines += ["", heading, *(f"  {printable(name)}: {what}" for name, what in found.items())] if found else []
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("new", "release", "collect", "grade"):
        sub = commands.add_parser(command)
        sub.add_argument("folder", type=Path)
        if command == "new":
            sub.add_argument("--seed", type=int, required=True, help="a whole number, 0 or more: another one gives other numbers")
            sub.add_argument("--per-student", action="store_true", help="numbers for each name in students.txt, which follow from the seed")
        else:
            sub.add_argument("week", choices=[path.stem for path in exercises.sources()], metavar="WEEK")
        if command == "collect":
            sub.add_argument("archive", type=Path)
        if command == "grade":
            sub.add_argument("--trust", action="store_true", help="grade without a sandbox: only for submissions whose code you trust")
    options = parser.parse_args()
    if options.command == "new":
        if options.seed < 0:
            sys.exit(f"the seed is {options.seed}, expected a whole number, 0 or more.")
        return new(options.folder, options.seed, options.per_student)
    if not (options.folder / "nbgrader_config.py").is_file():
        sys.exit(f"{options.folder} has no nbgrader_config.py, expected a folder made by `course.py new`.")
    if options.command == "release":
        sys.exit(release(options.folder, options.week))
    if options.command == "grade":
        sys.exit(grade(options.folder, options.week, options.trust))
    try:
        problems = collect.collect(options.folder, options.week, options.archive)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print("".join(f"not collected: {problem}\n" for problem in problems), end="")


if __name__ == "__main__":
    main()
