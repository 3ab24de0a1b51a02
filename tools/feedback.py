"""What instructors and students see of a graded notebook, with nothing in it that a browser would execute.

`MakeSafe` and `AddModelAnswers` end nbgrader's autograde step: what they leave is shown by the formgrader. `Feedback` makes a student's
page of it.
"""

import html
import re
from pathlib import Path

import bleach
import nbformat
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

TAGS = bleach.ALLOWED_TAGS | {"br", "dd", "del", "div", "dl", "dt", "hr", "img", "p", "pre", "span", "sub", "sup"}
TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,[\w+/=]*")
LINK = re.compile(r"https?:|mailto:|#", re.IGNORECASE)
MODEL = "**Model answer and what the points are for.** *Students do not see this.*\n\n"


def allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay: addresses on the web and of mail, places in the page, and pictures that are here."""
    if (tag, name) == ("a", "href"):
        return LINK.match(value) is not None
    return tag == "img" and (name == "alt" or (name == "src" and PICTURE.fullmatch(value) is not None))


def safe(source: str, attachments: dict | None = None) -> str:
    """Markdown as HTML that executes nothing.

    It is cleaned after it was made: nbconvert's SanitizeHTML cleans Markdown, where it breaks quotations and formulas with <, and leaves
    links to programs. One line of HTML is what every reader of Markdown passes on as it is.
    """
    renderer = IPythonRenderer(escape=False, attachments=attachments or {}, embed_images=False)
    try:
        made = MarkdownWithMath(renderer=renderer).render(source)
    except (InvalidNotebook, RecursionError):  # a picture that is missing; brackets in brackets
        made = f"<pre>{html.escape(source)}</pre>"
    clean = bleach.clean(made, tags=TAGS, attributes=allowed, protocols={"http", "https", "mailto", "data"})
    return f"<div>{clean.strip()}</div>".replace("\n", "&#10;")


class MakeSafe(NbGraderPreprocessor):
    """Turns all texts of a notebook into HTML that executes nothing. Cells of code and their outputs are shown as texts and pictures."""

    def preprocess_cell(self, cell: nbformat.NotebookNode, resources: dict, cell_index: int) -> tuple[nbformat.NotebookNode, dict]:
        if cell.cell_type == "raw":
            cell.cell_type, cell.source = "markdown", f"<pre>{html.escape(cell.source)}</pre>"
        if cell.cell_type == "markdown":
            cell.source = safe(cell.source, cell.pop("attachments", None))
        return cell, resources


class AddModelAnswers(NbGraderPreprocessor):
    """Puts the model answer behind each written one."""

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        week = resources["nbgrader"]["assignment"]
        source = nbformat.read(Path("source") / week / f"{week}.ipynb", as_version=4)
        models = {about(cell)["grade_id"]: cell.source for cell in source.cells if is_written(cell)}
        cells = []
        for cell in nb.cells:
            cells.append(cell)
            if is_written(cell):
                cells.append(new_markdown_cell(MODEL + models[about(cell)["grade_id"]], metadata={"model_answer": True}))
        nb.cells = cells
        return nb, resources


class Feedback(NbGraderPreprocessor):
    """Makes a student's page: names of exercises, no model answers, no hidden tests, and which answers have not been read yet."""

    show_hidden_tests = Bool(False, help="Show students the hidden tests, not only what they say.").tag(config=True)

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        who = resources["nbgrader"]
        released = nbformat.read(Path("release") / who["assignment"] / f"{who['notebook']}.ipynb", as_version=4)
        names, sources, title = {}, {}, ""
        for cell in released.cells:
            if heading := re.match(r"## (Exercise .+)", cell.source):
                title = heading[1]
            if about(cell):
                names[about(cell)["grade_id"]], sources[about(cell)["grade_id"]] = title, cell.source
        nb.cells = [cell for cell in nb.cells if not cell.metadata.get("model_answer")]
        with Gradebook(who["db_url"]) as gradebook:
            submission = gradebook.find_submission_notebook(who["notebook"], who["assignment"], who["student"])
            unread = {grade.name for grade in submission.grades if grade.needs_manual_grade}
        who["unread"] = 0
        for cell in nb.cells:
            if about(cell).get("grade"):
                name = about(cell)["grade_id"]
                about(cell)["title"], about(cell)["unread"] = names[name], name in unread
                who["unread"] += about(cell)["points"] if name in unread else 0
                if about(cell)["locked"] and not self.show_hidden_tests:
                    cell.source = sources[name]
        return nb, resources


def about(cell: nbformat.NotebookNode) -> dict:
    """What nbgrader says of a cell."""
    return cell.metadata.get("nbgrader", {})


def is_written(cell: nbformat.NotebookNode) -> bool:
    """Whether it is an answer that a person marks."""
    return bool(about(cell).get("grade") and about(cell)["solution"])
