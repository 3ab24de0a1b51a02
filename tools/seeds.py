"""A number set for each student: the seed that follows from the course's and from a name, and answers that are alike in spite of it."""

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from pathlib import Path

import nbformat

from tools.exercises import SEED_LINE
from tools.feedback import about

NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e-?\d+)?(?!\w)")
DIGITS = 3  # that a number needs to be no accident
IN_COMMON = 2  # numbers that a pair needs


def of(course: int, name: str) -> int:
    """A student's seed. A name gives the same one whichever way its accents are stored."""
    known = hashlib.sha256(f"{course}/{unicodedata.normalize('NFC', name)}".encode()).digest()
    return int.from_bytes(known[:4]) % 1_000_000


def put(source: str, seed: int) -> str:
    """A cell's source with this seed, if it sets one."""
    return SEED_LINE.sub(f"SEED = {seed}", source)


def told(notebook: nbformat.NotebookNode) -> int | None:
    """The seed that a notebook says it has."""
    found = [match for cell in notebook.cells if cell.cell_type == "code" and (match := SEED_LINE.search(cell.source))]
    return int(found[0][0].rpartition(" ")[2]) if found else None


def students(folder: Path) -> list[str]:
    """The names in a course's `students.txt`, one in each line.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = folder / "students.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there, expected the students' names, one in each line: each gets a notebook with numbers of its own."
        )
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def hand_out(folder: Path, week: str, course: int) -> None:
    """Write `handout/NAME/week.ipynb` for every student, from the released notebook."""
    released = nbformat.read(folder / "release" / week / f"{week}.ipynb", as_version=4)
    for name in students(folder):
        notebook = nbformat.from_dict(released)
        for cell in notebook.cells:
            if about(cell).get("locked"):
                cell.source = put(cell.source, of(course, name))
        target = folder / "handout" / name
        target.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target / f"{week}.ipynb")


def numbers(notebook: nbformat.NotebookNode) -> set[str]:
    """The numbers with some digits in a student's answers and cells."""
    sources = [cell.source for cell in notebook.cells if not about(cell).get("locked")]
    return {number for source in sources for number in NUMBER.findall(source) if len(re.sub(r"e.*|\D", "", number).strip("0")) >= DIGITS}


def alike(notebooks: dict[str, nbformat.NotebookNode], given: nbformat.NotebookNode) -> list[tuple[str, str, list[str]]]:
    """Pairs of students who have numbers in common that nobody else has, and that follow from seeds which differ.

    Args:
        notebooks: the submissions by name.
        given: the released notebook, whose numbers count for nothing.
    """
    theirs = {name: numbers(notebook) for name, notebook in notebooks.items()}
    known = {number for cell in given.cells for number in NUMBER.findall(cell.source)}
    often = Counter(number for found in theirs.values() for number in found)
    pairs = []
    for one, other in itertools.combinations(sorted(theirs), 2):
        shared = sorted(number for number in (theirs[one] & theirs[other]) - known if often[number] == 2)
        if len(shared) >= IN_COMMON:
            pairs.append((one, other, shared))
    return sorted(pairs, key=lambda pair: -len(pair[2]))
