"""Make the students' exercise notebooks from the instructor's sources in assignments/.

    python tools/exercises.py       write notebooks/exercises/ and the table of all exercises in book/exercises.md

A source has nbgrader's format: solutions and hidden tests between its markers, and for each exercise a heading whose cell's metadata say
which goal of the lecture it serves, its kind, its difficulty and its minutes. The points are those of its checks.
"""

import copy
import re
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import SaveCells
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
SOURCES, PUBLISHED = ROOT / "assignments", ROOT / "notebooks" / "exercises"
TABLE = ROOT / "book" / "exercises.md"
STUBS = Config({"ClearSolutions": {"code_stub": {"python": "...  # your code here"}, "text_stub": "*Your answer here.*"}})
SEED_LINE = re.compile(r"^SEED = \d+", re.MULTILINE)


def sources() -> list[Path]:
    return sorted(SOURCES.glob("week*/week*.ipynb"))


def exercises(source: nbformat.NotebookNode) -> list[dict]:
    """What the source says of each of its exercises, with its title and the points of the checks and written answers below it."""
    found = []
    for cell in source.cells:
        if about := cell.metadata.get("exercise"):
            found.append({**about, "title": cell.source.splitlines()[0].partition(": ")[2], "points": 0})
        elif found:
            found[-1]["points"] += cell.metadata.get("nbgrader", {}).get("points", 0)
    return found


def prepared(source: nbformat.NotebookNode, seed: int = 0) -> nbformat.NotebookNode:
    """The source as it is handed to nbgrader: with Colab's cell, a line under each heading, and the course's seed.

    Raises:
        ValueError: the source does not set the seed exactly once.
    """
    notebook = copy.deepcopy(source)
    setters = [cell for cell in notebook.cells if cell.cell_type == "code" and SEED_LINE.search(cell.source)]
    if len(setters) != 1:
        raise ValueError(f"{len(setters)} cells set SEED, expected one: from it come the numbers that differ from course to course.")
    setters[0].source = SEED_LINE.sub(f"SEED = {seed}", setters[0].source)
    abouts = iter(exercises(source))
    for cell in notebook.cells:
        if cell.metadata.get("exercise"):
            about = next(abouts)
            heading, _, rest = cell.source.partition("\n")
            line = "*{id} · goal {goal} · {kind} · {difficulty} · about {minutes} minutes · {points} points*".format(**about)
            cell.source = f"{heading}\n\n{line}\n{rest}"
    lecture = nbformat.read(min((ROOT / "notebooks").glob("week*.ipynb")), as_version=4)
    colab = next(cell for cell in lecture.cells if cell.metadata.get("tags") == ["remove-cell"])
    del colab.metadata["slideshow"]
    notebook.cells.insert(1, colab)
    return notebook


def students_version(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What nbgrader's generate_assignment makes of a prepared source, without its database, and what the given cells print."""
    resources: dict = {}
    printed = {cell.id: cell.outputs for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("locked")}
    for step in GenerateAssignment().preprocessors:
        if step is not SaveCells:
            notebook, resources = step(config=STUBS).preprocess(notebook, resources)
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count, cell.outputs = number, printed.get(cell.id, [])
    return notebook


def table() -> str:
    """All exercises in one table."""
    columns = ("id", "title", "kind", "goal", "difficulty", "minutes", "points")
    rows = [[str(about[column]) for column in columns] for path in sources() for about in exercises(nbformat.read(path, as_version=4))]
    lines = [[column.capitalize().replace("Id", "Exercise") for column in columns], ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    PUBLISHED.mkdir(exist_ok=True)
    for path in sources():
        nbformat.write(students_version(prepared(nbformat.read(path, as_version=4))), PUBLISHED / path.name)
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
