"""Gather what the lectures show, find and take, for the book's first page and its page of results.

python tools/results.py            the map of the weeks and the tables "What you should see" out of the stored notebooks, in seconds
python tools/results.py --times    besides, run every lecture and time it, about eight minutes on an idle machine
"""

import argparse
import base64
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
HEADLINES, TIMES, WELCOME = (ROOT / "book" / name for name in ("headlines.md", "times.md", "welcome.md"))
IMAGES = ROOT / "book" / "images"
# A figure of each week that says without words what the week is about.
PICTURES = {
    "week01": "fig-w1-fits",
    "week02": "fig-w2-learning",
    "week03": "fig-w3-numpy",
    "week04": "fig-w4-oscillator",
    "week05": "fig-w5-filters",
    "week06": "fig-w6-confusion",
    "week07": "fig-w7-sine",
    "week08": "fig-w8-chirp",
    "week09": "fig-w9-forecasts",
    "week10": "fig-w10-prices",
    "week11": "fig-w11-progress",
    "week12": "fig-w12-paths",
}
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


def picture(path: Path, notebook: nbformat.NotebookNode) -> tuple[bytes, str]:
    """The week's picture and its description."""
    name = PICTURES[path.stem[:6]]
    cell = next(cell for cell in notebook.cells if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name)
    data = next(output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {}))
    return base64.b64decode(data), cell.metadata.mystnb.image.alt


def overview() -> str:
    """The map of the weeks: a picture, the title, the weeks that each builds on, and the times for reading and running."""
    seconds = dict(re.findall(r"notebooks/(\S+\.ipynb)\) \| (\d+) \|", TIMES.read_text(encoding="utf-8")))
    table = "| | Lecture | Builds on | Reading | Running | Exercises |\n|---|---|---|---|---|---|\n"
    for path, notebook in lectures().items():
        week = int(path.stem[4:6])
        minutes, needed = re.search(r"Reading takes about (\d+) minutes(.*?\n(?:.+\n)*)", notebook.cells[0].source + "\n").groups()
        weeks = sorted({int(number) for number in re.findall(r"\(week(\d\d)_", needed)})
        builds_on = ", ".join(str(number) for number in weeks) or "NumPy, the chain rule"
        row = [
            f"![{picture(path, notebook)[1]}](images/{path.stem[:6]}.png)",
            f"[{title(notebook)}](../notebooks/{path.name})",
            f"Week {builds_on}" if len(weeks) == 1 else f"Weeks {builds_on}" if weeks else builds_on,
            f"{minutes} min",
            f"{seconds[path.name]} s",
            f"[Exercises {week}](../notebooks/exercises/week{week:02}.ipynb)",
        ]
        table += f"| {' | '.join(row)} |\n"
    return table


def welcome() -> str:
    """The first page, with the map as it is now."""
    text = WELCOME.read_text(encoding="utf-8")
    return re.sub(r"(?<=<!-- map -->\n\n).*?(?=\n<!-- end of map -->)", lambda _: overview(), text, count=1, flags=re.DOTALL)


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
    WELCOME.write_text(welcome(), encoding="utf-8")
    for path, notebook in lectures().items():
        (IMAGES / f"{path.stem[:6]}.png").write_bytes(picture(path, notebook)[0])


if __name__ == "__main__":
    main()
