"""The data sets: what they hold, where they come from, and what is said when a file is damaged or missing."""

import hashlib
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from physnets import data

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of data/ that may be damaged, in the place where physnets looks."""
    folder = shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.setattr(data, "DATA_FOLDER", folder)
    return folder


def test_digits_have_the_documented_shapes_types_and_ranges():
    images, labels = data.load_digits()
    assert images.shape == (1797, 8, 8)
    assert labels.shape == (1797,)
    assert images.dtype == np.float64
    assert labels.dtype == np.int64
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_are_those_of_scikit_learn():
    images, labels = data.load_digits()
    original = sklearn.datasets.load_digits()
    np.testing.assert_array_equal(images, original.images)
    np.testing.assert_array_equal(labels, original.target)


def test_the_caller_may_change_what_is_loaded():
    data.load_digits()[0][:] = 0
    assert data.load_digits()[0].max() == 16


def test_make_data_makes_the_committed_arrays():
    made = runpy.run_path(str(ROOT / "tools" / "make_data.py"))["digits"]()
    with np.load(ROOT / "data" / "digits.npz") as stored:
        assert set(stored) == set(made)
        for name, array in made.items():
            assert stored[name].dtype == array.dtype
            np.testing.assert_array_equal(stored[name], array)


def test_the_registry_lists_exactly_the_data_files():
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (ROOT / "data").iterdir()}
    del files["README.md"], files["registry.txt"]
    assert data.registry() == files


def test_the_readme_states_the_same_checksums_and_describes_each_file():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", text, flags=re.MULTILINE)) == data.registry()
    assert re.findall(r"^## `(\S+)`", text, flags=re.MULTILINE) == sorted(data.registry())


def test_data_path_is_the_file_asked_for():
    assert data.data_path("digits.npz") == ROOT / "data" / "digits.npz"


@pytest.mark.parametrize("name", ["digit.npz", "../data/digits.npz", "registry.txt", "", None])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ValueError, match=rf"^no data file is called {re.escape(repr(name))}; there are: .*digits\.npz"):
        data.data_path(name)


def test_a_missing_file_is_named_with_its_folder(copy):
    (copy / "digits.npz").unlink()
    with pytest.raises(FileNotFoundError, match=rf"^data file 'digits\.npz' is missing from {re.escape(str(copy))}: .*restore it"):
        data.load_digits()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b + b"\n"])
def test_a_damaged_file_is_never_loaded(copy, damage):
    path = copy / "digits.npz"
    path.write_bytes(damage(path.read_bytes()))
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest()[:12], data.registry()["digits.npz"][:12]
    with pytest.raises(ValueError, match=rf"^data file {re.escape(str(path))} is damaged: its SHA-256 is {found}…, expected {expected}…;"):
        data.load_digits()


def test_a_missing_registry_is_named(copy):
    path = copy / "registry.txt"
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"^no list of data files at {re.escape(str(path))}: install physnets again"):
        data.data_path("digits.npz")


def test_the_prices_are_whole_and_in_order():
    prices = data.load_prices()
    assert prices.shape == (3270, 3)
    assert list(prices.columns) == ["AAPL", "IBM", "MSFT"]
    assert prices.index.is_monotonic_increasing and prices.index.is_unique
    assert [f"{day:%Y-%m-%d}" for day in prices.index[[0, -1]]] == ["2000-03-01", "2013-03-01"]
    assert (prices > 0).all(axis=None)
    # A split that was not adjusted for would show as a fall by half or more within a day; the worst real day was Apple's, 52%.
    assert prices.pct_change().min().round(2).to_dict() == {"AAPL": -0.52, "IBM": -0.16, "MSFT": -0.16}
