"""House rules for the lecture notebooks. Each rule is shown to fail on a copy of a lecture that breaks it."""

import copy
import json
import re
import statistics
from pathlib import Path

import nbformat
import pytest

from tools.run_notebooks import run

ROOT = Path(__file__).resolve().parent.parent
LECTURES = sorted((ROOT / "notebooks").glob("week*.ipynb"))
SECTIONS = ["**After this lecture you can**", "## What you should see", "## Summary", "## Exercises", "## Further reading"]
MACHINE_PATH = re.compile(r"(?:/(?:root|work|tmp|home|Users)/|[A-Z]:\\)[\w.-]+")
DIRECTIVE_OR_ROLE = re.compile(r"^(?:```\{|:::+\{)|\{[a-z:-]+\}`", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]*(?:\([^()]*\)[^()\s]*)*)\)")
MAX_BYTES = 1_000_000


def read(path: Path) -> nbformat.NotebookNode:
    # Not nbformat.read, which would mend what the rules are to find.
    return nbformat.reader.reads(path.read_text(encoding="utf-8"))


def figures(notebook) -> list[tuple[int, dict]]:
    """Position and figure metadata of every code cell that draws."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            found.append((number, cell.metadata.get("mystnb", {})))
    return found


def is_question(predict: dict) -> bool:
    """Whether this is a question to be answered before a figure is shown: two answers or more, each with its reason, one of them right."""
    answers = predict.get("answers", [])
    texts = [predict.get("question"), *(answer.get(part) for answer in answers for part in ("text", "reason"))]
    return len(answers) >= 2 and all(texts) and [answer.get("right") for answer in answers].count(True) == 1


def findings(notebook, folder: Path):
    """Yield one sentence for each rule that the notebook breaks."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "the cells were not run in order from the first to the last"
    ids = [cell.id for cell in notebook.cells]
    if len(set(ids)) < len(ids):
        yield "a cell id occurs twice"
    else:
        nbformat.validate(notebook)
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield f"cell {number} stores a traceback"
            if output.get("name") == "stderr":
                yield f"cell {number} stores stderr"
            if MACHINE_PATH.search(
                str(output.get("text", "")) + str({k: v for k, v in output.get("data", {}).items() if "image" not in k})
            ):
                yield f"cell {number} shows a path of somebody's machine"
        if MACHINE_PATH.search(cell.source):
            yield f"cell {number} contains a path of somebody's machine"
        if cell.cell_type == "markdown" and DIRECTIVE_OR_ROLE.search(cell.source):
            yield f"cell {number} has a directive or role, which only the book would render"
        if len(cell.source.splitlines()) > 30 and cell.cell_type == "code":
            yield f"cell {number} has more than 30 lines of code"
    if statistics.median(len(cell.source.splitlines()) for cell in code) > 8:
        yield "the median code cell has more than 8 lines"
    for number, metadata in figures(notebook):
        alt, figure = metadata.get("image", {}).get("alt", ""), metadata.get("figure", {})
        if len(alt) < 40 or not figure.get("caption") or not re.fullmatch(r"fig-w\d+-[a-z0-9-]+", figure.get("name", "")):
            yield f"the figure in cell {number} lacks an alt text that describes it, a caption or a name like fig-w1-width"
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if "drawing" in tags and not ("hide-input" in tags and cell.metadata.get("mystnb", {}).get("figure")):
            yield f"the drawing in cell {number} shows its code in the book, or is no figure"
        if "predict" in cell.metadata and not (cell.metadata.get("mystnb", {}).get("figure") and is_question(cell.metadata["predict"])):
            yield f"the question in cell {number} has no figure, or not a text and two answers or more, each with a reason, of which one is right"
        if "takeaway" in cell.metadata and not re.fullmatch(r"[A-Z].*[.]", cell.metadata["takeaway"]):
            yield f"the takeaway of cell {number} is no sentence"
    for target in LINK.findall(prose):
        if not target.startswith(("https://", "http://", "#")) and not (folder / target.partition("#")[0]).is_file():
            yield f"a link leads nowhere: {target}"
    tags = [int(tag) for tag in re.findall(r"\\tag\{(\d+)\}", prose)]
    if tags != list(range(1, len(tags) + 1)):
        yield f"the equations are numbered {tags}"
    if any(r"\\" in equation and r"\tag" in equation for equation in re.findall(r"\$\$.+?\$\$", prose, re.DOTALL)):
        yield r"a numbered equation has a line break \\, which the book cannot number; write \cr"
    positions = [prose.find(section) for section in SECTIONS]
    if -1 in positions or positions != sorted(positions):
        yield "a section of every lecture is missing or out of order: " + ", ".join(SECTIONS)
    else:
        goals, _, recap = prose[positions[0] :].partition(SECTIONS[1])
        recap = recap.partition(SECTIONS[2])[2].partition(SECTIONS[3])[0]
        counts = [len(re.findall(r"^\d\. ", part, re.MULTILINE)) for part in (goals.partition("\n## ")[0], recap)]
        if counts[0] != counts[1] or not 3 <= counts[0] <= 5:
            yield f"there are {counts[0]} goals and {counts[1]} points in the summary, expected as many of each, three to five"
    if not re.match(r"# Week \d+: ", prose):
        yield "the title is not '# Week N: ...'"
    if not code[-1].source.startswith("what_you_should_see("):
        yield "the last code cell is not the table of what you should see"
    if len(json.dumps(notebook)) > MAX_BYTES:
        yield f"the notebook has more than {MAX_BYTES} bytes"


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_lecture_keeps_the_rules(path):
    assert list(findings(read(path), path.parent)) == []


