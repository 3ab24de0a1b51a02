"""A Sphinx extension: a page with an interactive figure gets plotly.js, out of plotly's wheel, so that it needs no network.

And no page gets the scripts of Thebe, which Jupyter Book writes into each one twice though it is switched off: an error in every console.
"""

from importlib.resources import files

from sphinx.application import Sphinx
from sphinx.config import Config

SCRIPT = "plotly.min.js"


def _copy_script(app: Sphinx, config: Config) -> None:
    config.html_static_path.append(str(files("plotly") / "package_data" / SCRIPT))


def _load_script(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    if 'class="plotly-figure"' in context.get("body", ""):
        app.add_js_file(SCRIPT, defer="defer")  # on this page only: Sphinx forgets it with the page


def _leave_out_thebe(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    def is_thebe(script: object) -> bool:
        return "thebe" in f"{script.filename} {script.attributes.get('body')}".lower()

    context["script_files"] = [script for script in context["script_files"] if not is_thebe(script)]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", _copy_script)
    app.connect("html-page-context", _load_script)
    app.connect("html-page-context", _leave_out_thebe, priority=900)  # after all that add scripts
    return {"parallel_read_safe": True, "parallel_write_safe": True}
