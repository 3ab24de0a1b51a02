"""Gather what the lectures find, and how long they take, for the book's page of results.

python tools/results.py            the tables "What you should see" out of the stored notebooks, in seconds
python tools/results.py --times    besides, run every lecture and time it, about eight minutes on an idle machine
"""

import argparse
import re
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import joblib
import nbformat
from tqdm import tqdm

from tools.run_notebooks import run

ROOT = Path(__file__).resolve().parents[1]
HEADLINES, TIMES = ROOT / "book" / "headlines.md", ROOT / "book" / "times.md"
PACKAGES = ["tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib", "seaborn", "jupyter-book", "nbval"]


def lectures() -> dict[Path, nbformat.NotebookNode]:
    return {path: nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("week*.ipynb"))}


def title(notebook: nbformat.NotebookNode) -> str:
    return re.match(r"# (.*)", notebook.cells[0].source)[1]


def headlines() -> str:
    """Each lecture's table of what was measured and what is expected, under its title."""
    parts = []
    for path, notebook in lectures().items():
        texts = [output.get("data", {}).get("text/markdown", "") for cell in notebook.cells for output in cell.get("outputs", [])]
        table = next(text for text in reversed(texts) if text.startswith("| Quantity |"))
        parts.append(f"### [{title(notebook)}](../notebooks/{path.name})\n\n{table}\n")
    return "\n".join(parts)


def times() -> str:
    """A table of the seconds that each lecture takes, kernel's start included."""
    rows = []
    for path, notebook in tqdm(lectures().items(), unit="lecture"):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(path.read_bytes())
            start = time.perf_counter()
            run(copy)
            rows.append((title(notebook), path.name, time.perf_counter() - start))
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    where = f"Measured on {date.today()} with Python {python_version()} on {joblib.cpu_count()} processor cores; {versions}."
    table = "".join(f"| [{name}](../notebooks/{file}) | {seconds:.0f} |\n" for name, file, seconds in rows)
    return f"{where}\n\n| Lecture | Seconds |\n|---|---:|\n{table}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", action="store_true", help="run and time every lecture")
    options = parser.parse_args()
    HEADLINES.write_text(headlines(), encoding="utf-8")
    if options.times:
        TIMES.write_text(times(), encoding="utf-8")


if __name__ == "__main__":
    main()
