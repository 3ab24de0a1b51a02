"""What people have, turned into checked arrays and numbers, or refused in one sentence that names what was given and what is wanted.

In every function `what` is how the message calls the value, with its article: `"the start"`.
"""

import datetime
import decimal
import math
import operator
from collections.abc import Iterable, Mapping, Set
from numbers import Complex, Integral, Real
from types import EllipsisType

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

# An index of these increases in time; texts and categories have another order, and several levels have no single one.
_TIMES = {
    *("datetime64", "datetime", "date", "period", "timedelta64", "timedelta"),
    *("integer", "floating", "mixed-integer-float", "decimal"),
}
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, pd.Period)
# The numbers of any other picture of PIL are places in a palette, transparency, or colours that are not red, green and blue.
_PICTURE_MODES = {"1", "L", "I", "I;16", "F", "RGB"}


def numbers(
    value: object, what: str, *shapes: tuple[int | str | EllipsisType, ...], dtype: DTypeLike | None = np.float64, finite: bool = True
) -> np.ndarray:
    """Return numbers as an array of the wanted shape and type.

    Taken are arrays and nested lists, pandas' tables with any index and any type of number, masked arrays, pictures, and whatever turns
    itself into an array (tensors, xarray, polars). True and False count as 1 and 0. Missing values (None, NA, masked) become NaN.

    Args:
        value: what was given.
        what: how the message calls it.
        shapes: the shapes allowed, any if there are none. In a shape a number stands for itself, a word for any length from 1, and `...`
            for any number of axes: `("n", ...)`, `(..., 3)`.
        dtype: type of the result, a float or complex; None keeps the type that the numbers have.
        finite: whether NaN and infinity are refused, also where only `dtype` cannot hold the number.

    Returns:
        The numbers, at least one unless a shape allows a length 0. The array may share its memory with `value`.

    Raises:
        ValueError: the value holds text, dates or anything else that is no number (complex numbers too, unless `dtype` is complex), has
            another shape, is empty, or is not finite.
    """
    array = _array(value, what, np.complex128 if dtype is complex else np.float64)
    if not any(_fits(array.shape, shape) for shape in shapes or [(...,)]):
        wanted = " or ".join(_written(shape) for shape in shapes) or "at least one number"
        raise ValueError(f"the shape of {what} is {array.shape}, expected {wanted}{'' if array.size else ' with no length 0'}.")
    with np.errstate(over="ignore"):
        result = array if dtype is None else array.astype(dtype, copy=False)
    wrong = ~np.isfinite(result)
    if finite and wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        beyond = np.isfinite(array[index])
        wanted = f"numbers that {result.dtype} can hold" if beyond else "finite numbers only"
        raise ValueError(
            f"found {array[index]}{_where(value, index)} in {what}, expected {wanted}; values missing, infinite or too large: {wrong.sum()}."
        )
    return result


def labels(value: object, what: str, classes: int | None = None) -> np.ndarray:
    """Return class labels as int64, shape (n,).

    Args:
        value: whole numbers from 0, as `numbers` takes them; no floats, no True and False, no one-hot rows.
        what: how the message calls them.
        classes: how many classes there are, so the largest label is one less; any label from 0 if not given.

    Raises:
        ValueError: `value` is not as described.
    """
    array = numbers(value, what, ("n",), dtype=None)
    span = "0 or more" if classes is None else f"from 0 to {classes - 1}"
    if array.dtype.kind not in "iu":
        raise ValueError(f"the type of {what} is {array.dtype}, expected whole numbers, {span}, one for each sample.")
    most = np.iinfo(np.int64).max if classes is None else classes - 1
    outside = np.flatnonzero((array < 0) | (array > most))
    if outside.size:
        raise ValueError(f"found {array[outside[0]]} at position {outside[0]} in {what}, expected whole numbers, {span}.")
    return array.astype(np.int64)


