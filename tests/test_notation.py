"""The lectures' code uses the names of the notation page."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LECTURES = sorted((ROOT / "notebooks").glob("week*.ipynb"))
PAGE = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
# What other courses call the quantities of the page.
SYNONYMS = {
    "learning_rate": "eta",
    "lr": "eta",
    "lam": "lmbd",
    "lambd": "lmbd",
    "lamda": "lmbd",
    "l2": "lmbd",
    "batchsize": "batch_size",
    "bs": "batch_size",
    "n_hid": "n_hidden",
    "hidden_size": "n_hidden",
    "n_inputs": "n_in",
    "n_outputs": "n_out",
}


def names(source: str) -> set[str]:
    """The names that Python code gives to values, arguments and functions of its own."""
    plain = re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
    nodes = list(ast.walk(ast.parse(plain)))
    assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return assigned | {node.arg for node in nodes if isinstance(node, ast.arg)} | {n.name for n in nodes if isinstance(n, ast.FunctionDef)}


def used(path: Path) -> set[str]:
    cells = nbformat.read(path, as_version=4).cells
    return set().union(*(names(cell.source) for cell in cells if cell.cell_type == "code"))


def listed() -> set[str]:
    """The names in the column "In code" of the page's tables."""
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|[^|]*\|[^|]*\|$", PAGE, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Za-z]\w*)(?:\[[^`]*)?`", row)}


def test_every_name_on_the_page_is_one_of_a_lecture():
    everywhere = set().union(*map(used, LECTURES))
    imported = set(re.findall(r"import (?:\w+ as )?(\w+)", "\n".join(path.read_text(encoding="utf-8") for path in LECTURES)))
    assert sorted(listed() - everywhere - imported) == []


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_lecture_has_another_name_for_what_the_page_names(path):
    assert {name: SYNONYMS[name] for name in used(path) & SYNONYMS.keys()} == {}
