"""What is taken for numbers, labels and sequences, and what is not; tests/test_odd_inputs.py asks every function of the package."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from physnets.inputs import items, labels, number, numbers, series, short, text, whole
from tests.test_odd_inputs import DAYS, ODD, Converts, Labelled

MISSING = r"^found nan at (position|row) .* in the sequence, expected finite numbers only; .*: 1\.$"
TIME = r"^found the time .* in (the column 'Date' of )?the sequence, expected numbers: dates belong into the index"
TEXT = r"^found the text .* in (the column 'Date' of )?the sequence, expected numbers: convert it with pd\.to_numeric"
KIND = r"^the index of the sequence holds {} values, the first .*, expected dates or numbers: convert dates with pd\.to_datetime"
NO_ARRAY = r"^the type of the sequence is {}, (which gives no array; )?expected an array of numbers\.$"


class Columns:
    """A table as polars has them; turned into one array its dates become days."""

    def __init__(self, **columns):
        self.columns = [pd.Series(values, name=name) for name, values in columns.items()]

    def get_columns(self):
        return self.columns

    def __array__(self, dtype=None, copy=None):
        return np.zeros((3, 2))


@pytest.mark.parametrize(
    "value",
    [
        pd.Series([1, 2], dtype="Int64"),
        pd.Series([1, 2], dtype="category"),
        pd.Series([decimal.Decimal(1), 2]),
        pd.Series([1.0, 2.0], index=pd.date_range("2024-01-01", periods=2, tz="UTC")),
        pd.Series([1.0, 2.0], index=[datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]),
        pd.Series([1.0, 2.0], index=pd.period_range("2024-01", periods=2, freq="M")),
        pd.DataFrame({"a": pd.arrays.SparseArray([1.0, 2.0])}),
        np.ma.array([1, 2], mask=[False, False]),
        [np.float32(1), np.array(2.0)],
        [True, 2],
        (1, 2),
        range(1, 3),
        Converts([1, 2]),
        Columns(a=[1.0, 2.0]),
        Labelled([1, 2], DAYS[:2]),
    ],
)
def test_numbers_in_any_clothes_are_numbers(value):
    np.testing.assert_array_equal(series(value), [[1], [2]])
    assert series(value).dtype == np.float64


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ("a masked array", MISSING),
        ("a list with masked", r"^the type of part 1 of the sequence is NoneType, expected an array of numbers\.$"),
        ("a list with None", MISSING),
        ("a Series with NA", MISSING),
        ("a table with NA", r"^found nan at row 1 of the column 'a' in the sequence"),
        ("an array with inf", r"^found inf at position 1 in the sequence"),
        ("numbers as text", r"^found the text '1' at position 0 in the sequence"),
        ("numbers and text", r"^found the text 'x' at position 1 in the sequence"),
        ("a table with text", r"^found the text '1' at row 0 of the column 'Date' in the sequence"),
        ("a Series of categories", TEXT),
        ("bytes", r"^found the text b'abc' in the sequence"),
        ("dates", TIME),
        ("durations", TIME),
        ("masked dates", TIME),
        ("DatetimeIndex", TIME),
        ("PeriodIndex", TIME),
        ("a Series of dates", TIME),
        ("a Series with a time zone", TIME),
        ("a table with dates", TIME),
        ("complex", r"^found the complex number 1j at position 0 in the sequence, expected real numbers\.$"),
        ("objects", r"^found a value of the type object at position 0 in the sequence"),
        ("structured", r"^found a value of the type void at position 0"),
        ("ragged", r"^the parts of the sequence have different lengths"),
        ("ragged arrays", r"^found parts of the shapes \(2,\) and \(3,\) in the sequence, expected one shape\.$"),
        ("a generator", NO_ARRAY.format("generator")),
        ("a dict", NO_ARRAY.format("dict")),
        ("None", NO_ARRAY.format("NoneType")),
        ("a tensor that needs its gradient", NO_ARRAY.format("Converts")),
        ("a palette", r"^found a picture of the mode 'P' in part 0 of the sequence"),
        ("a Series over text", KIND.format("text")),
        ("a Series over categories", KIND.format("categorical")),
        ("a Series over a mixture", KIND.format("mixed-integer")),
        ("a Series over levels", KIND.format("mixed")),
        ("a Series over NaT", r"^the index of the sequence has missing values"),
        ("a Series over NaN", r"^the index of the sequence has missing values"),
        ("a Series over mixed time zones", r"^the index of the sequence has dates with and without a time zone"),
        ("a Series over falling dates", r"^the index of the sequence goes from 2024-01-03 .* to 2024-01-02"),
        ("a Series over equal dates", r"^the index of the sequence goes from 2024-01-01 .* to 2024-01-01"),
        ("coordinates that fall", r"^the index of the sequence goes from 2024-01-03"),
        ("5-d", r"^the shape of the sequence is \(2, 2, 2, 2, 2\), expected \(T,\) or \(T, features\)\.$"),
        ("empty", r"^the shape of the sequence is \(0, 3\), expected \(T,\) or \(T, features\) with no length 0\.$"),
    ],
)
def test_what_is_no_sequence_is_refused(odd, message):
    with pytest.raises(ValueError, match=message):
        series(ODD[odd]())


def test_dates_in_a_column_of_their_own_are_seen():
    with pytest.raises(ValueError, match=r"^found the time 2024-01-01.* at position 0 in the column 'Date' of the sequence"):
        series(Columns(Date=DAYS, Close=[1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        ([], True),
        ([("n", 3)], True),
        ([("n", 2)], False),
        ([("n",), ("n", "features")], True),
        ([("n", ...)], True),
        ([(..., 3)], True),
        ([(..., 2)], False),
        ([("a", "b", ...)], True),
        ([("a", "b", "c", ...)], False),
        ([()], False),
    ],
)
def test_shapes_are_checked(shapes, fits):
    if fits:
        assert numbers(np.ones((2, 3)), "x", *shapes).shape == (2, 3)
    else:
        with pytest.raises(ValueError, match=r"^the shape of x is \(2, 3\), expected (\([nab.,23c ]*\)|one number)\.$"):
            numbers(np.ones((2, 3)), "x", *shapes)


def test_an_empty_array_needs_a_shape_that_allows_it():
    assert numbers([], "x", (0,)).shape == (0,)
    for shapes in ([], [("n",)], [(...,)]):
        with pytest.raises(ValueError, match=r"^the shape of x is \(0,\), expected .* with no length 0\.$"):
            numbers([], "x", *shapes)


def test_the_type_is_the_one_asked_for_or_the_numbers_own():
    assert numbers([1], "x", dtype=np.float32).dtype == np.float32
    assert numbers([1j], "x", dtype=complex).dtype == np.complex128
    assert numbers(np.array([1, 2], dtype=object), "x", dtype=None).dtype == np.int64
    assert numbers([Image.new("L", (2, 3))], "x", dtype=None).dtype == np.uint8
    np.testing.assert_array_equal(numbers([1, None, np.inf], "x", finite=False), [1, np.nan, np.inf])


def test_a_number_that_single_precision_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"^found 1e\+39 at position \(0, 1\) in x, expected numbers that float32 can hold; .*: 1\.$"):
        numbers([[1, 1e39]], "x", dtype=np.float32)
    assert numbers([1e39], "x", dtype=np.float32, finite=False) == np.inf


@pytest.mark.parametrize("value", [[0, 2], np.uint8([0, 2]), pd.Series([0, 2], dtype="Int64"), pd.Series([0, 2], dtype="category")])
def test_labels_are_whole_numbers(value):
    found = labels(value, "the labels", 3)
    assert found.dtype == np.int64 and found.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.0, 1.0], r"^the type of the labels is float64, expected whole numbers, from 0 to 2, one for each sample\.$"),
        ([True], r"^the type of the labels is bool"),
        (np.array([True, False], dtype=object), r"^the type of the labels is float64"),
        (np.eye(3, dtype=int), r"^the shape of the labels is \(3, 3\), expected \(n,\)\.$"),
        ([0, 3], r"^found 3 at position 1 in the labels, expected whole numbers, from 0 to 2\.$"),
        ([-1], r"^found -1 at position 0"),
        (["cat"], r"^found the text 'cat' at position 0 in the labels"),
    ],
)
def test_other_labels_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        labels(value, "the labels", 3)


def test_a_label_beyond_int64_does_not_wrap():
    with pytest.raises(ValueError, match=r"^found 9223372036854775808 at position 0 in the labels, expected whole numbers, 0 or more\.$"):
        labels(np.uint64([2**63]), "the labels")


def test_one_number_is_one_number():
    assert number(decimal.Decimal("0.5"), "x") == number(np.array(0.5), "x") == 0.5
    assert whole(np.int8(3), "x") == whole(np.array(3), "x") == 3
    for value in (True, np.True_, "1", None, [1], np.nan, np.inf, 1j, 10**400):
        with pytest.raises(ValueError, match=r"^x is .*, expected a finite number from 0 to 2\.$"):
            number(value, "x", 0, 2)
    for value in (True, np.True_, "1", None, [1], 2.0, 10**20, 0):
        with pytest.raises(ValueError, match=r"^x is .*, expected a whole number, 1 or more\.$"):
            whole(value, "x")


def test_a_list_has_an_order():
    assert items(pd.Series(["a", "b"], index=[1, 0]), "x") == items(iter("ab"), "x") == ["a", "b"]
    for value in ("ab", {"a": 1}, {"a"}, pd.DataFrame({"a": [1]}), None, np.array(1)):
        with pytest.raises(ValueError, match=r"^the type of x is \w+, expected a list\.$"):
            items(value, "x")


def test_a_message_shows_a_value_in_one_short_line():
    assert short(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert len(short("x" * 1000)) == 60
    assert short(10**5000) == "of the type int"
    with pytest.raises(ValueError, match=r"^the label is 3, expected a text\.$"):
        text(3, "the label")