def series(value: object, what: str = "the sequence") -> np.ndarray:
    """Return a sequence in time as float64, shape (T, F), once its index increases from row to row.

    Args:
        value: shape (T,) or (T, F), finite numbers as `numbers` takes them. If it has an index (pandas, or xarray's along the first axis),
            that has to hold dates or numbers, increasing from row to row. Whether a table without one starts with the newest row cannot
            be seen.
        what: how the message calls it.

    Raises:
        ValueError: `value` is not as described; dates as text are refused, because their order is the alphabet's.
    """
    array = numbers(value, what, ("T",), ("T", "features"))
    if isinstance(value, (pd.Series, pd.DataFrame)):
        _check_times(value.index, what)
    elif hasattr(value, "indexes") and getattr(value, "dims", ()):
        _check_times(value.indexes.get(value.dims[0], pd.RangeIndex(len(array))), what)
    return array.reshape(len(array), -1)


def number(value: object, what: str, least: float = -math.inf, most: float = math.inf) -> float:
    """Return one finite number, at least `least` and at most `most`; True and False are none.

    Raises:
        ValueError: `value` is no such number.
    """
    try:
        if isinstance(value, float):  # much faster, for forces and costs that are asked thousands of times
            found = float(value)
        else:
            found = math.nan if isinstance(value, (bool, np.bool_)) else float(numbers(value, what, ()))
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and least <= found <= most):
        raise ValueError(f"{what} is {short(value)}, expected a finite number{_span(least, most)}.")
    return found


def whole(value: object, what: str, least: int = 1, most: int = 2**63 - 1) -> int:
    """Return a whole number, at least `least` and at most `most`; NumPy's integers are welcome, 2.0 and True are none.

    Raises:
        ValueError: `value` is no such number.
    """
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None or not least <= found <= most:
        raise ValueError(f"{what} is {short(value)}, expected a whole number{_span(least, most if most < 2**63 - 1 else math.inf)}.")
    return found


def items(value: Iterable, what: str) -> list:
    """Return what a list, an array, a pandas Series or a generator holds, in order.

    Raises:
        ValueError: `value` has no items, or none in an order of their own: a text, a dictionary, a set, a table.
    """
    unordered = (str, bytes, Mapping, Set, pd.DataFrame)
    if isinstance(value, unordered) or not isinstance(value, Iterable) or getattr(value, "shape", None) == ():
        raise ValueError(f"the type of {what} is {type(value).__name__}, expected a list.")
    return list(value)


def text(value: object, what: str) -> str:
    """Return a text.

    Raises:
        ValueError: `value` is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{what} is {short(value)}, expected a text.")
    return value


def short(value: object) -> str:
    """Return how a message shows a value: in one line, cut after 60 characters."""
    try:
        line = " ".join(repr(value).split())
    except Exception:  # Python writes no whole number of more than 4300 digits
        return f"of the type {type(value).__name__}"
    return line if len(line) <= 60 else f"{line[:59]}…"


def _array(value, what, kind):
    """The value as an array of real numbers (complex ones if `kind` is), of the type that they have."""
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value) and value.dtype.kind not in "mM":  # as objects dates would become plain integers
            objects = value.data.astype(object)
            objects[np.ma.getmaskarray(value)] = None
            value = objects
        else:
            value = value.data
    if hasattr(value, "getbands") and value.mode not in _PICTURE_MODES:
        raise ValueError(f"found a picture of the mode {value.mode!r} in {what}, expected grey or colours: picture.convert('RGB').")
    if hasattr(value, "get_columns"):  # polars makes one array of numbers and dates, in which the dates are days
        return _stacked({f"the column {short(column.name)} of {what}": column for column in value.get_columns()}, what, kind, axis=-1)
    if isinstance(value, (list, tuple)) and any(_is_array(item) for item in value):
        return _stacked({f"part {i} of {what}": item for i, item in enumerate(value)}, what, kind, axis=0)
    try:
        array = np.asarray(value)
        if array.dtype.kind in "US" and isinstance(value, (list, tuple)):
            array = np.asarray(value, dtype=object)  # of numbers and texts NumPy makes texts
    except Exception:  # whatever the value's own conversion raises
        if isinstance(value, (list, tuple)):
            raise ValueError(f"the parts of {what} have different lengths, expected one array of numbers.") from None
        raise ValueError(f"the type of {what} is {type(value).__name__}, which gives no array; expected an array of numbers.") from None
    # Texts, dates and objects cannot be cast; objects may still be numbers.
    return array if np.can_cast(array.dtype, kind, "same_kind") else _from_objects(array, value, what, kind)


def _is_array(item):
    """Whether a list's item is more than a number: an array, a table, a tensor, a picture, whose own conversion has to be used."""
    return (hasattr(item, "__array__") or hasattr(item, "__array_interface__")) and not isinstance(item, np.generic)


