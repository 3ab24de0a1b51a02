"""Run notebooks from their first cell to their last and store clean outputs: no timings, no progress bars, no kernel details.

    python tools/run_notebooks.py                       all lectures and the solved exercises
    python tools/run_notebooks.py notebooks/week01*     some of them

A notebook that fails stays as it was; so does one that writes to stderr what is not expected there and every reader would see.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# What a lecture may write to stderr, a line each, and why.
EXPECTED = re.compile(
    r"[^|]*\d+%\|[^|]*\| \S+/\S+ \[[^]]*\]\s*"  # tqdm's progress bars: they are there to be seen
    r"|Downloading file '.*|Failed to download '.*|physnets: .*"  # pooch's and our own report of a download: the network decides
)


class UnexpectedStderrError(Exception):
    """A cell wrote to stderr."""


def unexpected_stderr(outputs: list[nbformat.NotebookNode]) -> str:
    """What a cell's outputs have on stderr, without progress bars and reports of downloads."""
    written = "".join(output.text for output in outputs if output.get("name") == "stderr")
    return "\n".join(line for line in re.split(r"[\r\n]+", written) if line.strip() and not EXPECTED.fullmatch(line))


def run(path: Path) -> None:
    """Execute one notebook in its own folder and replace the file in one step once all cells have passed.

    Raises:
        UnexpectedStderrError: a cell wrote something unexpected to stderr.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": path.parent}},
    )
    client.execute()
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if text := unexpected_stderr(cell.outputs):
                raise UnexpectedStderrError(f"cell {number} wrote to stderr, where only progress bars and downloads are expected:\n{text}")
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    # The kernel reports its own Python version here, which says nothing about the lecture.
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    new = path.with_suffix(".ipynb.new")
    nbformat.write(notebook, new)
    new.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/ and assignments/")
    paths = parser.parse_args().notebooks or sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("assignments/*/*.ipynb")])
    for path in tqdm(paths, unit="notebook"):
        try:
            run(path)
        except FileNotFoundError:
            sys.exit(f"there is no notebook {path}; it is given relative to the folder you are in.")
        except (nbformat.reader.NotJSONError, nbformat.ValidationError):
            sys.exit(f"{path} is no notebook, expected Jupyter's JSON format; it is left as it was.")
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            sys.exit(f"{path} was left as it was, because a cell failed:\n{error}")
        except UnexpectedStderrError as error:
            sys.exit(f"{path} was left as it was: {error}")


if __name__ == "__main__":
    main()
