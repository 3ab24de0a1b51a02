"""The instructor's path from an assignment to marks: a thin layer over nbgrader, which keeps the gradebook and writes the feedback.

python tools/course.py new FOLDER --seed 2027       make a course: the sources of all assignments with this course's numbers
python tools/course.py release FOLDER week01        make the students' notebooks in FOLDER/release/week01, to be handed out
python tools/course.py grade FOLDER week01          grade FOLDER/submitted/NAME/week01/week01.ipynb for all NAMEs; write
                                                    FOLDER/feedback/ and FOLDER/marks.csv
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import exercises, grading  # noqa: E402  (the clone need not be installed where this is started)

CONFIG = f"""# nbgrader's settings for this course; `nbgrader --help-all` lists them.
import sys

sys.path.insert(0, {str(ROOT)!r})

c = get_config()
c.CourseDirectory.course_id = {{name!r}}
c.ClearSolutions.code_stub = {{{{"python": "...  # your code here"}}}}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.OverwriteCells.add_missing_cells = True
# The student's code runs in a sandbox; its limits are SandboxExecute.seconds, .seconds_per_cell, .megabytes and .processes.
c.Autograde.autograde_preprocessors = [
    "tools.grading.SandboxExecute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ExportApp.plugin_class = "nbgrader.plugins.export.CsvExportPlugin"
"""


def new(folder: Path, seed: int) -> None:
    """Make a course folder: nbgrader's settings and the sources with this course's numbers."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty, expected a new folder; nothing was written.")
    for path in exercises.sources():
        target = folder / "source" / path.stem / path.name
        target.parent.mkdir(parents=True)
        nbformat.write(exercises.prepared(nbformat.read(path, as_version=4), seed), target)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(name=folder.resolve().name), encoding="utf-8")


def nbgrader(folder: Path, *arguments: str) -> int:
    # nbgrader starts alembic by its name.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=folder, env=environment, check=False).returncode


def release(folder: Path, week: str) -> int:
    return nbgrader(folder, "generate_assignment", week, "--force")


def grade(folder: Path, week: str, trust: bool) -> int:
    """Grade all submissions that are new or newer than their marks; what fails in one does not keep the others."""
    if not trust:
        try:
            grading.walls()
        except FileNotFoundError as error:
            sys.exit(str(error))
    failed = nbgrader(folder, "autograde", week, "--force", f"--SandboxExecute.trust={trust}")
    failed |= nbgrader(folder, "generate_feedback", week, "--force")
    return failed | nbgrader(folder, "export", "--to=marks.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("new", "release", "grade"):
        sub = commands.add_parser(command)
        sub.add_argument("folder", type=Path)
        if command == "new":
            sub.add_argument("--seed", type=int, required=True, help="a whole number, 0 or more: another one gives other numbers")
        else:
            sub.add_argument("week", choices=[path.stem for path in exercises.sources()], metavar="WEEK")
    sub.add_argument("--trust", action="store_true", help="grade without a sandbox: only for submissions whose code you trust")
    options = parser.parse_args()
    if options.command == "new":
        if options.seed < 0:
            sys.exit(f"the seed is {options.seed}, expected a whole number, 0 or more.")
        return new(options.folder, options.seed)
    if not (options.folder / "nbgrader_config.py").is_file():
        sys.exit(f"{options.folder} has no nbgrader_config.py, expected a folder made by `course.py new`.")
    sys.exit(release(options.folder, options.week) if options.command == "release" else grade(options.folder, options.week, options.trust))


if __name__ == "__main__":
    main()
