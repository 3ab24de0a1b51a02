"""Run every lecture under twenty other seeds, and count how often each of its conclusions held and each of its numbers kept its band.

    python tools/replicate.py                                   all lectures, some hours on two cores
    python tools/replicate.py notebooks/week01*                 some of them
    python tools/replicate.py --scheduler tcp://host:8786       on a Dask cluster

What is finished is kept in _build/replications, so a run that was stopped goes on where it was. The table goes into the book.
"""

import argparse
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

import joblib
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "book" / "replications.md"
RECORDS = ROOT / "_build" / "replications"
SEEDS = range(1, 21)
ENOUGH = 19  # of the twenty; a conclusion that held less often is not one
SEED_LINE = re.compile(r"^SEED = 0\b", re.MULTILINE)
CELL_SECONDS = 1200  # for one cell beside as many other lectures as there are cores
RUNS = "Every cell runs"
BANDS, CONCLUSIONS = "| Quantity | Measured | Expected |", "| Conclusion | Holds |"


def has_seed(notebook: nbformat.NotebookNode) -> bool:
    """Whether one line `SEED = 0` feeds the whole lecture."""
    return sum(len(SEED_LINE.findall(cell.source)) for cell in notebook.cells if cell.cell_type == "code") == 1


def with_seed(notebook: nbformat.NotebookNode, seed: int) -> nbformat.NotebookNode:
    """A copy of a lecture with another seed and without outputs."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.source, cell.outputs = SEED_LINE.sub(f"SEED = {seed}", cell.source), []
    return copy


def findings(notebook: nbformat.NotebookNode) -> dict[str, bool]:
    """What the closing tables of a lecture show: each conclusion, whether it held; each quantity, whether it lay in its band."""
    found, header = {}, ""
    for line in closing_lines(notebook):
        row = [part.strip() for part in line.strip("| ").split(" | ")]
        if line in (BANDS, CONCLUSIONS):
            header = line
        elif header == BANDS and len(row) == 3:
            found[row[0]] = _inside(*row[1:])
        elif header == CONCLUSIONS and len(row) == 2:
            found[row[0]] = _holds(row[1])
    return found


def closing_lines(notebook: nbformat.NotebookNode) -> list[str]:
    """The lines of what a lecture shows as Markdown, its closing tables among them."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [line for output in outputs for line in output.get("data", {}).get("text/markdown", "").splitlines()]


def _inside(measured: str, band: str) -> bool:
    """Whether printed values such as `0.2 to 0.31 (5 seeds)` lie in a printed band such as `0.1 to 0.4`."""
    low, high = map(float, band.split(" to "))
    return all(low <= float(value) <= high for value in measured.partition(" (")[0].split(" to "))


def _holds(answer: str) -> bool:
    """Whether the answer is `yes`, or names all starts, as `20 of 20` does."""
    held, _, starts = answer.partition(" of ")
    return answer == "yes" or held == starts


def replicate(notebook: nbformat.NotebookNode, seed: int) -> dict[str, bool]:
    """Run a lecture with another seed; return its findings, and whether all its cells ran but for the one that judges them."""
    copy = with_seed(notebook, seed)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            copy,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            allow_errors=True,
            extra_arguments=["--IPKernelApp.log_level=40"],  # its warnings would stand between the steps of the progress bar
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except (DeadKernelError, TimeoutError):
            return {RUNS: False}
    found = findings(copy)
    failed = [cell for cell in copy.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    return {RUNS: all("what_you_should_see(" in cell.source for cell in failed)} | found


def place(path: Path, notebook: nbformat.NotebookNode) -> Path:
    """The folder for a lecture's records, another one as soon as its code or that of the package changes."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    package = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "physnets").glob("*.py"))]
    return RECORDS / path.stem / hashlib.sha256("\0".join(code + package).encode()).hexdigest()[:16]


def missing(lectures: dict[Path, nbformat.NotebookNode]) -> list[tuple[Path, int]]:
    """The runs of which there is no record: where it belongs, and the seed."""
    return [(path, seed) for path, notebook in lectures.items() for seed in SEEDS if not (place(path, notebook) / f"{seed}.json").exists()]


def run(lectures: dict[Path, nbformat.NotebookNode]) -> None:
    """Make the missing runs, one per core or as many as a surrounding `joblib.parallel_config` says, and keep each as soon as it ends."""
    runs = missing(lectures)
    tasks = (joblib.delayed(_one)(index, lectures[path], seed) for index, (path, seed) in enumerate(runs))
    for index, found in tqdm(joblib.Parallel(return_as="generator_unordered")(tasks), total=len(runs), unit="run"):
        path, seed = runs[index]
        folder = place(path, lectures[path])
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{seed}.new"
        new.write_text(json.dumps(found), encoding="utf-8")
        new.replace(folder / f"{seed}.json")  # in one step, so that no half record is ever read


def _one(index: int, notebook: nbformat.NotebookNode, seed: int) -> tuple[int, dict[str, bool]]:
    return index, replicate(notebook, seed)


def counts(path: Path, notebook: nbformat.NotebookNode) -> dict[str, tuple[int, int]]:
    """For each finding of a lecture, as its stored outputs name them, how often it held and in how many runs."""
    records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(place(path, notebook).glob("*.json"))]
    return {name: (sum(record.get(name, False) for record in records), len(records)) for name in [RUNS, *findings(notebook)]}


def section(path: Path, notebook: nbformat.NotebookNode) -> str:
    """A lecture's part of the page: a row for each conclusion and each band."""
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    rows = "".join(f"| {name} | {held} of {runs} |\n" for name, (held, runs) in counts(path, notebook).items())
    return f"### [{title}](../notebooks/{path.name})\n\n| Conclusion, or number within its band | Held |\n|---|---:|\n{rows}"


def write(lectures: dict[Path, nbformat.NotebookNode]) -> None:
    """Put the sections of these lectures into the page, in the order of the weeks; those of other lectures stay."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    sections = {re.search(r"notebooks/(\S+)\)", part)[1]: part for part in re.findall(r"### .*?(?=\n### |\Z)", old, re.DOTALL)}
    sections |= {path.name: section(path, notebook) for path, notebook in lectures.items()}
    PAGE.write_text("\n".join(part.rstrip("\n") + "\n" for _, part in sorted(sections.items())), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all lectures that have a line SEED = 0")
    parser.add_argument("--scheduler", help="address of a Dask cluster's scheduler, whose workers have the course's environment")
    options = parser.parse_args()
    try:
        lectures = {
            path: nbformat.read(path, as_version=4) for path in options.notebooks or sorted((ROOT / "notebooks").glob("week*.ipynb"))
        }
    except FileNotFoundError as error:
        sys.exit(f"there is no notebook {error.filename}; it is given relative to the folder you are in.")
    without = [path for path, notebook in lectures.items() if not has_seed(notebook)]
    if options.notebooks and without:
        sys.exit(f"{without[0]} has no line or several lines 'SEED = 0', expected one that feeds the whole lecture.")
    lectures = {path: notebook for path, notebook in lectures.items() if path not in without}
    if options.scheduler:
        from dask.distributed import Client

        try:
            client = Client(options.scheduler, timeout="30s")
        except (OSError, ValueError) as error:
            sys.exit(f"there is no Dask scheduler at {options.scheduler}: {error}")
        with client, joblib.parallel_config("dask"):
            run(lectures)
    else:
        with joblib.parallel_config("loky", n_jobs=-1):
            run(lectures)
    write(lectures)


if __name__ == "__main__":
    main()