def _stacked(parts, what, kind, axis):
    arrays = [_array(part, name, kind) for name, part in parts.items()]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise ValueError(f"found parts of the shapes {shapes[0]} and {shapes[1]} in {what}, expected one shape.")
    return np.stack(arrays, axis) if arrays else np.empty(0)


def _from_objects(array, value, what, kind):
    """Objects that are numbers, as int64 where all are whole, else of the type `kind`; the first that is no number is named."""
    allowed = (Complex if kind is np.complex128 else Real, decimal.Decimal, np.bool_)
    found = []
    for index, item in zip(np.ndindex(array.shape), array.flat, strict=True):
        if index and (item is None or item is pd.NA or item is np.ma.masked):
            found.append(math.nan)
        elif isinstance(item, allowed) and not isinstance(item, np.timedelta64):  # which NumPy counts among the whole numbers
            found.append(item)
        else:
            raise ValueError(_no_number(item, _where(value, index), what))
    if found and all(isinstance(item, Integral) and not isinstance(item, bool) and -(2**63) <= item < 2**63 for item in found):
        return np.array(found, dtype=np.int64).reshape(array.shape)
    return np.array([_converted(item, kind) for item in found], dtype=kind).reshape(array.shape)


def _converted(item, kind):
    try:
        return complex(item) if kind is np.complex128 else float(item)
    except OverflowError:
        return math.inf
    except ValueError:  # a signalling NaN of the decimal module
        return math.nan


def _no_number(item, where, what):
    if isinstance(item, (str, bytes)):
        plain = bytes(item) if isinstance(item, bytes) else str(item)  # without NumPy's own type
        return (
            f"found the text {short(plain)}{where} in {what}, expected numbers: convert it with pd.to_numeric, "
            "or read the file with thousands=',' in pd.read_csv."
        )
    if isinstance(item, _DATES):
        return f"found the time {item}{where} in {what}, expected numbers: dates belong into the index, durations have to be divided by a unit."
    if isinstance(item, Complex):
        return f"found the complex number {item}{where} in {what}, expected real numbers."
    if where:
        return f"found a value of the type {type(item).__name__}{where} in {what}, expected numbers."
    return f"the type of {what} is {type(item).__name__}, expected an array of numbers."


def _check_times(index, what):
    """Refuse an index whose order is not that of time, or that does not increase."""
    if index.inferred_type not in _TIMES:
        kind = index.inferred_type.replace("string", "text")
        raise ValueError(
            f"the index of {what} holds {kind} values, the first {short(index[0])}, expected dates or numbers: convert dates with "
            "pd.to_datetime and sort by them, or give the values alone, .to_numpy()."
        )
    if index.hasnans:
        raise ValueError(f"the index of {what} has missing values, expected a date or a number for each row: drop the rows without one.")
    try:
        wrong = np.flatnonzero(np.asarray(index[1:] <= index[:-1], dtype=bool))
    except TypeError:
        raise ValueError(f"the index of {what} has dates with and without a time zone, expected one kind.") from None
    if wrong.size:
        raise ValueError(
            f"the index of {what} goes from {index[wrong[0]]} to {index[wrong[0] + 1]}, expected it to increase from row to row: "
            "sort it and drop duplicates."
        )


def _fits(shape, wanted):
    """Whether a shape is the wanted one."""
    if ... in wanted:
        at = wanted.index(...)
        wanted = wanted[:at] + ("any",) * (len(shape) - len(wanted) + 1) + wanted[at + 1 :]
    return len(shape) == len(wanted) and all(
        given >= 1 if isinstance(length, str) else given == length for given, length in zip(shape, wanted, strict=True)
    )


def _written(shape):
    if not shape:
        return "one number"
    return f"({', '.join('...' if length is ... else str(length) for length in shape)}{',' if len(shape) == 1 else ''})"


def _where(value, index):
    if isinstance(value, pd.DataFrame):
        return f" at row {index[0]} of the column {short(value.columns[index[1]])}"
    return f" at position {index[0] if len(index) == 1 else index}" if index else ""


def _span(least, most):
    if most < math.inf:
        return f" from {least} to {most}"
    return f", {least} or more" if least > -math.inf else ""
