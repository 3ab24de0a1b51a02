"""How nbval compares a notebook's outputs with the committed ones.

- Words are compared exactly, up to white space.
- Whole numbers are compared exactly. Other numbers may differ by one unit in the last printed digit, because a different rounding in
  the machine's linear algebra can flip it, or by `RELATIVE`, whichever is larger.
- In a cell tagged `values-vary`, whose numbers come from stochastic training or from rounding itself, only the words are compared;
  so are the measured values in the table "What you should see", which raises by itself when a value leaves its band.
- Pictures and stderr (where TensorFlow reports its start) are not compared.
"""

import math
import os
import re

from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

# Two notebooks run side by side: a second thread for each would only get in the other's way.
for name in ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

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


def pytest_itemcollected(item: object) -> None:
    if isinstance(item, IPyNbCell) and "stderr" not in item.parent.skip_compare:
        item.parent.skip_compare = (*item.parent.skip_compare, "stderr")
