"""A Sphinx extension: live figures, in which the lecture's own network answers in the page, and questions to be answered before one looks.

A code cell whose figure has a name (`mystnb`, `figure`, `name`) may carry two more metadata:

- `"live": "Walk in latent space"`, the title of what a button under the caption opens. `_static/live/figures.js` has it under the figure's name.
- `"predict": {"question": "...", "answers": [{"text": "...", "reason": "...", "right": true}, ...]}`, with two to four answers, one of them right.
  An answer brings its reason, and opens the live figure if there is one.

Only the pages of such cells get the scripts, and only a click loads weights: `_static/live/NAME.js`, written here from `data/`.
"""

import base64
import json
from pathlib import Path

import numpy as np
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from physnets.data import data_path

LABORATORY = "book/laboratory"
MARK = "<!-- live figures -->"
# Latent vectors of Week 12's first crowd whose pictures can be read as 0, 1, ... 9.
LATENT_ROWS = [145, 57, 453, 64, 454, 226, 39, 151, 578, 42]


def cells(notebook: Path) -> dict[str, dict]:
    """Read what a notebook's figures ask for: by the figure's name, what its cell has of `live` and `predict`.

    Raises:
        ExtensionError: a cell has one of them and no figure with a name, or a question is not as described above.
    """
    found = {}
    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"]):
        metadata = cell["metadata"]
        asked = {key: metadata[key] for key in ("live", "predict") if key in metadata}
        if not asked:
            continue
        name = metadata.get("mystnb", {}).get("figure", {}).get("name")
        if not name:
            raise ExtensionError(f"cell {number} of {notebook.name} has the metadata {' and '.join(asked)}, but no figure with a name.")
        if "predict" in asked:
            _check_question(asked["predict"], name)
        found[name] = asked
    return found


def element(name: str, asked: dict) -> str:
    """What a cell asks for as HTML, which shows nothing, for the page's script to read."""
    text = json.dumps(asked).replace("</", r"<\/")
    return f'<script type="application/json" class="live-cell" data-for="{name}">{text}</script>\n'


def _check_question(predict: dict, name: str) -> None:
    answers = predict.get("answers", [])
    if not predict.get("question") or not all(answer.get("text") and answer.get("reason") for answer in answers):
        raise ExtensionError(f"the question on {name} lacks a text, or one of its answers lacks a text or a reason.")
    right = sum(answer.get("right", False) for answer in answers)
    if not 2 <= len(answers) <= 4 or right != 1:
        raise ExtensionError(f"the question on {name} has {len(answers)} answers, {right} of them right, expected two to four and one.")


def weights() -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each script of weights, as they are before their half precision."""
    with np.load(data_path("gan_generator.npz")) as generator, np.load(data_path("digits_networks.npz")) as digits:
        latent = np.random.default_rng(0).normal(size=(1000, 100))[LATENT_ROWS]
        return {"gan_generator": {**generator, "latent": latent}, "digits_networks": dict(digits)}


def _add_to_page(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    notebook = Path(app.srcdir, f"{page}.ipynb")
    if not notebook.is_file() or not (found := cells(notebook)):
        return
    for name, asked in found.items():
        context["body"] += element(name, asked)
    app.add_css_file("live/live.css")  # on this page only: Sphinx forgets them with the page
    for script in ("engine", "frame", "figures"):
        app.add_js_file(f"live/{script}.js")


def _list_figures(app: Sphinx, page: str, source: list[str]) -> None:
    if page != LABORATORY:
        return
    lines = []
    for notebook in sorted(Path(app.srcdir, "notebooks").glob("week*.ipynb")):
        app.env.note_dependency(str(notebook))
        title = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"][0].removeprefix("# ").strip()
        figures = [f"- [{asked['live']}](#{name})\n" for name, asked in cells(notebook).items() if "live" in asked]
        if figures:
            lines.append(f"**{title}**\n\n{''.join(figures)}")
    source[0] = source[0].replace(MARK, "\n".join(lines))


def write_weights(folder: Path) -> None:
    """Write every script of weights into the folder of the other scripts."""
    for name, arrays in weights().items():
        packed = {key: [array.shape, base64.b64encode(array.astype("<f2").tobytes()).decode()] for key, array in arrays.items()}
        (folder / f"{name}.js").write_text(f"Live.receive({json.dumps(name)}, {json.dumps(packed)});\n", encoding="utf-8")


def _write_weights(app: Sphinx, exception: Exception | None) -> None:
    if not exception and app.builder.name == "html":
        write_weights(Path(app.outdir, "_static", "live"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _list_figures)
    app.connect("html-page-context", _add_to_page)
    app.connect("build-finished", _write_weights)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
