"""What a student has handed in, whatever became of it on the way: from a folder of files to a notebook that can be graded.

Cells are copied, split, merged and deleted, programs drop the names that cells were given, browsers rename files. `find` says which file
counts, `read` reads it, and `tidy` puts its cells under the names and in the form that the notebook had when it was released. Of the
submission it keeps the sources of cells and pictures in texts, and nothing else.
"""

import base64
import contextlib
import difflib
import json
import re
import unicodedata
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

MAX_BYTES = 100_000_000  # of a notebook, and of all files beside it
PICTURES = {"image/png", "image/jpeg", "image/gif"}
# In nbgrader's pages a name stands as it is, in texts and in programs, and it looks for files with it as for a pattern.
NOT_IN_NAMES = set('<>"\\*?[')
NEW = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}


def check_name(name: str) -> None:
    """Refuse a student's name that could not be shown in a browser or stored in a table.

    Raises:
        ValueError: it has characters that mean something else there or in patterns.
    """
    odd = sorted({c for c in name if c in NOT_IN_NAMES or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")})
    if name in (".", ".."):
        raise ValueError(f"the folder's name is {name!r}, expected a student's name; rename it.")
    if odd or name != name.strip():
        what = " and ".join(ascii(c) for c in odd) or "a space at an end"
        raise ValueError(f"the folder's name has {what}, expected a name without < > \" \\ * ? [, line breaks and outer spaces; rename it.")


def is_own(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder itself, and not behind a link that may lead to the solutions or to somebody else's work."""
    return path.is_file() and path.resolve() == folder.parent.resolve() / path.relative_to(folder.parent)


def find(folder: Path, week: str) -> Path:
    """The notebook of a week that counts in a student's folder.

    Raises:
        ValueError: there is none, or it cannot be told which one counts.
    """
    right = folder / week / f"{week}.ipynb"
    if is_own(right, folder):
        return right
    number = int(week.removeprefix("week"))
    this = re.compile(rf"week[\W_]*0*{number}(?!\d)", re.IGNORECASE)
    files = [path for path in sorted(folder.rglob("*")) if is_own(path, folder) and ".ipynb_checkpoints" not in path.parts]
    # What lies in a folder of the week belongs to it, and so does what names no week at all.
    said = {path: str(path.relative_to(folder)) for path in files}
    files = [path for path in files if this.search(said[path]) or not re.search(r"week[\W_]*\d", said[path], re.IGNORECASE)]
    notebooks = [path for path in files if path.suffix.lower() == ".ipynb"]
    named = [path for path in notebooks if this.search(path.name)]
    for found in (named, notebooks):
        if len(found) == 1:
            return found[0]
    there = ", ".join(str(path.relative_to(folder)) for path in (notebooks or files)[:5])
    if notebooks:
        raise ValueError(f"{len(notebooks)} notebooks are there ({there}), expected one called {week}.ipynb.")
    raise ValueError(f"there is no notebook, only {there}." if there else "the folder is empty.")


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook of any version and encoding.

    Raises:
        ValueError: it is none.
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path.name} has {size} bytes, expected at most {MAX_BYTES}.")
    raw = path.read_bytes()
    try:
        try:
            content = json.loads(raw)  # which finds out UTF-8, -16 and -32, with a mark at the beginning or without
        except UnicodeDecodeError:
            content = json.loads(raw.decode("latin-1"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} cannot be read as a notebook: it is {described(raw)}.") from None
    try:
        if "worksheets" in content:
            content = nbformat.convert(nbformat.from_dict(content), 4)
        if content["nbformat"] > 4 or not content["cells"]:
            raise KeyError
        cells = [readable(cell) for cell in content["cells"]]
    except (KeyError, TypeError, AttributeError, ValueError, nbformat.ValidationError):
        raise ValueError(f"{path.name} cannot be read as a notebook: it is JSON without a notebook's cells.") from None
    return new_notebook(cells=cells)


def described(raw: bytes) -> str:
    if not raw.strip():
        return "empty"
    for beginning, name in ((b"%PDF", "a PDF"), (b"PK", "an archive or a document of an office program"), (b"{", "damaged or cut off")):
        if raw.lstrip().startswith(beginning):
            return name
    return "no JSON"


def readable(cell: dict) -> nbformat.NotebookNode:
    """A cell with its source, the name it says it has, and its pictures."""
    source = cell["source"]
    source = source if isinstance(source, str) else "".join(map(str, source))
    source = re.sub(r"\r\n?", "\n", source).encode("utf-8", "replace").decode()
    new = NEW[cell["cell_type"]](source)
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        new.metadata["grade_id"] = str(cell["metadata"]["nbgrader"]["grade_id"])
    if attachments := pictures(cell.get("attachments")):
        new.attachments = attachments
    return new


def pictures(attachments: object) -> dict:
    """The pictures pasted into a text, as data that can be nothing but that."""
    found: dict = {}
    with contextlib.suppress(AttributeError, ValueError, TypeError):
        for name, bundle in attachments.items():
            for kind in PICTURES & bundle.keys():
                found[name] = {kind: base64.b64encode(base64.b64decode(bundle[kind], validate=True)).decode()}
    return found


def plain(source: str) -> str:
    """A source without what editors change."""
    return "\n".join(line.rstrip() for line in source.expandtabs().splitlines()).strip()


def added(source: str, given: str) -> tuple[str, str]:
    """What a student has written into a given cell: the lines before what was given, and those within and behind it.

    Given lines that were changed are no addition; they are put back.
    """
    mine, theirs = source.splitlines(), given.splitlines()
    parts: list[list[str]] = [[], []]
    steps = difflib.SequenceMatcher(
        None, [line.rstrip() for line in theirs], [line.rstrip() for line in mine], autojunk=False
    ).get_opcodes()
    for tag, begin, _, first, last in steps:
        if tag == "insert":
            parts[begin > 0] += mine[first:last]
    return tuple("\n".join(lines).strip("\n") for lines in parts)


def defined(source: str) -> set[str]:
    """The names that a cell defines."""
    return {name for pair in re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", source, re.MULTILINE) for name in pair if name}


def about(cell: nbformat.NotebookNode) -> dict:
    """What nbgrader says of a released cell."""
    return cell.metadata.get("nbgrader", {})


def recognise(cells: list[nbformat.NotebookNode], released: nbformat.NotebookNode) -> list[str | None]:
    """The name that each cell of a submission had when it was released, by what it says itself, or else by what is in it."""
    templates = {about(cell)["grade_id"]: cell for cell in released.cells if about(cell)}
    names = [name if (name := cell.metadata.get("grade_id")) in templates else None for cell in cells]
    for name, template in templates.items():
        if name in names:
            continue
        if about(template)["locked"]:
            same = [i for i, cell in enumerate(cells) if plain(cell.source) == plain(template.source)]
        else:
            wanted = defined(template.source)
            same = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and wanted & defined(cell.source)]
        for i in same:
            names[i] = names[i] or name
    for number, template in enumerate(released.cells):
        if about(template).get("grade") and about(template)["solution"]:
            find_text(cells, names, template, plain(released.cells[number - 1].source), {plain(cell.source) for cell in released.cells})
    return names


def find_text(cells: list, names: list, template: nbformat.NotebookNode, prompt: str, given: set[str]) -> None:
    """Name the cell that holds a written answer, where it is not in the cell meant for it: behind that, or in or behind the question."""
    name, stub = about(template)["grade_id"], plain(template.source)
    places = [i for i, found in enumerate(names) if found == name]
    asked = [i for i, cell in enumerate(cells) if plain(cell.source).startswith(prompt)]
    if not places + asked or any(plain(cells[i].source) != stub for i in places):
        return
    for i in range((asked or places)[-1], len(cells)):
        text = plain(cells[i].source)
        if names[i] is None and cells[i].cell_type != "code" and text and text not in given:
            for place in places:
                names[place] = None
            names[i] = name
            return


def tidy(handed: nbformat.NotebookNode, released: nbformat.NotebookNode) -> tuple[nbformat.NotebookNode, list[str]]:
    """A submission in the form of the released notebook, with the student's cells in the student's order.

    Given cells and checks are put back as they were released, each once; what the student has written into them becomes a cell of its
    own. A check that is missing runs before the next exercise.

    Returns:
        The notebook, and what had to be mended, in sentences.

    Raises:
        ValueError: none of its cells was released.
    """
    names = recognise(handed.cells, released)
    if not any(names):
        raise ValueError("none of its cells is from the notebook that was handed out: it is another one.")
    templates = {about(cell)["grade_id"]: cell for cell in released.cells if about(cell)}
    places = {name: place(name, handed.cells, names, templates[name]) for name in set(names) - {None}}
    cells, notes = [], []
    for i, (cell, name) in enumerate(zip(handed.cells, names, strict=True)):
        cell.metadata.pop("grade_id", None)
        template = templates.get(name)
        if template is None:
            cells.append(cell)
        elif about(template)["locked"]:
            before, after = ("", "") if plain(cell.source) == plain(template.source) else added(cell.source, template.source)
            cells += [new_code_cell(before)] if before else []
            cells += [nbformat.from_dict(template)] if i == places[name] else []
            cells += [new_code_cell(after)] if after else []
            notes += [f"code of the student's was in {name}"] if before or after else []
        else:
            new = NEW[template.cell_type](cell.source)
            new.metadata = nbformat.from_dict(template.metadata) if i == places[name] else new.metadata
            if cell.get("attachments") and new.cell_type == "markdown":
                new.attachments = cell.attachments
            cells.append(new)
    notes += [f"{name} was there {names.count(name)} times" for name in templates if names.count(name) > 1]
    at = len(cells)
    for name, template in reversed(templates.items()):
        if name in places:
            at = next(i for i, cell in enumerate(cells) if about(cell).get("grade_id") == name)
        elif about(template)["locked"] or about(template)["grade"]:
            cells.insert(at, nbformat.from_dict(template))
            notes.append(f"{name} was missing")
    return new_notebook(cells=cells, metadata=released.metadata), notes


def place(name: str, cells: list[nbformat.NotebookNode], names: list[str | None], template: nbformat.NotebookNode) -> int:
    """Which of the cells of one name stands for it: the first given one, the last check, the last answer that was changed."""
    found = [i for i, other in enumerate(names) if other == name]
    if about(template)["locked"]:
        return found[-1 if about(template)["grade"] else 0]
    changed = [i for i in found if plain(cells[i].source) != plain(template.source)]
    return (changed or found)[0 if about(template)["grade"] else -1]