def test_figure_names_are_unique_in_the_book():
    names = [metadata["figure"]["name"] for path in LECTURES for _, metadata in figures(read(path))]
    assert len(names) >= 9
    assert len(set(names)) == len(names)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _edit_prose(old, new):
    def fault(notebook):
        cell = next(cell for cell in notebook.cells if cell.cell_type == "markdown" and old in cell.source)
        cell.source = cell.source.replace(old, new, 1)

    return fault


def _first(notebook, key, value=None):
    """The first cell whose metadata have the key, and the value in it."""
    return next(cell for cell in notebook.cells if key in cell.metadata and (value is None or value in cell.metadata[key]))


def _output(**output):
    return lambda notebook: code_cells(notebook)[1].outputs.append(nbformat.v4.new_output(**output))


FAULTS = {
    "not run in order": lambda notebook: code_cells(notebook)[2].update(execution_count=99),
    "id occurs twice": lambda notebook: notebook.cells[1].update(id=notebook.cells[0].id),
    "stores a traceback": _output(output_type="error", ename="E", evalue="", traceback=[]),
    "stores stderr": _output(output_type="stream", name="stderr", text="warning"),
    "shows a path of somebody's machine": _output(output_type="stream", name="stdout", text="/home/anna/physnets/data.py"),
    "contains a path of somebody's machine": lambda notebook: code_cells(notebook)[1].update(source="open('/Users/anna/x.csv')"),
    "directive or role": _edit_prose("## Summary", "```{note}\nRemark\n```\n## Summary"),
    "more than 30 lines": lambda notebook: code_cells(notebook)[1].update(source="x = 1\n" * 31),
    "median code cell": lambda notebook: [cell.update(source="x = 1\n" * 9 + cell.source) for cell in code_cells(notebook)],
    "lacks an alt text": lambda notebook: notebook.cells[figures(notebook)[0][0]].metadata.mystnb.image.update(alt="a plot"),
    "a caption or a name": lambda notebook: notebook.cells[figures(notebook)[0][0]].metadata.mystnb.figure.update(name="Figure 1"),
    "shows its code in the book": lambda notebook: _first(notebook, "tags", "drawing").metadata.update(tags=["drawing"]),
    "of which one is right": lambda notebook: _first(notebook, "predict").metadata.predict.answers[0].update(right=True),
    "is no sentence": lambda notebook: _first(notebook, "takeaway").metadata.update(takeaway="Layers"),
    "link leads nowhere": _edit_prose("(../book/notation.md)", "(../book/notations.md)"),
    "equations are numbered": _edit_prose(r"\tag{2}", r"\tag{3}"),
    "a line break": _edit_prose(r"\tag{2}", r"\\ \tag{2}"),
    "section of every lecture": _edit_prose("## Exercises", "## Problems"),
    "points in the summary": _edit_prose("3. choose", "choose"),
    "title is not": _edit_prose("# Week 1:", "# Lecture 1:"),
    "last code cell": lambda notebook: notebook.cells.append(
        nbformat.v4.new_code_cell("pass", execution_count=len(code_cells(notebook)) + 1)
    ),
    "more than 1000000 bytes": _output(output_type="stream", name="stdout", text="x" * MAX_BYTES),
}


@pytest.mark.parametrize("message", FAULTS)
def test_broken_rule_is_found(message):
    notebook = copy.deepcopy(read(LECTURES[0]))
    FAULTS[message](notebook)
    found = list(findings(notebook, LECTURES[0].parent))
    assert any(message in finding for finding in found), found


def test_rerunning_a_numpy_lecture_changes_no_byte(tmp_path):
    by_tensorflow = re.compile(r"^\s*(?:import|from) (?:tensorflow|keras)\b", re.MULTILINE)
    numpy_lectures = [path for path in LECTURES if not any(by_tensorflow.search(cell.source) for cell in code_cells(read(path)))]
    assert numpy_lectures
    for path in numpy_lectures:
        again = tmp_path / path.name
        again.write_bytes(path.read_bytes())
        run(again)
        assert again.read_bytes() == path.read_bytes(), f"{path.name} changes when it is run again; store it with `make notebooks`"
