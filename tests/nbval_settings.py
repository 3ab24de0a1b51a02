"""How nbval compares a notebook's outputs with the committed ones.

- Words are compared exactly, up to white space.
- Whole numbers are compared exactly. Other numbers may differ by one unit in the last printed digit, because a different rounding in
  the machine's linear algebra can flip it, or by `RELATIVE`, whichever is larger.
- In a cell tagged `values-vary`, whose numbers come from stochastic training or from rounding itself, only the words are compared;
  so are the measured values in the table "What you should see", which raises by itself when a value leaves its band.
- Pictures are not compared.
- Whatever a cell writes to stderr fails it, but for progress bars and reports of downloads: a reader would see it, and no stored output shows it.

The kernels have a reader's environment: nothing here sets the number of threads or hides a message.
"""

import math
import os
import re

import nbval.kernel
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

from tools.run_notebooks import unexpected_stderr

RELATIVE = 1e-6
_WHOLE = 0.0
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.]*\d)")
RESULT_ROW = re.compile(r"^(\| .* \|) .* (\| \S+ to \S+ \|)$", re.MULTILINE)


class ComparedText(str):
    """Output text that equals another when the words agree and the numbers agree within the tolerance."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        mine, theirs = NUMBER.findall(self), NUMBER.findall(str(other))
        return _words(self) == _words(str(other)) and len(mine) == len(theirs) and all(map(same_number, mine, theirs))

    def __ne__(self, other: object) -> bool:
        return not self == other


def _words(text: str) -> list[str]:
    return NUMBER.sub(" # ", text).split()


def same_number(a: str, b: str) -> bool:
    a, b = a.replace("−", "-"), b.replace("−", "-")
    unit = max(_last_digit(a), _last_digit(b))
    if unit == _WHOLE:
        return int(a.rstrip(".")) == int(b.rstrip("."))  # NumPy prints 1. for a whole number
    # A trace more than the unit, because 0.97 - 0.96 is a trace more than 0.01 in binary.
    return math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=1.0001 * unit)


def _last_digit(number: str) -> float:
    """Value of one unit in the last printed digit: 0.01 for 3.14, 1e-9 for 2.5e-8; 0 for a whole number."""
    digits, _, exponent = number.lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return _WHOLE if not decimals and not exponent else 10.0 ** (int(exponent or 0) - decimals)


_DIGITS_AS_WORDS = str.maketrans("0123456789.", "abcdefghijk")  # a band is a decision, not a measurement: no tolerance


def compared(text: str, tags: list[str]) -> ComparedText:
    """Prepare one output text of a cell for the comparison."""
    text = RESULT_ROW.sub(lambda row: f"{row[1]} measured {row[2].translate(_DIGITS_AS_WORDS)}", text)
    return ComparedText(NUMBER.sub("#", text) if "values-vary" in tags else text)


_nbval_sanitize = IPyNbCell.sanitize


def _sanitize(cell: IPyNbCell, text: object) -> object:
    text = _nbval_sanitize(cell, text)
    return compared(text, cell.cell.metadata.get("tags", [])) if isinstance(text, str) else text


IPyNbCell.sanitize = _sanitize


def _execute(kernel: RunningKernel, source: str, allow_stdin: bool | None = None) -> str:
    """Run a cell as a reader does, with history: without it IPython overlooks the semicolon that hides a cell's last value."""
    return kernel.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = _execute


_nbval_start_new_kernel = nbval.kernel.start_new_kernel


def _start_new_kernel(**options: object) -> tuple:
    """Start a kernel that does not know of pytest: one that does leaves alone what libraries in C++ write to stderr, and a cell shows it not."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return _nbval_start_new_kernel(**options, env=environment)


nbval.kernel.start_new_kernel = _start_new_kernel


_nbval_get_message = RunningKernel.get_message


def _get_message(kernel: RunningKernel, stream: str, timeout: float | None = None) -> dict:
    message = _nbval_get_message(kernel, stream, timeout)
    if stream == "shell":
        kernel.last_status = message["content"]["status"]
    return message


RunningKernel.get_message = _get_message


_nbval_compare_outputs = IPyNbCell.compare_outputs


def _compare_outputs(cell: IPyNbCell, outputs: list, *others: object) -> bool:
    """Fail a cell that wrote to stderr, or that failed without a traceback, as one with an unknown magic does; else compare its outputs."""
    if text := unexpected_stderr(outputs):
        cell.raise_cell_error("Cell wrote to stderr", text)
    if cell.parent.kernel.last_status == "error" and not cell.options["check_exception"]:
        cell.raise_cell_error("Cell failed without a traceback")
    return _nbval_compare_outputs(cell, outputs, *others)


IPyNbCell.compare_outputs = _compare_outputs


def pytest_itemcollected(item: object) -> None:
    if isinstance(item, IPyNbCell) and "stderr" not in item.parent.skip_compare:
        item.parent.skip_compare = (*item.parent.skip_compare, "stderr")
