"""Every public function of the package, called with every kind of odd input, one argument at a time: it works as documented, or says why not.

Two kinds of odd input: any value at all, as somebody may hand in by mistake; and the valid value in other clothes (another type, index,
order in memory), with which the result has to be the same, or refused.
"""

import datetime
import decimal
import functools
import importlib
import inspect
import pkgutil
import re
import traceback
import types
import warnings
from fractions import Fraction
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import physnets

matplotlib.use("Agg")

# Arguments of `physnets.inputs` that the package itself writes down, and no reader.
OURS = {"what", "shapes", "dtype", "finite", "classes", "least", "most"}
SENTENCES = {
    "physics.pairing_energy": (ArithmeticError,),
    "checks.expect": (AssertionError,),
    "checks.what_you_should_see": (AssertionError,),
}


def public_functions():
    """Functions, and methods of classes, by their name in the package."""
    found = {}
    for module in pkgutil.iter_modules(physnets.__path__):
        loaded = importlib.import_module(f"physnets.{module.name}")
        for name, thing in vars(loaded).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != loaded.__name__:
                continue
            if inspect.isfunction(thing):
                found[f"{module.name}.{name}"] = thing
            elif inspect.isclass(thing):
                methods = inspect.getmembers(thing, inspect.isfunction)
                found |= {f"{module.name}.{name}.{method}": f for method, f in methods if not method.startswith("_")}
    return found


