"""Make a deck of slides of every lecture: _build/slides/weekNN_....html, which needs no network.

    python tools/slides.py                       all lectures
    python tools/slides.py notebooks/week01*     some of them

What is spoken is not projected: a slide shows headings, formulas with the sentence that leads to them, lists, tables, code with its result,
and figures with their captions in place of the code that draws them. The text goes to the speaker's notes (key S). A section begins a new
slide; where else one begins, and what is left out, each cell's metadata say, as JupyterLab sets them under "Slide Type".
"""

import argparse
import math
import re
import shutil
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "_build" / "slides"
PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)
SHOWN = {"heading_open", "bullet_list_open", "ordered_list_open", "table_open", "math_block", "math_block_label"}
AT_HOME = {"Exercises", "Further reading"}  # sections that are not projected
LINES = 22  # of code and result together that a slide can hold


def blocks(text: str) -> list[tuple[str, str]]:
    """A Markdown text's blocks: their kind and source."""
    lines = text.splitlines()
    return [(token.type, "\n".join(lines[slice(*token.map)])) for token in PARSER.parse(text) if token.level == 0 and token.map]


def is_formula(block: tuple[str, str]) -> bool:
    return block[1].startswith("$$")


def height(block: tuple[str, str]) -> float:
    """Lines of code that a block of Markdown takes the place of, roughly."""
    if is_formula(block):
        return 4.5
    return sum(1.8 * math.ceil(len(line) / 95) for line in block[1].splitlines())


def projected(text: str) -> list[str]:
    """What slides show of a Markdown text, an item for each: a section begins another one, and so does what would not fit."""
    found = blocks(text)
    shown: list[tuple[str, str]] = []
    for number, (kind, source) in enumerate(found):
        sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z*`$])", source)
        before, after = found[number - 1] if number else ("", ""), found[number + 1] if number + 1 < len(found) else ("", "")
        if kind in SHOWN or is_formula((kind, source)):
            shown.append((kind, source))
        elif is_formula(after) or after[0] in SHOWN - {"heading_open"}:
            shown.append(("lead", sentences[-1]))
        elif is_formula(before) and re.match(r"[a-z]|Here |\$", source):
            shown.append(("follow", sentences[0]))
    parts: list[list[str]] = [[]]
    used = 0.0
    for number, block in enumerate(shown):
        # A sentence that leads to something stays with it.
        needed = height(block) + (height(shown[number + 1]) if block[0] == "lead" else 0)
        alone = number and shown[number - 1][0] == "heading_open"  # a heading does not stand alone
        if parts[-1] and (block[0] == "heading_open" or (used + needed > LINES and not alone)):
            parts.append([])
            used = 0.0
        parts[-1].append(block[1])
        used += height(block)
    return ["\n\n".join(part) for part in parts]


def result_lines(cell: nbformat.NotebookNode) -> int:
    """Lines of a code cell's results in plain text."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return sum(text.count("\n") + 1 for text in texts)


def slides(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook of which nbconvert makes the deck."""
    cells, section = [], ""

    def add(cell: nbformat.NotebookNode, kind: str) -> None:
        cell.metadata["slideshow"] = {"slide_type": kind}
        cell.id = f"{origin}-{len(cells)}"
        cells.append(cell)

    def head(kind: str) -> str:
        """A slide that begins in the middle of a section begins with the section's name."""
        if kind not in ("slide", "subslide"):
            return kind
        add(new_markdown_cell(f'<p class="section-name">{section}</p>'), kind)
        return "-"

    for cell in notebook.cells:
        origin, kind = cell.id, cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind == "skip":
            continue
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../data/", "](data/")  # nbconvert embeds pictures from below one folder only, here ROOT
            for part in projected(cell.source):
                if heading := re.match(r"##? (.*)", part):
                    section = heading[1]
                if section in AT_HOME:
                    continue
                if heading:
                    add(new_markdown_cell(part), "slide")
                elif part:
                    add(new_markdown_cell(part), head(kind))
                kind = "subslide"
            add(new_markdown_cell(cell.source), "notes")
            continue
        kind = head(kind)
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")
            cell.metadata["transient"] = {"remove_source": True}
            add(cell, kind)
            add(new_markdown_cell(f'<p class="caption">{caption}</p>'), "-")
        elif cell.outputs and cell.source.count("\n") + 1 + result_lines(cell) > LINES:
            code, cell.source = nbformat.from_dict(cell | {"outputs": []}), ""
            cell.metadata["transient"] = {"remove_source": True}
            add(code, kind)
            add(cell, head("subslide"))
        else:
            add(cell, kind)
    notebook.cells = cells
    return notebook


def write_assets() -> None:
    """Put reveal.js, MathJax and the style sheet beside the decks."""
    mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static" / "mathjax"
    shutil.copytree(str(files("sphinx_revealjs") / "_static" / "revealjs"), OUT / "assets" / "revealjs", dirs_exist_ok=True)
    shutil.copytree(mathjax, OUT / "assets" / "mathjax", dirs_exist_ok=True)
    shutil.copy(Path(__file__).parent / "deck" / "slides.css", OUT / "assets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all lectures")
    paths = parser.parse_args().notebooks or sorted(ROOT.glob("notebooks/week*.ipynb"))
    exporter = SlidesExporter(template_name="deck", extra_template_basedirs=[str(Path(__file__).parent)])
    exporter.reveal_url_prefix, exporter.reveal_theme, exporter.embed_images = "assets/revealjs", "white", True
    write_assets()
    for path in tqdm(paths, unit="deck"):
        page, _ = exporter.from_notebook_node(
            slides(nbformat.read(path, as_version=4)), {"metadata": {"name": path.stem, "path": str(ROOT)}}
        )
        (OUT / f"{path.stem}.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