@functools.cache
def network():
    import keras

    return keras.Sequential([keras.Input((2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])


@functools.cache
def compiled():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def training_data(n=4):
    return np.arange(2.0 * n).reshape(n, 2), np.arange(float(n)).reshape(n, 1)


@functools.cache
def trained():
    from physnets.training import train_grid

    return train_grid(compiled, training_data(), training_data(), [0.5], [0.0, 0.25], epochs=1, batch_size=4)


def not_trained(build, arguments, table, data, how, update):
    """In place of a training: what is odd has been refused before it."""
    scores = {"epochs": 1, "diverged": False, "training loss": 0.5, "validation loss": 0.5}
    return [{"scores": scores, "history": {"loss": np.ones(1)}, "weights": compiled().get_weights()} for _ in table["seed"]]


@functools.cache
def drawing():
    from physnets.drawings import canvas

    return canvas(2, 1)


@functools.cache
def generator():
    from physnets.gan import build_generator

    return build_generator()


def split():
    from physnets.sequences import split_windows

    return split_windows(np.arange(40.0), 2)


# Valid arguments of every public function. Numbers are sums of few powers of 2, so that no type rounds them.
SERIES = np.arange(40.0).reshape(20, 2) % 7
EXAMPLES = {
    "checks.gradient_error": lambda: {
        "cost": lambda theta: float((theta[0] ** 2).sum()),
        "parameters": [np.array([0.5, 3.0])],
        "gradients": [np.array([1.0, 6.0])],
        "step": 1e-5,
    },
    "checks.what_you_should_see": lambda: {
        "rows": [("loss", [0.5, 0.25], 0, 1)],
        "conclusions": [("It falls.", [True, True])],
    },
    "checks.expect": lambda: {"what": "x", "got": np.array([1.0, 2.0]), "wanted": np.array([1.0, 2.0]), "rtol": 1e-6, "atol": 1e-12},
    "data.registry": dict,
    "data.data_path": lambda: {"name": "digits.npz"},
    "data.load_digits": dict,
    "data.load_prices": dict,
    "gan.build_generator": dict,
    "gan.build_discriminator": dict,
    "gan.load_generator": dict,
    "gan.generate": lambda: {"generator": generator(), "latent": np.ones((1, 100))},
    "images.load_mnist": lambda: {"full": False},
    "images.load_cifar10_samples": dict,
    "images.load_cifar10": dict,
    "inputs.numbers": lambda: {"value": SERIES, "what": "the values"},
    "inputs.labels": lambda: {"value": np.array([0, 1, 3]), "what": "the labels"},
    "inputs.series": lambda: {"value": SERIES, "what": "the sequence"},
    "inputs.number": lambda: {"value": 0.5, "what": "the number"},
    "inputs.whole": lambda: {"value": 3, "what": "the number"},
    "inputs.items": lambda: {"value": [1, 2], "what": "the list"},
    "inputs.text": lambda: {"value": "loss", "what": "the label"},
    "inputs.short": lambda: {"value": 3},
    "physics.pairing_energy": lambda: {"particles": 4, "g": 0.5},
    "physics.oscillator": lambda: {
        "times": np.array([0.0, 0.5, 1.0]),
        "force": lambda t: 1.0,
        "damping": 0.5,
        "position": 1.0,
        "velocity": 0.5,
    },
    "physics.driven_oscillator": lambda: {
        "times": np.array([0.0, 0.5, 1.0]),
        "damping": 0.5,
        "amplitude": 2.0,
        "frequency": 0.5,
        "position": 1.0,
        "velocity": 0.5,
    },
    "drawings.canvas": lambda: {"width": 2.0, "height": 1.0},
    "drawings.words": lambda: {"ax": drawing(), "at": np.array([1.0, 0.5]), "label": "input", "color": "C0", "ground": "white"},
    "drawings.unit": lambda: {"ax": drawing(), "at": np.array([1.0, 0.5]), "label": "$x$", "radius": 0.25, "color": "C0"},
    "drawings.box": lambda: {"ax": drawing(), "at": np.array([1.0, 0.5]), "label": "dense", "size": np.array([1.0, 0.5]), "color": "C0"},
    "drawings.gate": lambda: {"ax": drawing(), "at": np.array([1.0, 0.5]), "symbol": "tanh", "color": "C0"},
    "drawings.arrow": lambda: {
        "ax": drawing(),
        "start": np.array([0.5, 0.5]),
        "end": np.array([1.5, 0.5]),
        "label": "$w$",
        "curve": 0.25,
        "color": "C0",
        "dashed": True,
    },
    "drawings.layers": lambda: {
        "ax": drawing(),
        "sizes": [2, 1],
        "at": np.array([0.5, 0.5]),
        "names": [["$x$", "..."], ["$y$"]],
        "spacing": np.array([1.0, 0.5]),
        "radius": 0.25,
    },
    "drawings.volume": lambda: {
        "ax": drawing(),
        "at": np.array([1.0, 0.5]),
        "label": "8 x 8",
        "size": np.array([0.25, 0.5, 0.5]),
        "color": "C0",
    },
    "drawings.pixels": lambda: {
        "ax": drawing(),
        "values": np.array([[1.0, 2.0], [3.0, 0.5]]),
        "at": np.array([1.0, 0.5]),
        "cell": 0.25,
        "window": [0, 1, 2, 1],
        "fmt": ".1f",
    },
    "drawings.unrolled": lambda: {
        "ax": drawing(),
        "steps": 2,
        "at": np.array([0.5, 0.5]),
        "spacing": 1.0,
        "names": ["x", "h", "y"],
    },
    "drawings.graph": lambda: {
        "ax": drawing(),
        "places": {"$x$": (0.5, 0.5), "$y$": (1.5, 0.5)},
        "edges": [("$x$", "$y$")],
        "values": {"$x$": 1.0},
        "gradients": {"$x$": 0.5},
    },
    "plots.set_style": dict,
    "plots.heatmap": lambda: {
        "table": pd.DataFrame([[0.5, 1.0], [2.0, 3.0]], [0.1, 1.0], [1, 2]),
        "ax": None,
        "label": "loss",
        "fmt": ".2f",
    },
    "plots.learning_curves": lambda: {
        "history": {"loss": [3.0, 2.0]},
        "ax": None,
        "ylabel": "loss",
        "yscale": "linear",
    },
    "plots.image_grid": lambda: {"images": np.arange(8.0).reshape(2, 2, 2), "titles": ["a", "b"], "columns": 2},
    "reproducibility.seed_everything": lambda: {"seed": 3},
    "start.quiet_tensorflow": dict,
    "sequences.SplitSeries.unscale": lambda: {"self": split(), "values": np.array([[0.5], [1.0]])},
    "sequences.windows": lambda: {"series": SERIES, "window": 3, "horizon": 2},
    "sequences.split_windows": lambda: {"series": SERIES, "window": 1, "horizon": 1, "train": 0.5, "validation": 0.25},
    "training.Trained.model": lambda: {"self": trained(), "member": 1},
    "training.Trained.each": lambda: {"self": trained(), "function": lambda model: model.count_params()},
    "training.Trained.predict": lambda: {"self": trained(), "inputs": training_data()[0]},
    "training.Trained.table": lambda: {"self": trained(), "column": "training loss"},
    "training.train_grid": lambda: {
        "build": compiled,
        "train": training_data(),
        "validation": training_data(),
        "etas": [0.5],
        "lmbds": [0.25],
        "epochs": 1,
        "batch_size": 4,
        "seed": 1,
    },
    "training.train_members": lambda: {
        "build": compiled,
        "train": training_data(),
        "members": pd.DataFrame({"seed": [1]}),
        "epochs": 1,
        "batch_size": 4,
        "validation": training_data(),
        "patience": 1,
        "sample_weight": np.ones(4),
        "class_weight": None,
        "rows": np.array([[0, 1, 2, 3]]),
        "n_jobs": None,
    },
    "sequences.roll_out": lambda: {"model": network(), "start": np.array([[[0.5], [1.0]]]), "steps": 2},
}


class Converts:
    """An array of another library."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.values, Exception):
            raise self.values
        return np.array(self.values, dtype=dtype)


class Labelled(Converts):
    """An array with coordinates, as xarray has them."""

    def __init__(self, values, index):
        super().__init__(values)
        self.dims, self.indexes = ("time",), {"time": index}


class Silent:
    """It has no text."""

    def __repr__(self):
        raise RuntimeError("no text")


DAYS = pd.date_range("2024-01-01", periods=3)
NUMBERS = np.array([1.0, 2.0, 3.0])
# One of every kind of value; called anew for each use, because generators are used up.
ODD = {
    # scalars
    **{
        f"{value!r}": lambda value=value: value
        for value in (None, True, 0, 1, 3, -1, 2.5, 1.0, np.nan, np.inf, -np.inf, 1e39, 1e308, 1e-320)
    },
    "2**31": lambda: 2**31,
    "10**20": lambda: 10**20,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "-10**20": lambda: -(10**20),
    **{f"np.{kind}": lambda kind=kind: getattr(np, kind)(2) for kind in ("int8", "uint64", "float16", "float32", "longdouble", "bool_")},
    **{
        f"{value!r}": lambda value=value: value
        for value in (1j, decimal.Decimal("0.5"), decimal.Decimal("sNaN"), Fraction(1, 2), pd.NA, pd.NaT)
    },
    "masked": lambda: np.ma.masked,
    "a date": lambda: datetime.date(2024, 1, 2),
    "a timestamp": lambda: pd.Timestamp("2024-01-02"),
    "a duration": lambda: datetime.timedelta(1),
    "datetime64": lambda: np.datetime64("2024-01-02", "ns"),
    **{f"the text {text!r}": lambda text=text: text for text in ("", "0.7", "3", "no", "4,185.14", "a\nb", "{", "$x", "x" * 1000)},
    "bytes": lambda: b"abc",
    "a path": lambda: Path("digits.npz"),
    # containers
    "[]": list,
    "{}": dict,
    "a set": lambda: {1, 2},
    "a dict": lambda: {"a": [1.0, 2.0]},
    "a list of text": lambda: ["a", "b"],
    "numbers as text": lambda: ["1", "2", "4,185.14"],
    "numbers and text": lambda: [1.0, "x"],
    "a list with None": lambda: [1.0, None],
    "a list with masked": lambda: [1.0, np.ma.masked],
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "ragged arrays": lambda: [np.zeros(2), np.zeros(3)],
    "a generator": lambda: (x for x in (1.0, 2.0)),
    "a map": lambda: map(str, (1, 2)),
    "a range": lambda: range(3),
    "pairs": lambda: [("a", 1), ("b", 2)],
    # arrays
    "0-d": lambda: np.array(3.0),
    "empty": lambda: np.zeros((0, 3)),
    "no columns": lambda: np.zeros((3, 0)),
    **{f"{rank}-d": lambda rank=rank: np.ones((2,) * rank) for rank in range(1, 6)},
    **{f"an array with {bad}": lambda bad=bad: np.array([1.0, bad, 2.0]) for bad in (np.nan, np.inf, 1e39, 1e308, 1e-320)},
    "complex": lambda: np.array([1j, 2]),
    "objects": lambda: np.array([object(), 1.0], dtype=object),
    "lists in an array": lambda: np.array([[1, 2], [3]], dtype=object),
    "structured": lambda: np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    "dates": DAYS.to_numpy,
    "durations": lambda: (DAYS - DAYS[0]).to_numpy(),
    "masked dates": lambda: np.ma.array(DAYS.to_numpy(), mask=[False, True, False]),
    "a masked array": lambda: np.ma.array(NUMBERS, mask=[False, True, False]),
    "a picture": lambda: Image.new("RGB", (4, 5)),
    "a palette": lambda: [Image.new("P", (4, 5))],
    "pictures of two sizes": lambda: [Image.new("L", (4, 5)), Image.new("L", (5, 4))],
    "a tensor that needs its gradient": lambda: Converts(RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse detach.")),
    # pandas, and what looks like xarray
    "DatetimeIndex": lambda: DAYS,
    "PeriodIndex": lambda: DAYS.to_period("D"),
    "a Series of dates": lambda: pd.Series(DAYS),
    "a Series with a time zone": lambda: pd.Series(DAYS.tz_localize("UTC")),
    "a Series with NA": lambda: pd.Series([1, None, 3], dtype="Int64"),
    "a Series of text": lambda: pd.Series(["a", "b", "c"]),
    "a Series of categories": lambda: pd.Series(["a", "b", "c"], dtype="category"),
    "a table with dates": lambda: pd.DataFrame({"Date": DAYS, "Close": NUMBERS}),
    "a table with text": lambda: pd.DataFrame({"Date": ["1", "2", "3"], "Close": NUMBERS}),
    "a table with NA": lambda: pd.DataFrame({"a": pd.array([1, None, 3], dtype="Float64")}),
    "an empty table": pd.DataFrame,
    **{
        f"a Series over {name}": lambda index=index: pd.Series(np.arange(float(len(index))), index)
        for name, index in {
            "text": ["12/30/2023", "01/01/2024"],
            "falling dates": DAYS[::-1],
            "equal dates": DAYS[[0, 0, 1]],
            "NaT": [DAYS[0], pd.NaT],
            "NaN": [1.0, np.nan],
            "categories": pd.CategoricalIndex(["a", "b"]),
            "a mixture": [1, "a"],
            "mixed time zones": pd.Index([DAYS[0], DAYS[1].tz_localize("UTC")], dtype=object),
            "levels": pd.MultiIndex.from_product([["A", "B"], DAYS]),
        }.items()
    },
    "coordinates that fall": lambda: Labelled(NUMBERS, DAYS[::-1]),
    # functions and objects
    **{
        f"a function that returns {value!r}": lambda value=value: lambda *arguments, **named: value
        for value in (None, "x", np.nan, np.ones(1), np.float32(1), 1e308, 1j, [1.0, "x"])
    },
    "object()": object,
    "an object without text": Silent,
    "a class": lambda: Converts,
    "a module": lambda: np,
}


def same_shape_clothes(array):
    """The numbers of `array` in other clothes; what is done with them must not change."""
    array = np.asarray(array)
    import tensorflow as tf

    clothes = {
        "a list": array.tolist(),
        "a Fortran array": np.asfortranarray(array),
        "a view with a step": np.repeat(array, 2, axis=0)[::2],
        "a masked array without masked values": np.ma.array(array),
        "an array that converts": Converts(array),
        "decimals": np.vectorize(decimal.Decimal, otypes=[object])(array),
        "fractions": np.vectorize(Fraction, otypes=[object])(array),
        "objects": array.astype(object),
        "text": array.astype(str),
        "complex": array + 0j,
        "a tensor": tf.constant(array),
        "arrays in a list": list(array),
        **{kind: array.astype(kind) for kind in ("float16", "float32", "longdouble", ">f8")},
    }
    if array.ndim in (1, 2):
        table = pd.Series if array.ndim == 1 else pd.DataFrame
        clothes |= {
            f"pandas with {dtype}": table(array).astype(dtype)
            for dtype in ("Float64", "object", pd.SparseDtype(float), "string", "category")
        }
        clothes["pandas with rows of other names"] = table(array, index=np.arange(len(array))[::-1])
        clothes["pandas with dates"] = table(array, index=pd.date_range("2024-01-01", periods=len(array)))
    return clothes


def outcome(function, arguments):
    """The result, and what is wrong with the way the function answered, if anything is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return function(**arguments), None
        except Exception as error:
            return None, error


def complaint(name, error):
    """What is wrong with an exception that should be one sentence of the package's own; None if nothing is."""
    text = str(error)
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    if type(error) not in (ValueError, OSError, FileNotFoundError, *SENTENCES.get(name, ())):
        return f"{type(error).__name__}: {text[:100]}"
    if raised_in.parent != Path(physnets.__file__).parent:
        return f"raised in {raised_in.name}: {text[:100]}"
    if "\n" in text or not text.endswith(".") or len(text) > 300 or not re.search("expected|; there are: |without full=True", text):
        return f"no sentence: {text[:400]}"
    return None


def alike(one, other):
    """Whether two results are the same: of one type, and arrays equal number by number."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, np.ndarray) and one.dtype != object:
        return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True)
    if hasattr(one, "train") and hasattr(one, "scaler"):
        return alike([*one.train, *one.test, one.scaler.mean_], [*other.train, *other.test, other.scaler.mean_])
    return one == other if isinstance(one, (int, float, str)) else True


def calls(name, function):
    """Each argument of each function with each odd value: what was done, the result or the exception, and the result expected if any."""
    usual = outcome(function, EXAMPLES[name]())
    yield "the example", *usual, None
    for argument, valid in EXAMPLES[name]().items():
        if argument in OURS or argument == "self":
            continue
        odd = [(what, make, None) for what, make in ODD.items()]
        if isinstance(valid, np.ndarray):
            odd += [(f"{what} of the same shape", lambda value=value: value, usual[0]) for what, value in same_shape_clothes(valid).items()]
            for what, change in {"a row less": valid[:-1], "an axis more": valid[..., None], "transposed": valid.T}.items():
                odd.append((what, lambda change=change: change, None))
        for what, make, wanted in odd:
            yield f"{argument} = {what}", *outcome(function, EXAMPLES[name]() | {argument: make()}), wanted
            plt.close("all")


def faults(name, function):
    """How many calls there were, and which went wrong in which way."""
    count, found, kind = 0, [], None
    for call, result, error, wanted in calls(name, function):
        count += 1
        if call == "the example":
            assert error is None, f"the example of {name} does not work: {error}"
            kind = type(result)
        elif error is not None:
            problem = complaint(name, error)
            if problem:
                found.append(f"{call}: {problem}")
        elif type(result) is not kind and not issubclass(type(result), kind):
            found.append(f"{call}: returned a {type(result).__name__}, not a {kind.__name__}")
        elif wanted is not None and not alike(result, wanted):
            found.append(f"{call}: another result than for the array")
    return count, found


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """No network, no tables on the screen, and TensorFlow and matplotlib as other tests expect them."""
    from tensorflow.python.framework import config

    monkeypatch.setenv("PHYSNETS_OFFLINE", "1")
    monkeypatch.setattr("IPython.display.display", lambda shown: None)
    monkeypatch.setattr("physnets.training._train_piece", not_trained)
    with matplotlib.rc_context():
        yield
    config.disable_op_determinism()


FUNCTIONS = public_functions()


def test_every_public_function_has_an_example_of_all_its_arguments():
    assert set(EXAMPLES) == set(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        needed = set(inspect.signature(function).parameters) - (OURS if name.startswith("inputs.") else set())
        assert set(EXAMPLES[name]()) - OURS == needed - OURS, name
    assert len(ODD) > 100 and isinstance(ODD["a generator"](), types.GeneratorType)


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if inspect.signature(function).parameters])
def test_odd_input_works_as_documented_or_gets_one_sentence(name):
    count, found = faults(name, FUNCTIONS[name])
    assert count > len(ODD)
    assert found == [], f"{len(found)} of {count} calls:\n" + "\n".join(found)
